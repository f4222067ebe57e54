"""The table of measured optima: a row a (game, method, budget), of draw 0 of the profiles."""

import numpy as np
import pandas as pd

from ilscaling.laws.cells import Budget
from ilscaling.laws.profiles import Optima, Profiles, highest, lowest
from ilscaling.laws.runs import Runs

# column of the optima table -> meaning; one row a (game, method, budget)
COLUMNS = {
    "game": "game",
    "method": "grid or vertex",
    "position": "index of the budget among those of the game",
    "budget": "declared training FLOPs",
    "flops": "FLOPs at the loss optimum: of its cell, or interpolated in ln N",
    "N_opt": "parameters at the lowest dev loss",
    "D_opt": "samples at the lowest dev loss: of its cell, or interpolated in ln N",
    "L_min": "test loss at the lowest dev loss; without test losses the lowest dev loss",
    "L_chosen": "the lowest dev loss, by which the size was chosen",
    "R_opt": "return at the lowest dev loss: of its cell, or interpolated in ln N",
    "size": "the family's size dial at N_opt (grid only)",
    "edge": "smallest or largest, if the lowest cell is the first or last size of the budget",
    "used": "whether L_min, N_opt, D_opt enter the fits",
    "reason": "why not",
    "flops_return": "FLOPs at the return optimum",
    "N_return": "parameters at the highest return",
    "R_max": "return there over the second half of the episodes; without halves the highest return",
    "R_chosen": "the highest return (over the first half), by which the size was chosen",
    "edge_return": "as edge, for the highest return",
    "used_return": "whether R_max enters the fits",
    "reason_return": "why not",
    "sizes": "sizes measured at the budget",
    "tested": "whether L_min is of the test split",
    "halved": "whether R_max is of episodes that did not choose the size",
    "p0": "p0 + p1 ln N + p2 (ln N)^2 is the parabola of ln L, dev (vertex only)",
    "p1": "see p0",
    "p2": "see p0",
    "N_low": "smallest size in that parabola",
    "N_high": "largest size in that parabola",
    "r0": "r0 + r1 ln N + r2 (ln N)^2 is the parabola of ln R, as chosen by (vertex only)",
    "r1": "see r0",
    "r2": "see r0",
    "N_low_return": "smallest size in that parabola",
    "N_high_return": "largest size in that parabola",
    "flags": "what to know about the budget, separated by '; '",
}
TEXTS = ("game", "method", "edge", "reason", "edge_return", "reason_return", "flags")
TYPES = dict.fromkeys(TEXTS, str) | {"position": "int64"}
TYPES |= dict.fromkeys(("used", "used_return", "tested", "halved"), bool)


def rows(
    runs: Runs, cells: Profiles, budgets: list[Budget], method: str, window: float | None
) -> list[dict]:
    """The optima of one game by one method, a row of COLUMNS a budget.

    Parameters
    ----------
    runs : Runs
        The admitted rows of the game.
    cells : Profiles
        The measured profiles of `runs`.
    budgets : list of Budget
        One for each profile.
    method : str
        One of profiles.METHODS.
    window : float or None
        See `profiles.near`.
    """
    low, high = lowest(cells, method, window), highest(cells, method, window)
    chosen_return = cells.R if cells.R_first is None else cells.R_first
    sizes = runs.size[np.unique(runs.N, return_index=True)[1]]
    lines = []
    for b, budget in enumerate(budgets):
        reason = budget.excluded or low.reasons[b]
        reason_return = budget.excluded_return or high.reasons[b]
        best = int(np.nanargmin(cells.L[0, b]))
        row = {
            "game": runs.game,
            "method": method,
            "position": budget.position,
            "budget": float(runs.budgets[budget.position]),
            **_values(low, b, flops="C", N_opt="N", D_opt="D", L_min="y", L_chosen="chosen"),
            "R_opt": float(low.R[0, b]),
            "size": float(sizes[best]) if method == "grid" else np.nan,
            "edge": _edge(cells.L[0, b], best),
            "used": not reason,
            "reason": reason,
            "edge_return": _edge(chosen_return[0, b]),
            "used_return": not reason_return,
            "reason_return": reason_return,
            "sizes": budget.sizes,
            "tested": runs.tested,
            "halved": runs.halved,
            **_parabola(low, b, "p", ""),
            "flags": "; ".join(budget.flags),
        }
        if not high.reasons[b]:
            names = {"flops_return": "C", "N_return": "N", "R_max": "y", "R_chosen": "chosen"}
            row |= {**_values(high, b, **names), **_parabola(high, b, "r", "_return")}
        lines.append({**dict.fromkeys(COLUMNS, np.nan), **row})
    return lines


