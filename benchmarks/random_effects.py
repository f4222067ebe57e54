"""A candidate for the quoted exponent: a quadratic in ln N and ln C with random effects by run.

ln L = b0 + bn n + bc c + bnn n^2 + bnc n c + bcc c^2 + u_run + v_run c + e, by restricted maximum
likelihood (statsmodels' MixedLM, independent u and v); N_opt ~ C^(-bnc / 2 bnn), with its standard
error by the delta method. covering.py judges it beside the methods of ilscaling.
"""

import warnings

import numpy as np
from scipy import stats
from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams

from ilscaling.laws.runs import Runs


def exponent(runs: Runs, window: float | None, level: float) -> tuple[float, float, float] | None:
    """N_opt's exponent and its interval, by Student's t with runs - 1 degrees of freedom.

    Parameters
    ----------
    runs
        Rows of one game, all with a loss.
    window
        Rows of sizes up to so many times off the best of their budget enter. None: all rows.
    level
        Of the interval.

    Returns
    -------
    (estimate, low, high) or None
        None where the likelihood has no maximum, or the surface no optimum.
    """
    best = np.full(len(runs.budgets), np.nan)
    for k in np.unique(runs.position):
        here = runs.position == k
        best[k] = runs.N[here][np.argmin(runs.L[here])]
    away = np.abs(np.log(runs.N / best[runs.position]))
    some = runs.where(away <= np.log(window or np.inf) * 1.01)
    n, c = (np.log(v) - np.log(v).mean() for v in (some.N, some.C))
    n, c = n / n.std(), c / c.std()
    scale = np.log(some.N).std() / np.log(some.C).std()
    X = np.stack([np.ones_like(n), n, c, n * n, n * c, c * c], 1)
    model = MixedLM(np.log(some.L) * 100, X, some.run, exog_re=np.stack([np.ones_like(c), c], 1))
    free = MixedLMParams.from_components(fe_params=np.ones(6), cov_re=np.eye(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fitted = model.fit(reml=True, free=free)
        except (np.linalg.LinAlgError, ValueError):
            return None
    bnn, bnc = fitted.fe_params[[3, 4]]
    cov = np.asarray(fitted.cov_params())[np.ix_([3, 4], [3, 4])]
    slope = np.array([bnc / (2 * bnn**2), -1 / (2 * bnn)])
    se = np.sqrt(slope @ cov @ slope)
    if bnn <= 0 or not np.isfinite(se):
        return None
    middle, half = -bnc / (2 * bnn), stats.t.ppf(0.5 + level / 2, runs.count - 1) * se
    return tuple(float(scale * v) for v in (middle, middle - half, middle + half))
