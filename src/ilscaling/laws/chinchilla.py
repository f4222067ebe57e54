"""The additive surface by Chinchilla's approach 3: Huber loss on residuals of ln L.

Minimises sum w huber(ln(E + A / N^alpha + B / D^beta) - ln L) from many starts, Huber's delta being
1e-3 unless another is given (Hoffmann et al. 2022, arXiv 2203.15556, section 3.3 and appendix D.4),
by Newton's method with the exact derivatives. E is a coefficient with the bound 0 rather than a
logarithm, which would have no optimum where the best E is 0.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np

from ilscaling.laws.additive import STEEP, Additive
from ilscaling.laws.batched import Cells
from ilscaling.laws.descent import Descent, Local, minimise

# Huber's delta of the published fit.
DELTA = 1e-3
# Delta of the first descent from all starts, at least: it sees the surface before its kinks.
SMOOTH = 0.1
# Starts: both exponents, and E as a share of the lowest loss; A and B share the rest.
EXPONENTS, SHARES = (0.1, 0.3, 0.6, 1.2), (0.0, 0.5, 0.9)
# Steps of the first descent, and how many of the starts, the best ones, are followed to the end.
STEPS, FOLLOWED = 40, 8
# Draws on which the warm start is checked against the grid's RIVALS, and by how much (a share of
# the objective) one of these has to be better for all draws to be started from them.
CHECKED, WORSE = 20, 1e-3
RIVALS = ((0.3, 0.3, 0.5), (1.0, 0.3, 0.0), (0.3, 1.0, 0.0), (1.0, 1.0, 0.9))
# Relative tolerance of the resamples, far below their scatter; the measurement's is exact.
ROUGH = 1e-8
# Bounds of ln A, ln B, E, alpha, beta for centred cells.
LOWER = np.array([-25.0, -25.0, 0.0, 0.0, 0.0])
UPPER = np.array([10.0, 10.0, 10.0, STEEP, STEEP])


def chinchilla(cells: Cells, delta: float = DELTA) -> tuple[Additive, np.ndarray]:
    """Fit every draw (Hoffmann et al. 2022, arXiv 2203.15556, section 3.3 and appendix D.4).

    Draws start at the optimum of draw 0. That none is stuck there is checked on a sample of them,
    which start afresh; if one is, all draws are searched from every start of RIVALS.

    Parameters
    ----------
    cells
        With enough sizes and cells in draw 0 (see Cells.refusal).
    delta
        Residual of ln L from which Huber's loss is linear; one above all residuals makes it least
        squares.

    Returns
    -------
    surface : Additive
    converged : array of bool (draws,)
        Whether the search ended.
    """
    grid = list(product(EXPONENTS, EXPONENTS, SHARES))
    first, all_draws = np.array([0]), np.arange(cells.draws)
    best = _descend(cells, first, _afresh(cells, first, grid, FOLLOWED, delta).x, delta)
    if cells.draws == 1:
        return Additive.centred(best.x, cells.centre), best.converged
    start = np.tile(best.x, (cells.draws, 1))
    descent = _descend(cells, all_draws, start, delta, tolerance=ROUGH)
    sample = np.unique(np.linspace(1, cells.draws - 1, CHECKED).astype(int))
    rivals = _afresh(cells, sample, RIVALS, len(RIVALS), delta)
    if (rivals.value < descent.value[sample] * (1 - WORSE)).any():
        descent = descent.lower(_afresh(cells, all_draws, RIVALS, len(RIVALS), delta))
    return Additive.centred(descent.x, cells.centre), descent.converged


def _descend(cells: Cells, draws: np.ndarray, start: np.ndarray, delta: float, **how) -> Descent:
    """Descents in these draws (problems,) from these starts (problems, 5)."""
    objective = Huber(cells, draws, delta)
    return minimise(objective, start, LOWER, UPPER, together=cells.together, **how)


def _afresh(
    cells: Cells, draws: np.ndarray, starts: Sequence[tuple], followed: int, delta: float
) -> Descent:
    """The best descent in each of `draws` from `starts`: alpha, beta, E over the lowest loss.

    All starts see a smoothed objective first, and the best `followed` of them the true one.
    """
    starts = np.array(starts)
    low = np.exp(np.where(cells.weight > 0, cells.z, np.inf).min(axis=1))[draws]
    E = np.outer(low, starts[:, 2])
    grid = np.empty((*E.shape, 5))
    # In a draw whose lowest loss is above the mean, E leaves the rest of the loss nothing.
    grid[:, :, :2], grid[:, :, 2] = np.log(np.maximum(1 - E, 0.01) / 2)[:, :, None], E
    grid[:, :, 3:] = starts[:, :2]
    which, first = draws.repeat(len(starts)), grid.reshape(-1, 5)
    smooth = _descend(cells, which, first, max(SMOOTH, delta), steps=STEPS)
    order = smooth.value.reshape(E.shape).argsort(axis=1, kind="stable")[:, :followed]
    at = np.arange(len(draws))
    first = smooth.x.reshape(grid.shape)[at[:, None], order].reshape(-1, 5)
    which = draws.repeat(order.shape[1])
    descent = _descend(cells, which, first, delta, tolerance=ROUGH, steps=100)
    best = descent.value.reshape(order.shape).argmin(axis=1) + at * order.shape[1]
    return Descent(*(part[best] for part in descent))


class Huber:
    """The objective of (ln A, ln B, E, alpha, beta) on centred cells (see descent.minimise).

    Parameters
    ----------
    cells
        What is fitted.
    draws : array of int (problems,)
        The draw that each problem is about.
    delta
        Residual of ln L from which Huber's loss is linear.
    """

    def __init__(self, cells: Cells, draws: np.ndarray, delta: float):
        self.draws, self.delta, self.z, self.weight = draws, delta, cells.z, cells.weight
        x, y, one = cells.x, cells.y, np.ones_like(cells.x)
        # Sums over the cells of products of derivatives are moments of x and y.
        self.x, self.y = x, y
        self.of_x = np.column_stack([one, x, x * x])
        self.of_y = np.column_stack([one, y, y * y])
        self.of_both = np.column_stack([one, x, y, x * y])

    def __call__(self, point: np.ndarray, which: np.ndarray) -> Local:
        draws = self.draws[which]
        ln_A, ln_B, E, alpha, beta = point.T[:, :, None]
        size, data = np.exp(ln_A - alpha * self.x), np.exp(ln_B - beta * self.y)
        loss = size + data + E
        residual = np.log(loss) - self.z[draws]
        rest = 1 / loss
        size *= rest
        data *= rest
        w, far = self.weight[draws], np.abs(residual)
        near = np.minimum(far, self.delta)
        value = (w * near * (far - near / 2)).sum(axis=1)
        pull = w * np.clip(residual, -self.delta, self.delta)
        slope, bend = self._slope(pull, size, data, rest)
        inside = w * (far <= self.delta)
        curvature = self._gram(inside - pull, size, data, rest) + bend
        # The weights of iteratively reweighted least squares: a parabola above the objective.
        metric = self._gram(w * near / np.maximum(far, 1e-300), size, data, rest)
        return Local(value, slope, curvature, metric)

    def _slope(self, pull, size, data, rest) -> tuple[np.ndarray, np.ndarray]:
        """Slope (problems, 5), and the part of the curvature from second derivatives of the
        powers; size, data and rest are the derivatives of ln L by ln A, ln B and E."""
        by_A, by_B = (pull * size) @ self.of_x, (pull * data) @ self.of_y
        by_E = (pull * rest).sum(axis=1)
        slope = np.stack([by_A[:, 0], by_B[:, 0], by_E, -by_A[:, 1], -by_B[:, 1]], axis=1)
        bend = np.zeros((len(slope), 5, 5))
        for row, by in ((0, by_A), (1, by_B)):
            bend[:, row, row], bend[:, row + 3, row + 3] = by[:, 0], by[:, 2]
            bend[:, row, row + 3] = bend[:, row + 3, row] = -by[:, 1]
        return slope, bend

    def _gram(self, weight, size, data, rest) -> np.ndarray:
        """Sum over cells of weight times the products of two derivatives: (problems, 5, 5)."""
        by_A, by_B, by_E = weight * size, weight * data, weight * rest
        AA, AE = (by_A * size) @ self.of_x, (by_A * rest) @ self.of_x
        BB, BE = (by_B * data) @ self.of_y, (by_B * rest) @ self.of_y
        AB, EE = (by_A * data) @ self.of_both, (by_E * rest).sum(axis=1)
        upper = [
            [AA[:, 0], AB[:, 0], AE[:, 0], -AA[:, 1], -AB[:, 2]],
            [BB[:, 0], BE[:, 0], -AB[:, 1], -BB[:, 1]],
            [EE, -AE[:, 1], -BE[:, 1]],
            [AA[:, 2], AB[:, 3]],
            [BB[:, 2]],
        ]
        gram = np.empty((len(weight), 5, 5))
        for i, entries in enumerate(upper):
            for j, entry in enumerate(entries, start=i):
                gram[:, i, j] = gram[:, j, i] = entry
        return gram
