"""Power laws by ordinary least squares in natural logs, with t-intervals."""

from collections.abc import Sequence

import numpy as np
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.stattools import durbin_watson

from ilscaling.errors import FitError
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
    """Fit ln y = intercept + estimate * ln x to arrays of shape (n,).

    Two points give an exponent without an interval, fewer give none; the record's flags say so.
    Raises FitError for values that have no logarithm.
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
    result = sm.OLS(log_y, sm.add_constant(log_x)).fit()
    fit["intercept"], fit["estimate"] = (float(value) for value in result.params)
    dof = len(log_x) - 2
    fit["line"] = Line(
        centre=float(log_x.mean()),
        sxx=float(((log_x - log_x.mean()) ** 2).sum()),
        sigma=float(np.sqrt(result.ssr / dof)) if dof else None,
        dof=dof,
        x_low=float(x[0]),
        x_high=float(x[-1]),
    )
    if dof == 0:
        fit["flags"].append("two_points: the line passes through both, there is no interval")
        return fit
    fit["ci_low"], fit["ci_high"] = (float(v) for v in result.conf_int(1 - fit["level"])[1])
    if np.ptp(log_y) > EXACT:
        fit["r2"] = float(result.rsquared)
    if np.abs(result.resid).max() > EXACT:
        fit["durbin_watson"] = float(durbin_watson(result.resid))
        # Well below the value 2 of independent residuals; the exact bounds depend on n.
        if fit["durbin_watson"] < 1:
            fit["flags"].append(
                f"correlated: neighbouring residuals agree (Durbin-Watson "
                f"{fit['durbin_watson']:.2f}), so that the t-interval is too narrow"
            )
    return fit


def predict(
    fit: Fit, x: np.ndarray, level: float | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The fitted line at `x` (any shape) and its confidence band: (mean, ci_low, ci_high).

    The band is of the line (its mean response), not of a new measurement; it is all NaN where two
    points give no interval. `level` defaults to the fit's own. Raises FitError for a law that was
    not fitted.
    """
    if fit["estimate"] is None:
        where = f"{fit['game']}, {fit['method']}: {'; '.join(fit['flags'])}"
        raise FitError(f"{fit['law']} was not fitted", where=where)
    log_x, line = np.log(np.asarray(x, dtype=np.float64)), fit["line"]
    mean = fit["intercept"] + fit["estimate"] * log_x
    half = np.full_like(mean, np.nan)
    if line["sigma"] is not None:
        quantile = stats.t.ppf(0.5 + (level or fit["level"]) / 2, line["dof"])
        leverage = 1 / fit["n"] + (log_x - line["centre"]) ** 2 / line["sxx"]
        half = quantile * line["sigma"] * np.sqrt(leverage)
    return np.exp(mean), np.exp(mean - half), np.exp(mean + half)
