"""The isoFLOP profiles of all draws at once, and their optima by grid and by vertex.

An optimum is chosen by one measurement and judged by another where there is one: the lowest of
noisy dev losses is too low, the test loss of the same cell is not. So for returns.
"""

from dataclasses import dataclass

import numpy as np

from ilscaling.laws.draws import Draws
from ilscaling.laws.runs import Runs

METHODS = ("grid", "vertex")
# A parabola that rises less than this (in ln y) over half the sizes' range is flat.
FLAT = 1e-9


@dataclass(frozen=True)
class Profiles:
    """Cells by budget and size, the runs of a cell averaged; NaN where a draw has none.

    Parameters
    ----------
    position : array of int (budgets,)
        Each budget's index in `Runs.budgets`.
    N : array (sizes,)
        Parameters.
    C, D : arrays (budgets, sizes)
        FLOPs fitted on, samples.
    L, R : arrays (draws, budgets, sizes)
        Dev loss and return.
    L_test, R_first, R_second : arrays (draws, budgets, sizes) or None
        Test loss, and returns over either half of the episodes, where the game has them.
    weight : array (budgets, sizes)
        What a cell counts in a parabola of losses: the mean weight of its rows; 1 without a loss.
    """

    position: np.ndarray
    N: np.ndarray
    C: np.ndarray
    D: np.ndarray
    L: np.ndarray
    R: np.ndarray
    L_test: np.ndarray | None
    R_first: np.ndarray | None
    R_second: np.ndarray | None
    weight: np.ndarray


@dataclass(frozen=True)
class Optima:
    """The optimum of each profile; arrays (draws, budgets), NaN where there is none.

    Parameters
    ----------
    N, C, D, R : arrays (draws, budgets)
        Parameters, FLOPs, samples and the return at the optimum.
    y : array (draws, budgets)
        Loss or return there, by the measurement that judges.
    chosen : array (draws, budgets)
        The same by the measurement that chose.
    parabola : array (budgets, 3)
        p0 + p1 ln N + p2 (ln N)^2 of ln y in draw 0, of the measurement that chose (vertex only).
    low, high : arrays (budgets,)
        Smallest and largest size in that parabola.
    reasons : tuple of str (budgets,)
        'code: sentence' where draw 0 has no optimum, else empty.
    """

    N: np.ndarray
    C: np.ndarray
    D: np.ndarray
    y: np.ndarray
    R: np.ndarray
    chosen: np.ndarray
    parabola: np.ndarray
    low: np.ndarray
    high: np.ndarray
    reasons: tuple[str, ...]


