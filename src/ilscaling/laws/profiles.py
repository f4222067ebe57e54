"""The isoFLOP profiles of all draws at once, and their optima by grid and by vertex."""

from dataclasses import dataclass

import numpy as np

from ilscaling.laws.draws import Draws
from ilscaling.laws.optima import FLAT
from ilscaling.laws.runs import Runs


@dataclass(frozen=True)
class Profiles:
    """Cells by budget and size, the runs of a cell averaged; NaN where a draw has none.

    budget (budgets,), N (sizes,), C and D (budgets, sizes), L and R (draws, budgets, sizes).
    """

    budget: np.ndarray
    N: np.ndarray
    C: np.ndarray
    D: np.ndarray
    L: np.ndarray
    R: np.ndarray


@dataclass(frozen=True)
class Optima:
    """The optimum of each profile, every array (draws, budgets), NaN where there is none.

    N, C, D, y: parameters, FLOPs, samples and the value at the optimum; R: the return there.
    """

    N: np.ndarray
    C: np.ndarray
    D: np.ndarray
    y: np.ndarray
    R: np.ndarray


def profiles(runs: Runs, draws: Draws) -> Profiles:
    """Average the runs of each cell in every draw."""
    declared, b = np.unique(np.round(np.log(runs.budget), 9), return_inverse=True)
    N, s = np.unique(runs.N, return_inverse=True)
    shape = (len(declared), len(N))
    cells, cell = np.unique(b * len(N) + s, return_inverse=True)
    order = np.argsort(cell, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(cell[order]) > 0])

    def mean(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
        known = np.isfinite(values)
        weight = np.where(known, weight, 0.0)[:, order]
        total = np.add.reduceat(weight, starts, axis=1)
        values = np.where(known, values, 0.0)[:, order] * weight
        table = np.full((len(values), len(declared) * len(N)), np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            table[:, cells] = np.add.reduceat(values, starts, axis=1) / total
        return table.reshape(-1, *shape)

    once = np.ones((1, len(runs.N)))
    C, D, budget = (mean(v[None], once)[0] for v in (runs.C, runs.D, runs.budget))
    L, R = mean(draws.L, draws.weight), mean(draws.R, draws.weight)
    return Profiles(np.nanmin(budget, axis=1), N, C, D, L, R)


def lowest(found: Profiles, method: str, within: float) -> Optima:
    """The lowest loss of each budget, by 'grid' or 'vertex' (see optima)."""
    return _optima(found, found.L, method, within)


def highest(found: Profiles, method: str, within: float) -> Optima:
    """The highest return of each budget; `y` is the return. For the vertex as the lowest 1/R."""
    if method == "grid":
        best = _optima(found, -found.R, method, within)
        return Optima(best.N, best.C, best.D, -best.y, best.R)
    with np.errstate(divide="ignore", invalid="ignore"):
        best = _optima(found, np.where(found.R > 0, 1 / found.R, np.nan), method, within)
        return Optima(best.N, best.C, best.D, 1 / best.y, best.R)


def _optima(found: Profiles, y: np.ndarray, method: str, within: float) -> Optima:
    if method == "grid":
        filled = np.where(np.isfinite(y), y, np.inf)
        at = filled.argmin(axis=2)
        there = np.isfinite(np.take_along_axis(filled, at[..., None], 2)[..., 0])
        row = np.arange(y.shape[1])[None, :]

        def take(values: np.ndarray) -> np.ndarray:
            return np.where(there, values, np.nan)

        value = np.take_along_axis(y, at[..., None], 2)[..., 0]
        R = np.take_along_axis(found.R, at[..., None], 2)[..., 0]
        return Optima(
            take(found.N[at]), take(found.C[row, at]), take(found.D[row, at]), take(value), take(R)
        )
    N, value = _vertices(found.N, y, within)
    # Between two neighbours FLOPs and samples go linearly in logs, returns in ln N.
    C, D = (np.exp(_between(N, found.N, np.log(v)[None])) for v in (found.C, found.D))
    return Optima(N, C, D, value, _between(N, found.N, found.R))


def _vertices(N: np.ndarray, y: np.ndarray, within: float) -> tuple[np.ndarray, np.ndarray]:
    """N and y (draws, budgets) at the vertex of a parabola of ln y in ln N, over cells with
    y <= within times the lowest; NaN by the refusals of `optima.vertex`."""
    there = np.isfinite(y)
    positive = (np.where(there, y, 1.0) > 0).all(axis=2)
    least = np.where(there, y, np.inf).min(axis=2, keepdims=True)
    near = there & positive[..., None] & (y <= within * least)
    x = np.broadcast_to(np.log(N), y.shape)
    n = near.sum(2)
    with np.errstate(all="ignore"):
        z = np.where(near, np.log(np.where(near, y, 1.0)), 0.0)
        centre = np.where(near, x, 0.0).sum(2) / n
        u = np.where(near, x - centre[..., None], 0.0)
        s2, s3, s4 = ((u**k).sum(2) for k in (2, 3, 4))
        moments = np.stack([z.sum(2), (u * z).sum(2), (u**2 * z).sum(2)], -1)
        zero = np.zeros_like(s2)
        gram = np.stack([n, zero, s2, zero, s2, s3, s2, s3, s4], -1).reshape(*n.shape, 3, 3)
        sizes = (np.diff(np.sort(np.where(near, x, np.inf), axis=2), axis=2) > 0).sum(2)
        bad = (n < 3) | (sizes < 2) | ~np.isfinite(gram).all((-1, -2)) | (s2 <= 0)
        gram[bad] = np.eye(3)
        c0, c1, c2 = np.moveaxis(np.linalg.solve(gram, moments[..., None])[..., 0], -1, 0)
        half = (np.where(near, u, -np.inf).max(2) - np.where(near, u, np.inf).min(2)) / 2
        at, bottom = centre - c1 / (2 * c2), c0 - c1**2 / (4 * c2)
        first = np.where(there, x, np.inf).min(2)
        last = np.where(there, x, -np.inf).max(2)
        bad |= ~(c2 * half**2 >= FLAT) | ~((at >= first) & (at <= last))
        return np.where(bad, np.nan, np.exp(at)), np.where(bad, np.nan, np.exp(bottom))


def _between(at: np.ndarray, N: np.ndarray, values: np.ndarray) -> np.ndarray:
    """values (1 or draws, budgets, sizes) at N = at (draws, budgets), linear in ln N between the
    budget's neighbouring sizes; NaN where one of them has none."""
    result, rows = np.full(at.shape, np.nan), np.arange(len(at))
    for b in range(at.shape[1]):
        here = np.flatnonzero(np.isfinite(values[0, b]) | np.isfinite(values[:, b]).any(0))
        if len(here) < 2:
            continue
        x, wanted = np.log(N[here]), np.log(at[:, b])
        known = np.isfinite(wanted)
        right = np.clip(np.searchsorted(x, np.where(known, wanted, x[0])), 1, len(here) - 1)
        share = (wanted - x[right - 1]) / (x[right] - x[right - 1])
        column = np.broadcast_to(values[:, b][:, here], (len(at), len(here)))
        result[:, b] = (1 - share) * column[rows, right - 1] + share * column[rows, right]
    return result
