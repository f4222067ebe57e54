"""How often a bend comes by chance: what the forms explain beyond the power law, where it is true.

Information criteria take residuals for independent, and charge nothing for the choice among forms.
The optima of a study are neither: snapshots of a run share its luck, which bends a whole law at
once. So the squares that the best form explains are compared with those in tables of the same runs
under the fitted power law: the law's line, with the deviations of the resampled optima
(a bootstrap test with the null hypothesis imposed; Davidson and MacKinnon 1999, with the p-value
(1 + more extreme) / (1 + draws) of their equation 5).

The squares are not divided by those that are left, as a criterion's logarithm would: eight optima
say little of their noise, the runs behind them say it better, and that finds more floors.
"""

from collections.abc import Iterable

import numpy as np

from ilscaling.laws.forms import FORMS, POWER, Curve, fit
from ilscaling.laws.forms.straight import EXACT, least_squares

# Draws that a p-value rests on, at most, and at least.
MOST, LEAST = 400, 19
# Laws that are power laws of the surface which runs are resampled about (see draws).
STRAIGHT = ("N_opt", "D_opt")


def chances(frontiers: Iterable, laws: Iterable[str]) -> dict[tuple[str, str], float]:
    """How often chance makes as large a bend, of several laws (see `chance`).

    Parameters
    ----------
    frontiers : iterable of Frontier
        Of one game; those whose form is not the power law are passed over.
    laws
        Keys of records.LAWS.

    Returns
    -------
    dict
        (law, method) -> a share, NaN where none can be told.
    """
    laws = list(laws)
    return {
        (law, frontier.method): chance(frontier.curves[law], straight=law in STRAIGHT)
        for frontier in frontiers
        if frontier.form == POWER
        for law in laws
    }


def chance(power: Curve, *, straight: bool = False) -> float:
    """Share of tables under the fitted power law of which a form explains as much more as measured.

    Parameters
    ----------
    power : Curve
        The power law, fitted to the measurement and its resamples.
    straight : bool
        Whether the law is a power law of the surface behind the resamples. Then a bend of their
        mean is a bias of the method, as at the ends of the grid, and stays; else it is the
        surface's own, and is taken out.

    Returns
    -------
    float
        NaN without a form to compare, or with fewer than LEAST resamples.
    """
    x, y = power.x[0], power.y[0]
    there = np.isfinite(x) & np.isfinite(y) & (y > 0)
    drawn = power.y[1 : 1 + MOST, there]
    if power.reason or len(drawn) < LEAST:
        return np.nan
    with np.errstate(all="ignore"):
        away = np.log(np.where(drawn > 0, drawn, np.nan))
        known = np.isfinite(away)
        middle = np.where(known, away, 0.0).sum(0) / known.sum(0)
        if straight:
            intercept, slope, _ = least_squares(np.log(x[there])[None], middle[None])
            middle = intercept + slope * np.log(x[there])
        away = away - middle
        line = np.log(power.predict(x[there])[0])
    null = np.exp(line + away)
    gains = gain(x[there], np.vstack([y[there], null]))
    judged = gains[1:][np.isfinite(gains[1:])]
    if not np.isfinite(gains[0]) or len(judged) < LEAST:
        return np.nan
    if gains[0] <= len(null[0]) * EXACT**2:
        return 1.0  # an exact power law: what is left is rounding
    return float((1 + (judged >= gains[0]).sum()) / (1 + len(judged)))


def gain(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """By how much another form lowers the power law's sum of squares of ln y.

    Parameters
    ----------
    x : array (points,)
    y : array (draws, points)

    Returns
    -------
    array (draws,)
        Of the form that lowers it most, of those that leave draw 0 enough points for a criterion;
        NaN where none does.
    """
    curves = {name: fit(form, x, y) for name, form in FORMS.items()}
    others = [c.rss for name, c in curves.items() if name != POWER and np.isfinite(c.aic[0])]
    if not others:
        return np.full(len(y), np.nan)
    return curves[POWER].rss - np.fmin.reduce(others)