def _values(optima: Optima, b: int, **names: str) -> dict[str, float]:
    return {name: float(getattr(optima, of)[0, b]) for name, of in names.items()}


def _parabola(optima: Optima, b: int, letter: str, suffix: str) -> dict[str, float]:
    coefficients = {f"{letter}{k}": float(optima.parabola[b, k]) for k in range(3)}
    ends = {f"N_low{suffix}": optima.low[b], f"N_high{suffix}": optima.high[b]}
    return coefficients | {name: float(end) for name, end in ends.items()}


def _edge(values: np.ndarray, best: int | None = None) -> str:
    """Whether the best of the values (sizes,) is the first or last; the highest without `best`."""
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return ""
    best = int(known[values[known].argmax()]) if best is None else best
    return "smallest" if best == known[0] else "largest" if best == known[-1] else ""


def table(rows: list[dict] | pd.DataFrame) -> pd.DataFrame:
    """Rows as a table of COLUMNS with its dtypes.

    A table without rows has none of these, nor has a column of empty texts that comes from a file.

    Parameters
    ----------
    rows
        See `rows`, or a table that was read from a file.
    """
    typed = pd.DataFrame(rows, columns=list(COLUMNS)).fillna(dict.fromkeys(TEXTS, ""))
    return typed.astype({c: TYPES.get(c, "float64") for c in typed})


def method(optima: pd.DataFrame) -> str:
    """The method of one game's optima to quote: vertex if it has five budgets and half of the
    grid's, else grid.

    The vertex does not jump between sizes, but budgets without an inner optimum have none, and a
    line through fewer than five says little.

    Parameters
    ----------
    optima
        The game's rows of COLUMNS.
    """
    count = optima.loc[optima["used"], "method"].value_counts()
    vertices, cells = count.get("vertex", 0), count.get("grid", 0)
    return "vertex" if vertices >= 5 and 2 * vertices >= cells else "grid"


def selection(optima: pd.DataFrame) -> pd.DataFrame:
    """How much choosing costs: the measurement that chose an optimum beside the one that judged it.

    Parameters
    ----------
    optima
        A table of COLUMNS.

    Returns
    -------
    DataFrame
        A row a (game, method, budget) whose optimum was judged by a measurement of its own: game,
        method, position, budget, and for the loss (nats; below 0: the chosen one looked too low)
        and the return (points; above 0: too high) the difference chosen - judged, NaN where it is
        unknown or does not enter the fits.
    """
    known = optima.assign(
        loss=(optima["L_chosen"] - optima["L_min"]).where(optima["tested"] & optima["used"]),
        return_=(optima["R_chosen"] - optima["R_max"]).where(
            optima["halved"] & optima["used_return"]
        ),
    ).rename(columns={"return_": "return"})
    known = known[["game", "method", "position", "budget", "loss", "return"]]
    return known[known[["loss", "return"]].notna().any(axis=1)].reset_index(drop=True)


def curve(
    row: pd.Series, quantity: str = "loss", points: int = 61
) -> tuple[np.ndarray, np.ndarray] | None:
    """The vertex's parabola of one row of the optima table, to draw.

    Parameters
    ----------
    row
        Of COLUMNS.
    quantity : str
        'loss' or 'return'.
    points
        At how many sizes, evenly in ln N.

    Returns
    -------
    (N, y) or None
        Arrays (points,) over the sizes that entered it: parameters, and losses (nats) or returns
        (game points). None where there is no parabola.
    """
    letter, suffix = ("p", "") if quantity == "loss" else ("r", "_return")
    coefficients = [row[f"{letter}{power}"] for power in range(3)]
    if not np.isfinite(coefficients).all():
        return None
    N = np.geomspace(row[f"N_low{suffix}"], row[f"N_high{suffix}"], points)
    return N, np.exp(np.polynomial.polynomial.polyval(np.log(N), coefficients))
