"""The budget at which a return is reached."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ilscaling.errors import FitError
from ilscaling.laws import headline
from ilscaling.laws.fitted import FittedGame, expert_return, fitted, has_law, typed
from ilscaling.laws.prediction import beyond
from ilscaling.params import Laws

GOALS = {
    "game": "str",
    "method": "str",
    "form": "str",
    "return_wanted": "float64",
    "budget": "float64",
    "low": "float64",
    "high": "float64",
    "flags": "str",
}
# A goal is sought up to this multiple of the largest budget, at so many budgets.
FAR, STEPS = 1e12, 600


def goals(
    table: pd.DataFrame, settings: Laws, wanted: float, *, games: list[FittedGame] | None = None
) -> pd.DataFrame:
    """The budget at which each game's return reaches a wanted one.

    Parameters
    ----------
    table
        A results table.
    settings
        How laws are fitted.
    wanted
        Return, in points of the game.
    games : list, optional
        The table's games as `fitted` returns them; by default they are fitted here.

    Returns
    -------
    DataFrame
        Of GOALS, a row a (game, method, form); see `goals_of`.

    Raises
    ------
    FitError
        For a return that is not positive.
    """
    parts = [
        goals_of(
            admitted.runs,
            [frontier for frontier in of if frontier.method != headline.NAME],
            wanted,
            level=settings.level,
            expert=expert_return(table[table["game"] == name]),
        )
        for name, admitted, of in games or fitted(table, settings)
    ]
    return pd.concat(parts, ignore_index=True)


def goals_of(
    runs, frontiers: Sequence, wanted: float, *, level: float, expert: float | None = None
) -> pd.DataFrame:
    """The budget at which each frontier's return reaches a wanted one.

    By grid and vertex the law of the highest return, by the surfaces the return at the loss
    optimum.

    Parameters
    ----------
    runs : Runs
        The admitted rows of the game.
    frontiers : sequence of Frontier
    wanted
        Return, in points of the game.
    level
        Of the interval, which is that of the law, by its draws; an infinite end is empty and
        flagged.
    expert
        The expert's return, in points of the game; a wanted return beyond it is flagged.

    Returns
    -------
    DataFrame
        Of GOALS, a row a frontier.

    Raises
    ------
    FitError
        For a return that is not positive.
    """
    if not (np.isfinite(wanted) and wanted > 0):
        raise FitError(f"a return has a law only where it is positive, not {wanted:g}")
    rows = []
    for frontier in frontiers:
        law = next((law for law in ("R_max", "R_on_1/L") if has_law(frontier, law)), None)
        names = {"game": runs.game, "method": frontier.method, "form": frontier.form}
        if law is None:
            why = frontier.flags.get("R_max") or frontier.flags.get("R_on_1/L")
            flags = list(why or ["not_fitted: there is no law of the return"])
            goal = {"flags": "; ".join(flags)}
        else:
            goal = _goal(frontier, law, runs, wanted, level)
            flags = [goal["flags"], *beyond(wanted, expert)]
            goal["flags"] = "; ".join(filter(None, flags))
        rows.append({**names, "return_wanted": wanted, **goal})
    return typed(rows, GOALS)


def _goal(frontier, law: str, runs, wanted: float, level: float) -> dict:
    """Budget, its interval and flags; the law is inverted between close steps in ln C."""
    first, last = float(np.min(runs.C)), float(np.max(runs.C))
    C = np.geomspace(first, FAR * last, STEPS)
    reached = crossing(np.log(C), frontier.predict(law, C), wanted)
    flags = list(frontier.flags.get(law, ()))
    if np.isnan(reached[0]):
        return {"flags": "; ".join([*flags, "not_fitted: the law has no value"])}
    if reached[0] == np.inf:
        top = np.nanmax(frontier.predict(law, C)[0])
        flags.append(
            f"not_reached: the law stays below {wanted:g}, at {top:.4g}, up to {FAR:g} times the"
            " largest budget"
        )
    elif reached[0] > np.log(last):
        times = np.exp(reached[0]) / last
        flags.append(f"extrapolated: {times:.3g} times the largest budget")
    elif reached[0] == np.log(first):
        flags.append("at_once: the law is there at the smallest budget")
    values = {"budget": np.exp(reached[0]) if np.isfinite(reached[0]) else np.nan}
    known = reached[1:][~np.isnan(reached[1:])]
    if 2 * len(known) < len(reached) - 1 or not len(known):
        return {**values, "flags": "; ".join([*flags, "no_interval: too few draws have a law"])}
    never = float(np.mean(known == np.inf))
    if never:
        flags.append(f"unbounded: {100 * never:.2g} % of the draws never reach it")
    low, high = _ends(reached[0], known, level)
    return {**values, "low": low, "high": high, "flags": "; ".join(flags)}


def _ends(at: float, known: np.ndarray, level: float) -> tuple[float, float]:
    """Interval of a budget from ln of the draws' budgets, NaN for an infinite end.

    The draws' deviations from their median are those of `at`, as in interval.combined: the best of
    noisy cells is too good in every draw. Where `at` or the median is infinite the draws' own lower
    end is given.
    """
    # Order statistics: between a budget and infinity there is no quantile.
    shares = (0.5 - level / 2, 0.5, 0.5 + level / 2)
    low, middle, high = (np.quantile(known, q, method="closest_observation") for q in shares)
    shift = at - middle if np.isfinite(at) and np.isfinite(middle) else 0.0
    if not np.isfinite(at):
        high = np.inf
    return tuple(float(np.exp(e + shift)) if np.isfinite(e) else np.nan for e in (low, high))


def crossing(log_x: np.ndarray, y: np.ndarray, wanted: float) -> np.ndarray:
    """ln x at which each draw first reaches a value, linear in logs.

    Parameters
    ----------
    log_x : array (points,)
        Rising.
    y : array (draws, points)
    wanted
        In the unit of y.

    Returns
    -------
    array (draws,)
        Infinite where it never does, NaN where a draw has no value.
    """
    with np.errstate(all="ignore"):
        log_y = np.log(y) - np.log(wanted)
    there = log_y >= 0
    last = np.argmax(there, axis=1)
    before, rows = np.maximum(last - 1, 0), np.arange(len(y))
    low, high = log_y[rows, before], log_y[rows, last]
    with np.errstate(all="ignore"):
        share = np.where(last > 0, -low / (high - low), 0.0)
    at = log_x[before] + np.where(np.isfinite(share), share, 1.0) * (log_x[last] - log_x[before])
    at = np.where(there.any(1), at, np.inf)
    return np.where(np.isnan(log_y).all(1), np.nan, at)
