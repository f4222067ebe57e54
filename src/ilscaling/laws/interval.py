"""Prediction intervals: where a new measurement will lie, by a method's law at a larger budget."""

import numpy as np
from scipy import stats

# Quantiles of the residuals that are combined with every draw.
LEVELS = (np.arange(40) + 0.5) / 40


def prediction(
    frontier, law: str, C: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A law's value at compute C (points,) and the interval of a measurement there.

    Returns (predicted, low, high), each (points,); low and high are NaN where the residuals leave
    no freedom. A power law by least squares has Student's interval of a new observation; all else
    combines the draws, about their median, with the residuals' t-distribution. Return on 1/loss
    adds the loss's own spread, as it is predicted from a predicted loss.
    """
    C = np.asarray(C, dtype=np.float64)
    draws = frontier.predict(law, C)
    predicted = draws[0]
    if not np.isfinite(predicted).any():
        return predicted, np.full_like(predicted, np.nan), np.full_like(predicted, np.nan)
    parts = [(1.0, law)]
    if (law, "exponent") in frontier.parameters and law == "R_on_1/L":
        parts.append((abs(float(frontier.parameters[law, "exponent"][0])), "L_min"))
    spreads = [(by * frontier.spread(name)[0], frontier.spread(name)[1]) for by, name in parts]
    sigma = float(np.sqrt(sum(s**2 for s, _ in spreads)))
    dof = min(d for _, d in spreads)
    if not (np.isfinite(sigma) and dof > 0):
        return predicted, np.full_like(predicted, np.nan), np.full_like(predicted, np.nan)
    leverage = getattr(frontier, "leverage", None)
    if frontier.form == "power" and leverage is not None:
        wider = sum(s**2 * leverage(n, C) for (s, _), (_, n) in zip(spreads, parts, strict=True))
        half = stats.t.ppf(0.5 + level / 2, dof) * np.sqrt(sigma**2 + wider)
        return predicted, predicted * np.exp(-half), predicted * np.exp(half)
    return predicted, *combined(draws, sigma, dof, level)


def combined(
    draws: np.ndarray, sigma: float, dof: int, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Interval (low, high) of a measurement from draws (draws, points) of its prediction.

    The draws' deviations, in ln and from their median, are those of the prediction at draw 0: a
    resample lacks runs, which moves its optima one way. NaN where under half of the draws tell.
    """
    noise = sigma * stats.t.ppf(LEVELS, dof)
    tails = [0.5 - level / 2, 0.5 + level / 2]
    with np.errstate(all="ignore"):
        logs = np.log(draws)
    first, others = logs[0], logs[1:] if len(logs) > 1 else logs
    told = np.isfinite(others)
    bounds = np.full((2, len(first)), np.nan)
    enough = np.isfinite(first) & (2 * told.sum(axis=0) >= len(others))
    # Points for which the same draws tell are done at once; mostly these are all.
    for pattern in np.unique(told[:, enough], axis=1).T:
        same = enough & (told == pattern[:, None]).all(axis=0)
        here = others[pattern][:, same]
        away = (here - np.median(here, axis=0)) + noise[:, None, None]
        away = away.reshape(-1, here.shape[1])
        bounds[:, same] = np.exp(first[same] + np.quantile(away, tails, axis=0))
    return bounds[0], bounds[1]
