"""What makes a fitted power law doubtful, as flags of its records: optima at the grid's edge or
that may not move, and a verdict against it. They are added where everything of a game is known,
so that whoever shows a record shows them, too."""

import pandas as pd

from ilscaling.laws import headline, optima
from ilscaling.laws.forms import POWER
from ilscaling.laws.movement import Movement
from ilscaling.laws.records import LAWS, Fit

# Optima inside the sizes that a law needs: one says nothing of how it moves.
INSIDE = 2
REJECTED = "the pure power law is rejected "
# Codes of flags by which an exponent is not determined, whatever its interval.
DOUBTFUL = {"not_quoted", "not_identified", "two_points", "at_edge", "stays", "beside"}


def add(
    fits: list[Fit],
    best: pd.DataFrame,
    judged: pd.DataFrame,
    moves: dict[str, Movement | None],
) -> None:
    """Add flags to the power laws among the records of a game.

    Parameters
    ----------
    fits : list of Fit
        Whose flags grow, in place.
    best : DataFrame
        The game's measured optima, of optima.COLUMNS.
    judged : DataFrame
        Its verdicts, of verdicts.COLUMNS.
    moves : dict of str to Movement or None
        Law -> whether its optimum moves.
    """
    for fit in fits:
        if fit["form"] != POWER or fit["parameter"] != "exponent" or fit["law"] not in LAWS:
            continue
        method = optima.method(best) if fit["method"] == headline.NAME else fit["method"]
        flags = fit["flags"]
        if fit["estimate"] is not None and (edge := at_edge(best, fit["law"], method)):
            # It says all that the note of some optima at the edge does.
            flags = [*(flag for flag in flags if not flag.startswith("edge:")), edge]
        if fit["estimate"] is not None and (still := stays(fit, moves.get(fit["law"]))):
            flags = [*flags, still]
        if rejected := _rejected(judged, fit["law"], method):
            flags = [*flags, rejected]
        fit["flags"] = flags


def determined(fit: Fit) -> str:
    """How well the estimate of a record is known.

    Returns
    -------
    str
        'determined': the interval has one sign and is at most as wide as the estimate is large;
        'sign only': it has one sign; 'not determined'. Of a power law that is rejected, instead of
        the first two, 'slope only': the mean slope over these budgets, which others do not have.
    """
    estimate, low, high = fit["estimate"], fit["ci_low"], fit["ci_high"]
    doubted = any(flag.partition(":")[0] in DOUBTFUL for flag in fit["flags"])
    if estimate is None or low is None or low * high <= 0 or doubted:
        return "not determined"
    if any(flag.startswith("rejected:") for flag in fit["flags"]):
        return "slope only"
    return "determined" if high - low <= abs(estimate) else "sign only"


def at_edge(best: pd.DataFrame, law: str, method: str) -> str | None:
    """A flag, if fewer than INSIDE optima of a law lie inside the sizes that were tried.

    Parameters
    ----------
    best : DataFrame
        Measured optima of one game.
    law, method
        Whose optima.
    """
    suffix = LAWS[law].optimum
    rows = best[(best["method"] == method) & best[f"used{suffix}"].astype(bool)]
    edges = rows[f"edge{suffix}"].fillna("")
    edges = edges[edges != ""]
    if not len(rows) or len(rows) - len(edges) >= INSIDE:
        return None
    which = " or ".join(sorted(edges.unique(), reverse=True))  # smallest or largest
    where = "every budget" if len(edges) == len(rows) else f"{len(edges)} of {len(rows)} budgets"
    return f"at_edge: the optimum is the {which} size at {where}"


def stays(fit: Fit, moves: Movement | None) -> str | None:
    """A flag, if the cells do not tell that an optimum moves as its exponent says."""
    if moves is None or moves.shows(fit["estimate"], fit["level"]):
        return None
    return (
        "stays: the sizes of budgets move with compute, and the cells do not tell an optimum that"
        f" moves from one that stays (t {moves.t:.1f} of {moves.dof} degrees of freedom)"
    )


def _rejected(judged: pd.DataFrame, law: str, method: str) -> str | None:
    """A flag of the verdict against a power law, if that is the verdict."""
    mine = judged[(judged["law"] == law) & (judged["method"] == method)]
    verdict = mine["verdict"].iloc[0] if len(mine) else ""
    return f"rejected: {verdict.removeprefix(REJECTED)}" if verdict.startswith(REJECTED) else None
