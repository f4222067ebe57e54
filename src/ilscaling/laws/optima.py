"""The compute-optimal point of each isoFLOP profile: on the grid, or at a parabola's vertex."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

# column of the optima table -> meaning; one row a (game, method, budget)
COLUMNS = {
    "game": "game",
    "method": "grid or vertex",
    "budget": "declared training FLOPs",
    "flops": "FLOPs at the loss optimum: of its cell, or interpolated in ln N",
    "N_opt": "parameters at the lowest dev loss",
    "D_opt": "samples at the lowest dev loss: of its cell, or interpolated in ln N",
    "L_min": "lowest dev loss",
    "R_opt": "return at the lowest dev loss: of its cell, or interpolated in ln N",
    "size": "the family's size dial at N_opt (grid only)",
    "edge": "smallest or largest, if the lowest cell is the first or last size of the budget",
    "used": "whether L_min, N_opt, D_opt enter the fits",
    "reason": "why not",
    "flops_return": "FLOPs at the return optimum",
    "N_return": "parameters at the highest return",
    "R_max": "highest return",
    "edge_return": "as edge, for the highest return",
    "used_return": "whether R_max enters the fits",
    "reason_return": "why not",
    "sizes": "sizes measured at the budget",
    "p0": "p0 + p1 ln N + p2 (ln N)^2 is the parabola of ln L (vertex only)",
    "p1": "see p0",
    "p2": "see p0",
    "N_low": "smallest size in that parabola",
    "N_high": "largest size in that parabola",
    "r0": "r0 + r1 ln N + r2 (ln N)^2 is the parabola of ln R (vertex only)",
    "r1": "see r0",
    "r2": "see r0",
    "N_low_return": "smallest size in that parabola",
    "N_high_return": "largest size in that parabola",
    "flags": "what to know about the budget, separated by '; '",
}

TEXTS = ("game", "method", "edge", "reason", "edge_return", "reason_return", "flags")

# A parabola that rises less than this (in ln y) over half the sizes' range is flat.
FLAT = 1e-9


@dataclass(frozen=True)
class Profile:
    """The cells of one budget by rising parameters; arrays of shape (sizes,).

    N parameters, D samples, C FLOPs, L dev loss, R return (NaN where missing), `size` the family's
    dial. `excluded` and `excluded_return` are the reasons if the budget's loss or return is not to
    be fitted, else empty.
    """

    budget: float
    size: np.ndarray
    N: np.ndarray
    D: np.ndarray
    C: np.ndarray
    L: np.ndarray
    R: np.ndarray
    excluded: str
    excluded_return: str
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Minimum:
    """The minimum of y over N, or the reason why there is none.

    A vertex comes with its parabola p0 + p1 ln N + p2 (ln N)^2 of ln y and the range of its cells.
    """

    N: float = np.nan
    y: float = np.nan
    reason: str = ""
    parabola: tuple[float, float, float] = (np.nan, np.nan, np.nan)
    low: float = np.nan
    high: float = np.nan


def grid(N: np.ndarray, y: np.ndarray, within: float) -> Minimum:
    """The cell with the lowest y (the smaller N of equals)."""
    lowest = int(np.argmin(y))
    return Minimum(float(N[lowest]), float(y[lowest]))


def vertex(N: np.ndarray, y: np.ndarray, within: float) -> Minimum:
    """The vertex of a parabola of ln y in ln N, over cells with y <= within * min(y).

    N rises and holds all sizes of the budget. Refused: fewer than three cells, no positive
    curvature, a vertex outside the range of N.
    """
    if not (y > 0).all():
        return Minimum(reason="not_positive: no logarithm")
    near = y <= within * y.min()
    if near.sum() < 3:
        return Minimum(reason=f"cells: {near.sum()} within {within:g} x the best, three needed")
    centre = np.log(N).mean()
    c0, c1, c2 = np.polynomial.polynomial.polyfit(np.log(N[near]) - centre, np.log(y[near]), 2)
    if c2 * (np.ptp(np.log(N[near])) / 2) ** 2 < FLAT:
        return Minimum(reason="curvature: the parabola has no inner optimum")
    at = centre - c1 / (2 * c2)
    if not np.log(N.min()) <= at <= np.log(N.max()):
        where = f"{np.exp(np.clip(at, -700, 700)):.3g} is outside {N.min():.3g} to {N.max():.3g}"
        return Minimum(reason=f"outside: the vertex {where}")
    bottom = c0 - c1**2 / (4 * c2)
    parabola = (c0 - c1 * centre + c2 * centre**2, c1 - 2 * c2 * centre, c2)
    low, high = N[near].min(), N[near].max()
    return Minimum(float(np.exp(at)), float(np.exp(bottom)), "", parabola, low, high)


METHODS = {"grid": grid, "vertex": vertex}


def optimum(profile: Profile, game: str, method: str, within: float) -> dict:
    """One row of the optima table: loss and return optimum of a profile by `method`.

    The highest return is found as the lowest 1/R for the vertex; budgets whose highest return is
    not positive have no logarithm and are left out of R_max with that reason.
    """
    loss = METHODS[method](profile.N, profile.L, within)
    reason = profile.excluded or loss.reason
    lowest = int(np.argmin(profile.L))
    row = {
        "game": game,
        "method": method,
        "budget": profile.budget,
        "flops": _at(loss.N, profile.N, profile.C, log=True),
        "N_opt": loss.N,
        "D_opt": _at(loss.N, profile.N, profile.D, log=True),
        "L_min": loss.y,
        "R_opt": _at(loss.N, profile.N, profile.R),
        "size": profile.size[lowest] if method == "grid" else np.nan,
        "edge": _edge(lowest, len(profile.N)),
        "used": not reason,
        "reason": reason,
        "sizes": len(profile.N),
        **dict(zip(("p0", "p1", "p2"), loss.parabola, strict=True)),
        "N_low": loss.low,
        "N_high": loss.high,
        "flags": "; ".join(profile.flags),
    }
    return {**dict.fromkeys(COLUMNS, np.nan), **row, **_best_return(profile, method, within)}


def _best_return(profile: Profile, method: str, within: float) -> dict:
    """The columns of the return optimum."""
    known = np.isfinite(profile.R)
    if not known.any():
        return {"edge_return": "", "used_return": False, "reason_return": profile.excluded_return}
    N, R, C = profile.N[known], profile.R[known], profile.C[known]
    highest = int(np.argmax(R))
    if R[highest] <= 0:
        best = Minimum(reason=f"not_positive: highest return {R[highest]:.4g}")
    elif method == "grid":
        best = Minimum(float(N[highest]), float(R[highest]))
    else:
        best = METHODS[method](N[R > 0], 1 / R[R > 0], within)
        parabola = tuple(-p for p in best.parabola)
        best = replace(best, y=1 / best.y, parabola=parabola)
    reason = profile.excluded_return or best.reason
    return {
        "flops_return": _at(best.N, N, C, log=True),
        "N_return": best.N,
        "R_max": best.y,
        "edge_return": _edge(highest, len(N)),
        "used_return": not reason,
        "reason_return": reason,
        **dict(zip(("r0", "r1", "r2"), best.parabola, strict=True)),
        "N_low_return": best.low,
        "N_high_return": best.high,
    }


def table(rows: list[dict] | pd.DataFrame) -> pd.DataFrame:
    """Rows of `optimum` as a table with its dtypes, which one without rows, or an empty text in a
    file, loses."""
    found = pd.DataFrame(rows, columns=list(COLUMNS)).fillna(dict.fromkeys(TEXTS, ""))
    types = dict.fromkeys(TEXTS, str) | {"used": bool, "used_return": bool}
    return found.astype({c: types.get(c, "float64") for c in found})


def curve(
    row: Mapping, quantity: str = "loss", points: int = 100
) -> tuple[np.ndarray, np.ndarray] | None:
    """The fitted parabola of a vertex row of the optima table, to draw: (N, loss or return).

    `quantity` is 'loss' or 'return'; arrays of shape (points,) over the sizes that entered it.
    None where there is no parabola.
    """
    letter, suffix = ("p", "") if quantity == "loss" else ("r", "_return")
    coefficients = [row[f"{letter}{power}"] for power in range(3)]
    if not np.isfinite(coefficients).all():
        return None
    N = np.geomspace(row[f"N_low{suffix}"], row[f"N_high{suffix}"], points)
    return N, np.exp(np.polynomial.polynomial.polyval(np.log(N), coefficients))


def _edge(index: int, count: int) -> str:
    return "smallest" if index == 0 else "largest" if index == count - 1 else ""


def _at(at: float, N: np.ndarray, values: np.ndarray, log: bool = False) -> float:
    """`values` at N = `at`: the cell's own, or between its two neighbours linearly in ln N.

    `log` interpolates ln(values). NaN where a cell or a neighbour has none.
    """
    if not np.isfinite(at):
        return np.nan
    right = int(np.searchsorted(N, at))
    if right < len(N) and N[right] == at:
        return float(values[right])
    left, right = max(right - 1, 0), min(right, len(N) - 1)
    between = np.log(values[[left, right]]) if log else values[[left, right]]
    value = np.interp(np.log(at), np.log(N[[left, right]]), between)
    return float(np.exp(value)) if log else float(value)
