"""Prediction intervals: where a new measurement will lie, by a method's law at a larger budget."""

import numpy as np
from scipy.special import stdtrit

# Quantiles of the residuals that are combined with every draw.
LEVELS = (np.arange(40) + 0.5) / 40


def prediction(
    frontier, law: str, C: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A law's value at larger compute, and the interval of a new measurement there.

    The interval combines the resamples' scatter of the prediction with that of a measurement about
    it: snapshots of a run share its luck, so that a line through them looks better known than it
    is, the more so the farther it is drawn out. A power law adds the variances and has Student's
    quantile with runs - 1 degrees of freedom, or, without resamples, his interval of a new
    observation; all else adds the deviations, about their median, to the residuals' t-distribution.
    Return on 1/loss adds the loss's own spread, as it is predicted from a predicted loss.

    Parameters
    ----------
    frontier : Frontier
    law
        A key of records.LAWS.
    C : array (points,)
        FLOPs.
    level
        Share of measurements that the interval is to hold.

    Returns
    -------
    predicted, low, high : arrays (points,)
        low and high are NaN where the residuals leave no freedom, or under half of the draws have a
        value.
    """
    C = np.asarray(C, dtype=np.float64)
    draws = frontier.predict(law, C)
    predicted, unknown = draws[0], np.full(len(C), np.nan)
    parts = [(np.ones(len(C)), law)]
    if law == "R_on_1/L":
        parts.append((_steepness(frontier, C), "L_min"))
    spreads = [frontier.spread(name) for _, name in parts]
    dof = min(freedom for _, freedom in spreads)
    if dof < 1 or not (np.isfinite(predicted).any() and np.isfinite(spreads).all()):
        return predicted, unknown, unknown
    variances = [(by * sd) ** 2 for (by, _), (sd, _) in zip(parts, spreads, strict=True)]
    variance = sum(variances)
    sigma = np.sqrt(variance)
    leverage = getattr(frontier, "leverage", None)
    scatter = getattr(frontier, "scatter", None)
    if frontier.form == "power" and scatter is not None and frontier.runs_dof:
        known = np.isfinite(draws[1:])
        with np.errstate(all="ignore"):
            line = np.log(np.where(known, draws[1:], np.nan))
            middle = np.nansum(line, axis=0) / known.sum(axis=0)
            line = np.nansum((line - middle) ** 2, axis=0) / (known.sum(axis=0) - 1)
        # A new optimum scatters as those at hand do among the resamples, or about the law.
        own = sum((by * scatter(name)) ** 2 for by, name in parts)
        half = stdtrit(frontier.runs_dof, 0.5 + level / 2) * np.sqrt(
            line + np.maximum(variance, own)
        )
        half = np.where(2 * known.sum(axis=0) >= len(known), half, np.nan)
        return predicted, predicted * np.exp(-half), predicted * np.exp(half)
    if frontier.form == "power" and leverage is not None:
        wider = [v * leverage(name, C) for v, (_, name) in zip(variances, parts, strict=True)]
        half = stdtrit(dof, 0.5 + level / 2) * np.sqrt(sigma**2 + sum(wider))
        return predicted, predicted * np.exp(-half), predicted * np.exp(half)
    return predicted, *combined(draws, sigma, dof, level)


def _steepness(frontier, C: np.ndarray) -> np.ndarray:
    """d ln R / d ln(1/L) of the measurement along the frontier at C (points,); 0 where the loss
    does not move."""
    near = np.concatenate([C, 1.01 * C])
    with np.errstate(all="ignore"):
        R, L = (np.log(frontier.predict(law, near)[0]) for law in ("R_on_1/L", "L_min"))
        n = len(C)
        slope = np.abs((R[n:] - R[:n]) / (L[n:] - L[:n]))
    return np.where(np.isfinite(slope), slope, 0.0)


def combined(
    draws: np.ndarray, sigma: np.ndarray, dof: int, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Interval of a measurement that scatters about an uncertain prediction.

    The draws' deviations, in ln and from their median, are those of the prediction at draw 0: the
    best of noisier cells is too good in every draw.

    Parameters
    ----------
    draws : array (draws, points)
        The prediction in every draw; draw 0 is the measurement's.
    sigma : array (points,)
        Standard deviation of ln of a measurement about it.
    dof
        Degrees of freedom of sigma.
    level
        Share of measurements that the interval is to hold.

    Returns
    -------
    low, high : arrays (points,)
        NaN where under half of the draws have a prediction.
    """
    noise = stdtrit(dof, LEVELS)
    tails = [0.5 - level / 2, 0.5 + level / 2]
    with np.errstate(all="ignore"):
        logs = np.log(draws)
    first, others = logs[0], logs[1:] if len(logs) > 1 else logs
    known = np.isfinite(others)
    bounds = np.full((2, len(first)), np.nan)
    enough = np.isfinite(first) & (2 * known.sum(axis=0) >= len(others))
    # Points for which the same draws have a value are done at once; mostly these are all.
    for pattern in np.unique(known[:, enough], axis=1).T:
        same = enough & (known == pattern[:, None]).all(axis=0)
        here = others[pattern][:, same]
        away = (here - np.median(here, axis=0)) + noise[:, None, None] * sigma[same]
        away = away.reshape(-1, here.shape[1])
        bounds[:, same] = np.exp(first[same] + np.quantile(away, tails, axis=0))
    return bounds[0], bounds[1]