def cell_means(runs: Runs, values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Means of a column over the runs of each cell.

    Parameters
    ----------
    runs
        Rows of one game: what tells the cells.
    values : array (draws, rows)
        NaN where not measured.
    weight : array (draws, rows)
        How often a row counts.

    Returns
    -------
    array (draws, budgets, sizes)
        By rising budget and size; NaN where no row counts.
    """
    position, b = np.unique(runs.position, return_inverse=True)
    N, s = np.unique(runs.N, return_inverse=True)
    cells, cell = np.unique(b * len(N) + s, return_inverse=True)
    order = np.argsort(cell, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(cell[order]) > 0])
    known = np.isfinite(values)
    weight = np.where(known, weight, 0.0)[:, order]
    total = np.add.reduceat(weight, starts, axis=1)
    values = np.where(known, values, 0.0)[:, order] * weight
    table = np.full((len(values), len(position) * len(N)), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        table[:, cells] = np.add.reduceat(values, starts, axis=1) / total
    return table.reshape(-1, len(position), len(N))


def profiles(runs: Runs, draws: Draws) -> Profiles:
    """Average the runs of each cell in every draw.

    Parameters
    ----------
    runs
        At least one row.
    draws
        The same rows in every draw.
    """
    rows = np.maximum(runs.losses, runs.returns)[None]
    C, D = (cell_means(runs, v[None], rows)[0] for v in (runs.C, runs.D))
    losses, returns = draws.weight * runs.losses, draws.weight * runs.returns

    def mean(name: str, weight: np.ndarray, known: bool = True) -> np.ndarray | None:
        return cell_means(runs, draws.values[name], weight) if known else None

    return Profiles(
        np.unique(runs.position),
        np.unique(runs.N),
        C,
        D,
        mean("L", losses),
        mean("R", returns),
        mean("L_test", losses, runs.tested),
        mean("R_first", returns, runs.halved),
        mean("R_second", returns, runs.halved),
        np.nan_to_num(cell_means(runs, runs.weight[None], losses[:1])[0], nan=1.0),
    )


def lowest(cells: Profiles, method: str, window: float | None) -> Optima:
    """The lowest loss of each budget: chosen on dev losses, judged on test losses.

    Parameters
    ----------
    cells
        The profiles of one game in every draw.
    method : str
        'grid': the cell with the lowest loss (the smaller of equals). 'vertex': the vertex of a
        parabola of ln L in ln N over the cells near the lowest (see `near`); refused with fewer
        than three such cells, no positive curvature, or beyond the budget's sizes. Judged by the
        parabola through the other losses of the same cells at that vertex.
    window : float or None
        See `near`.

    Returns
    -------
    Optima
        `y` and `chosen` are losses (nats), and `parabola` is of ln L.
    """
    return _optima(cells, cells.L, cells.L_test, method, window, weight=cells.weight)


def near(N: np.ndarray, y: np.ndarray, window: float | None) -> np.ndarray:
    """Which cells of a profile lie about its lowest one.

    Those with up to `window` times as many or as few parameters, and at least the next size on
    either side, so that a coarse grid has three. A window in sizes means the same whatever the loss
    cannot fall below, where a ratio of losses holds every cell once that floor is most of the loss.
    About the optimum an additive surface costs the same excess at the same ratio of sizes, at every
    budget.

    Parameters
    ----------
    N : array (sizes,)
        Parameters, rising.
    y : array (draws, budgets, sizes)
        Losses, NaN where absent.
    window
        Largest ratio of sizes; None: all cells.

    Returns
    -------
    array of bool (draws, budgets, sizes)
        False where there is no loss.
    """
    there = np.isfinite(y)
    if window is None or not y.shape[2]:
        return there
    best = np.where(there, y, np.inf).argmin(axis=2)
    inside = np.abs(np.log(N) - np.log(N)[best][..., None]) <= np.log(window) * (1 + 1e-9)
    # A cell's place among those of its profile: the neighbours of the best are one place away.
    place = there.cumsum(axis=2)
    beside = np.abs(place - np.take_along_axis(place, best[..., None], 2)) <= 1
    return there & (inside | beside)


def highest(cells: Profiles, method: str, window: float | None) -> Optima:
    """The highest return of each budget, as the lowest 1/R for the vertex.

    It is chosen on the first half of the episodes and judged on the second, where these are known.

    Parameters
    ----------
    cells
        With returns in points of the game.
    method
        'grid': the cell with the highest return. 'vertex': the vertex of a parabola, as in
        `lowest`, of 1/R.
    window
        See `near`.

    Returns
    -------
    Optima
        `y` and `chosen` are returns, and `parabola` is of ln R. A budget whose highest return is
        not positive has a reason, by 'grid', too.
    """
    chosen, judged = (cells.R, None) if cells.R_first is None else (cells.R_first, cells.R_second)
    if method == "grid":
        best = _optima(cells, -chosen, None if judged is None else -judged, method, window)
        y, by = -best.y, -best.chosen
        flipped = best.parabola
        top = np.where(np.isfinite(chosen[0]), chosen[0], -np.inf).max(1)
        reasons = tuple(_no_logarithm(value) for value in top)
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            inverse = np.where(chosen > 0, 1 / chosen, np.nan)
            other = None if judged is None else np.where(judged > 0, 1 / judged, np.nan)
            best = _optima(cells, inverse, other, method, window, np.isfinite(chosen[0]))
            y, by = 1 / best.y, 1 / best.chosen
        flipped = -best.parabola
        top = np.where(np.isfinite(chosen[0]), chosen[0], -np.inf).max(1)
        pairs = zip(top, best.reasons, strict=True)
        reasons = tuple(_no_logarithm(value) or reason for value, reason in pairs)
    return Optima(best.N, best.C, best.D, y, best.R, by, flipped, best.low, best.high, reasons)


def _no_logarithm(highest_return: float) -> str:
    return "" if highest_return > 0 else f"not_positive: highest return {highest_return:.4g}"


def _optima(
    cells: Profiles,
    y: np.ndarray,
    judged: np.ndarray | None,
    method: str,
    window: float | None,
    present: np.ndarray | None = None,
    weight: np.ndarray | float = 1.0,
) -> Optima:
    """The lowest of y (draws, budgets, sizes), judged by `judged`; `present` (budgets, sizes) marks
    the sizes between which is interpolated, by default those that have a y; `weight` (budgets,
    sizes) is what cells count in a parabola."""
    if method == "grid":
        return _cells(cells, y, y if judged is None else judged)
    present = np.isfinite(y[0]) if present is None else present
    N, value, chosen, parabola, low, high, reasons = _vertices(cells.N, y, judged, window, weight)
    # Between two neighbours FLOPs and samples go linearly in logs, returns in ln N.
    C, D = (np.exp(_between(N, cells.N, np.log(v)[None], present)) for v in (cells.C, cells.D))
    R = _between(N, cells.N, cells.R, present)
    return Optima(N, C, D, value, R, chosen, parabola, low, high, reasons)


def _cells(cells: Profiles, y: np.ndarray, judged: np.ndarray) -> Optima:
    """The cell with the lowest y of each budget."""
    filled = np.where(np.isfinite(y), y, np.inf)
    at = filled.argmin(axis=2)
    there = np.isfinite(np.take_along_axis(filled, at[..., None], 2)[..., 0])
    row = np.arange(y.shape[1])[None, :]

    def take(values: np.ndarray) -> np.ndarray:
        return np.where(there, values, np.nan)

    value, chosen, R = (
        take(np.take_along_axis(v, at[..., None], 2)[..., 0]) for v in (judged, y, cells.R)
    )
    C, D = take(cells.C[row, at]), take(cells.D[row, at])
    none = np.full(y.shape[1], np.nan)
    blank = ("",) * y.shape[1]
    bent = np.full((y.shape[1], 3), np.nan)
    return Optima(take(cells.N[at]), C, D, value, R, chosen, bent, none, none, blank)


def _vertices(
    N: np.ndarray,
    y: np.ndarray,
    judged: np.ndarray | None,
    window: float | None,
    weight: np.ndarray | float,
):
    """Of each profile N at the vertex of a parabola of ln y, the values there by both measurements
    (draws, budgets), and of draw 0 the parabola, the sizes' range and the reasons (see Optima)."""
    there = np.isfinite(y)
    positive = (np.where(there, y, 1.0) > 0).all(axis=2)
    inside = near(N, y, window) & positive[..., None]
    x = np.broadcast_to(np.log(N), y.shape)
    n = inside.sum(2)
    with np.errstate(all="ignore"):
        z = np.where(inside, np.log(np.where(inside, y, 1.0)), 0.0)
        w = np.where(inside, weight, 0.0)
        s0 = w.sum(2)
        centre = (w * x).sum(2) / s0
        u = np.where(inside, x - centre[..., None], 0.0)
        s2, s3, s4 = ((w * u**k).sum(2) for k in (2, 3, 4))
        zero = np.zeros_like(s2)
        gram = np.stack([s0, zero, s2, zero, s2, s3, s2, s3, s4], -1).reshape(*n.shape, 3, 3)
        few = (n < 3) | ~np.isfinite(gram).all((-1, -2)) | (s2 <= 0)
        gram[few] = np.eye(3)
        c0, c1, c2 = _parabola(gram, u, w * z)
        half = (np.where(inside, u, -np.inf).max(2) - np.where(inside, u, np.inf).min(2)) / 2
        flat = ~(c2 * half**2 >= FLAT)
        at, bottom = centre - c1 / (2 * c2), c0 - c1**2 / (4 * c2)
        first = np.where(there, x, np.inf).min(2)
        last = np.where(there, x, -np.inf).max(2)
        outside = ~((at >= first) & (at <= last))
        value, unknown = bottom, np.zeros_like(few)
        if judged is not None:
            unknown = (inside & ~(judged > 0)).any(2)
            other = np.where(inside & (judged > 0), np.log(np.where(judged > 0, judged, 1.0)), 0.0)
            t0, t1, t2 = _parabola(gram, u, w * other)
            value = t0 + t1 * (at - centre) + t2 * (at - centre) ** 2
    bad = few | flat | outside | unknown | ~positive
    N_at, value, chosen = (np.where(bad, np.nan, np.exp(np.where(bad, 0.0, v)))
                           for v in (at, value, bottom))  # fmt: skip
    parabola = np.stack([c0 - c1 * centre + c2 * centre**2, c1 - 2 * c2 * centre, c2], -1)[0]
    low, high = (np.where(inside[0], N, -s * np.inf) for s in (-1, 1))
    low, high = low.min(1), high.max(1)
    reasons = []
    for b in range(y.shape[1]):
        if not positive[0, b]:
            reason = "not_positive: no logarithm"
        elif n[0, b] < 3:
            reason = f"cells: {n[0, b]} about the best, three needed"
        elif flat[0, b] or few[0, b]:
            reason = "curvature: the parabola has no inner optimum"
        elif outside[0, b]:
            ends = f"{np.exp(first[0, b]):.3g} to {np.exp(last[0, b]):.3g}"
            where = f"{np.exp(np.clip(at[0, b], -700, 700)):.3g} is outside {ends}"
            reason = f"outside: the vertex {where}"
        elif unknown[0, b]:
            reason = "not_positive: a cell of the parabola has none to be judged by"
        else:
            reason = ""
        reasons.append(reason)
    gone = np.array([bool(reason) for reason in reasons])
    parabola[gone] = np.nan
    low, high = (np.where(gone, np.nan, ends) for ends in (low, high))
    return N_at, value, chosen, parabola, low, high, tuple(reasons)


def _parabola(gram: np.ndarray, u: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Coefficients of 1, u, u^2 by least squares, each (draws, budgets), of z times its weight,
    which is 0 where absent."""
    moments = np.stack([z.sum(2), (u * z).sum(2), (u**2 * z).sum(2)], -1)
    return np.moveaxis(np.linalg.solve(gram, moments[..., None])[..., 0], -1, 0)


def _between(at: np.ndarray, N: np.ndarray, values: np.ndarray, present: np.ndarray) -> np.ndarray:
    """values (1 or draws, budgets, sizes) at N = at (draws, budgets), linear in ln N between the
    neighbouring sizes of those `present` (budgets, sizes); NaN where one of them has none."""
    result, rows = np.full(at.shape, np.nan), np.arange(len(at))
    for b in range(at.shape[1]):
        here = np.flatnonzero(present[b])
        if len(here) < 2:
            continue
        x, wanted = np.log(N[here]), np.log(at[:, b])
        known = np.isfinite(wanted)
        right = np.clip(np.searchsorted(x, np.where(known, wanted, x[0])), 1, len(here) - 1)
        share = (wanted - x[right - 1]) / (x[right] - x[right - 1])
        column = np.broadcast_to(values[:, b][:, here], (len(at), len(here)))
        result[:, b] = (1 - share) * column[rows, right - 1] + share * column[rows, right]
    return result
