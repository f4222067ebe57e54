"""Power laws by ordinary least squares in natural logs, and their bands."""

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from ilscaling.errors import FitError
from ilscaling.laws.forms import straight
from ilscaling.laws.records import Fit, Line, blank

# Residuals and ranges below this are rounding, of which no statistic means anything.
EXACT = 1e-12


def power_law(
    x: np.ndarray,
    y: np.ndarray,
    *,
    game: str,
    law: str,
    method: str,
    flops: str,
    level: float,
    flags: Sequence[str] = (),
) -> Fit:
    """Fit ln y = intercept + estimate * ln x by ordinary least squares.

    Parameters
    ----------
    x, y : arrays (n,)
        In any order.
    game, law, method, flops
        What the record says of itself (see records.Fit).
    level
        Of the interval, Student's with n - 2 degrees of freedom.
    flags
        'code: sentence' that the record begins its flags with.

    Returns
    -------
    Fit
        Two points give an exponent without an interval, fewer give none; the flags say so.

    Raises
    ------
    FitError
        For values that have no logarithm.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if not (np.isfinite(x) & np.isfinite(y) & (x > 0) & (y > 0)).all():
        raise FitError("a power law needs positive finite values", where=f"{game}: {law}, {method}")
    order = np.argsort(x, kind="stable")  # Durbin-Watson is along x
    x, y = x[order], y[order]
    fit = blank(
        game=game,
        law=law,
        method=method,
        form="power",
        parameter="exponent",
        interval="t",
        flops=flops,
        level=level,
        n=len(x),
        flags=list(flags),
    )
    if len(x) < 2 or np.ptp(np.log(x)) < EXACT:
        points = f"{len(x)} point" + "s" * (len(x) != 1) + " at one x" * (len(x) > 1)
        fit["flags"].append(f"not_fitted: {points}, a line needs two")
        return fit
    return _least_squares(fit, x, y)


def _least_squares(fit: Fit, x: np.ndarray, y: np.ndarray) -> Fit:
    """Fill in the record of at least two points by rising x."""
    log_x, log_y = np.log(x), np.log(y)
    (intercept,), (slope,), (rss,) = straight.least_squares(log_x[None], log_y[None])
    residual, dof = log_y - intercept - slope * log_x, len(log_x) - 2
    line = Line(
        centre=float(log_x.mean()),
        sxx=float(((log_x - log_x.mean()) ** 2).sum()),
        sigma=float(np.sqrt(rss / dof)) if dof else None,
        own=None,
        dof=dof,
        x_low=float(x[0]),
        x_high=float(x[-1]),
    )
    fit |= {"intercept": float(intercept), "estimate": float(slope), "line": line}
    if dof == 0:
        fit["flags"].append("two_points: the line passes through both, there is no interval")
        return fit
    half = stdtrit(dof, 0.5 + fit["level"] / 2) * line["sigma"] / np.sqrt(line["sxx"])
    fit |= {"ci_low": float(slope - half), "ci_high": float(slope + half)}
    if np.ptp(log_y) > EXACT:
        fit["r2"] = float(1 - rss / ((log_y - log_y.mean()) ** 2).sum())
    if np.abs(residual).max() > EXACT:
        # Durbin and Watson 1950.
        fit["durbin_watson"] = float((np.diff(residual) ** 2).sum() / (residual**2).sum())
        # Well below the value 2 of independent residuals; the exact bounds depend on n.
        if fit["durbin_watson"] < 1:
            fit["flags"].append(
                f"correlated: neighbouring residuals agree (Durbin-Watson "
                f"{fit['durbin_watson']:.2f}), so that the t-interval is too narrow"
            )
    return fit


def resampled(
    x: np.ndarray, intercept: np.ndarray, slope: np.ndarray, own: float, dof: int
) -> Line | None:
    """The band of a line by its resamples.

    Parameters
    ----------
    x : array (n,)
        Of the points, positive.
    intercept, slope : arrays (draws,)
        Of ln y on ln x; draw 0 is the measurement's line.
    own : float
        Standard deviation of a new measurement about the line, in ln.
    dof : int
        Degrees of freedom between runs.

    Returns
    -------
    Line or None
        None where under half of the resamples have a line, or their slopes are all alike.
    """
    known = np.isfinite(intercept[1:]) & np.isfinite(slope[1:])
    if dof < 1 or known.sum() < 2 or 2 * known.sum() < len(known) or not np.isfinite(own):
        return None
    (level, both), (_, steep) = np.cov(intercept[1:][known], slope[1:][known])
    if not steep > EXACT**2:
        return None
    # level + 2 both u + steep u^2 is least at -both / steep; rounding may take it below zero.
    least = max(level - both**2 / steep, EXACT**2)
    sigma = np.sqrt(len(x) * least)
    return Line(
        centre=float(-both / steep),
        sxx=float(sigma**2 / steep),
        sigma=float(sigma),
        own=float(own),
        dof=int(dof),
        x_low=float(np.min(x)),
        x_high=float(np.max(x)),
    )


def predict(
    fit: Fit, x: np.ndarray, level: float | None = None, *, new: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The fitted line and its band.

    Parameters
    ----------
    fit
        Of `power_law`, or the record of a power law by bootstrap.
    x : array of any shape
    level : float, optional
        Of the band; by default the fit's own.
    new : bool
        The band of a new measurement, not of the line (its mean response).

    Returns
    -------
    mean, low, high : arrays of the shape of x
        low and high are NaN where there is no band: two points, too few resamples.

    Raises
    ------
    FitError
        For a law that was not fitted.
    """
    if fit["estimate"] is None:
        where = f"{fit['game']}, {fit['method']}: {'; '.join(fit['flags'])}"
        raise FitError(f"{fit['law']} was not fitted", where=where)
    log_x, line = np.log(np.asarray(x, dtype=np.float64)), fit["line"]
    mean = fit["intercept"] + fit["estimate"] * log_x
    half = np.full_like(mean, np.nan)
    if line is not None and line["sigma"] is not None:
        quantile = stdtrit(line["dof"], 0.5 + (level or fit["level"]) / 2)
        leverage = 1 / fit["n"] + (log_x - line["centre"]) ** 2 / line["sxx"]
        own = line["sigma"] if line.get("own") is None else line["own"]
        half = quantile * np.sqrt(line["sigma"] ** 2 * leverage + (own**2 if new else 0.0))
    return np.exp(mean), np.exp(mean - half), np.exp(mean + half)
