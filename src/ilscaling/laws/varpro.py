"""The additive surface by variable projection: search (alpha, beta), solve E, A, B exactly.

Minimises sum w ((E + A / N^alpha + B / D^beta) / L - 1)^2 over E, A, B >= 0: residuals are
relative, so that a high loss counts no more than a low one. Given the exponents the rest is a
non-negative least squares of three coefficients, which has one optimum in closed form; what is
searched has two dimensions (Golub and Pereyra 1973; Kaufman 1975).
"""

import numpy as np

from ilscaling.laws.additive import FLAT, STEEP, Additive
from ilscaling.laws.batched import Cells, nonnegative
from ilscaling.laws.descent import Descent, Local, minimise

# The grid of exponents that the descent starts from the best of.
EXPONENTS = np.geomspace(0.02, 3.0, 20)
# Draws searched at a time, which keeps the grid's arrays in the processor's cache.
CHUNK = 32


def varpro(cells: Cells) -> tuple[Additive, np.ndarray]:
    """Fit every draw by variable projection (Golub and Pereyra 1973).

    Parameters
    ----------
    cells
        With enough sizes and cells in draw 0 (see Cells.refusal).

    Returns
    -------
    surface : Additive
    converged : array of bool (draws,)
        Whether the search ended.
    """
    parts = range(0, cells.draws, CHUNK)
    start = np.concatenate([_search(cells, slice(at, at + CHUNK)) for at in parts])
    projection = Projection(cells)
    bounds = np.full(2, FLAT), np.full(2, STEEP)
    descent: Descent = minimise(projection, start, *bounds, together=cells.together)
    E, A, B = projection.coefficients(descent.x, np.arange(cells.draws)).T
    with np.errstate(divide="ignore"):
        point = np.column_stack([np.log(A), np.log(B), E, descent.x])
    return Additive.centred(point, cells.centre), descent.converged


def _search(cells: Cells, draws: slice) -> np.ndarray:
    """The best (alpha, beta) of the grid for each draw, (draws, 2)."""
    relative = np.exp(-cells.z[draws])
    linear = cells.weight[draws] * relative
    square = linear * relative
    size = np.exp(-np.outer(cells.x, EXPONENTS))
    data = np.exp(-np.outer(cells.y, EXPONENTS))
    count, steps = len(linear), len(EXPONENTS)
    both = (size[:, :, None] * data[:, None, :]).reshape(-1, steps * steps)
    shape = (count, steps, steps)
    along, across = np.s_[:, :, None], np.s_[:, None, :]
    entries = [
        square.sum(axis=1)[:, None, None],
        (square @ size**2)[along],
        (square @ data**2)[across],
        (square @ size)[along],
        (square @ data)[across],
        (square @ both).reshape(shape),
    ]
    moments = [
        linear.sum(axis=1)[:, None, None],
        (linear @ size)[along],
        (linear @ data)[across],
    ]
    gram = np.stack([np.broadcast_to(entry, shape) for entry in entries])
    moment = np.stack([np.broadcast_to(entry, shape) for entry in moments])
    _, value = nonnegative(gram, moment, only_value=True)
    best = value.reshape(count, -1).argmin(axis=1)
    return EXPONENTS[np.column_stack(np.unravel_index(best, (steps, steps)))]


class Projection:
    """The objective of (alpha, beta), with E, A, B at their optimum for these."""

    def __init__(self, cells: Cells):
        self.x, self.y, self.weight = cells.x, cells.y, cells.weight
        self.relative = np.exp(-cells.z)

    def coefficients(self, point: np.ndarray, which: np.ndarray) -> np.ndarray:
        """The best E, A, B for given exponents, of centred cells.

        Parameters
        ----------
        point : array (problems, 2)
            alpha and beta.
        which : array of int (problems,)
            The draw that each problem is about.

        Returns
        -------
        array (problems, 3)
            None of them negative.
        """
        return self._solve(self._basis(point, which), which)[0]

    def __call__(self, point: np.ndarray, which: np.ndarray) -> Local:
        basis = self._basis(point, which)
        solved, gram = self._solve(basis, which)
        w = self.weight[which]
        powers = -np.stack([self.x * basis[:, 1], self.y * basis[:, 2]], axis=1)
        terms = powers * solved[:, 1:, None]
        residual = (solved[:, None] @ basis)[:, 0] - 1
        weighted = w * residual
        # Along the optimum of E, A, B the slope is that with E, A, B held.
        slope = (terms @ weighted[:, :, None])[:, :, 0]
        outer = (terms * w[:, None]) @ basis.transpose(0, 2, 1)
        inner = (terms * w[:, None]) @ terms.transpose(0, 2, 1)
        metric = _eliminate(inner, outer, gram, solved > 0)
        mixed = (powers @ weighted[:, :, None])[:, :, 0]
        logs = -np.stack([self.x, self.y])
        bent = np.einsum("dir,dr,ir->di", terms, weighted, logs)
        outer[:, [0, 1], [1, 2]] += mixed
        inner[:, [0, 1], [0, 1]] += bent
        value = (weighted * residual).sum(axis=1) / 2
        return Local(value, slope, _eliminate(inner, outer, gram, solved > 0), metric)

    def _basis(self, point: np.ndarray, which: np.ndarray) -> np.ndarray:
        """1, N^-alpha and D^-beta over L: (problems, 3, rows)."""
        basis = np.ones((len(point), 3, len(self.x)))
        np.exp(-point[:, :1] * self.x, out=basis[:, 1])
        np.exp(-point[:, 1:] * self.y, out=basis[:, 2])
        basis *= self.relative[which][:, None]
        return basis

    def _solve(self, basis: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """E, A, B (problems, 3) and the Gram matrices (problems, 3, 3) of the basis."""
        weighted = basis * self.weight[which][:, None]
        gram = weighted @ basis.transpose(0, 2, 1)
        entries = gram[:, [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
        solved, _ = nonnegative(entries.T, weighted.sum(axis=2).T)
        return solved.T, gram


def _eliminate(
    inner: np.ndarray, outer: np.ndarray, gram: np.ndarray, positive: np.ndarray
) -> np.ndarray:
    """The curvature (problems, 2, 2) of (alpha, beta) once E, A, B follow them: the Schur
    complement over the coefficients that are positive (problems, 3)."""
    both = positive[:, :, None] & positive[:, None, :]
    gram = np.where(both, gram, 0.0) + (~positive)[:, :, None] * np.eye(3)
    gram[:, range(3), range(3)] *= 1 + 1e-13
    outer = np.where(positive[:, None, :], outer, 0.0)
    return inner - outer @ np.linalg.solve(gram, outer.transpose(0, 2, 1))
