"""The cells of one game as arrays with a leading axis of draws, and small linear algebra over it.

A draw is a resample of the runs: it gives each cell a weight, 0 where the cell is absent. All draws
are fitted at once, so nothing here loops over them.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

# A column of a design of which less than this share is new does not determine its coefficient; with
# two budgets whose compute scatters by 5 % it is .012 for a quadratic, with three exact ones .1.
DEPENDENT = 0.03
# Smallest eigenvalue of a draw's Gram matrix, as a share of the largest, for columns that are
# orthogonal in the measurement.
SINGULAR = 1e-6
# Standard deviation of ln D about a power of N below which D counts as a function of N.
SPREAD = 0.1


@dataclass(frozen=True)
class Cells:
    """Natural logarithms about their means, with a leading axis of draws.

    Centred, the fits are well conditioned and know no units.

    Parameters
    ----------
    x, y : arrays (rows,)
        Of the parameters N and of the samples D.
    z : array (draws, rows)
        Of the loss L.
    weight : array (draws, rows)
        How often a cell is in a draw; 0 where it is absent.
    centre : tuple of float
        The means of ln N, ln D and ln L over the cells of draw 0, which were taken off.
    rows : array of int (rows,)
        Indices in what the cells came from: those absent from all draws are gone.
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    weight: np.ndarray
    centre: tuple[float, float, float]
    rows: np.ndarray

    @classmethod
    def of(cls, N: np.ndarray, D: np.ndarray, L: np.ndarray, weight: np.ndarray) -> "Cells":
        """Cells of measured columns, without the rows that no draw holds.

        Parameters
        ----------
        N, D : arrays (rows,)
            Parameters and samples. A row without either is absent from all draws.
        L : array (draws, rows)
            Losses. One that is NaN or not positive is absent from its draw.
        weight : array (draws, rows)
            How often a row counts.
        """
        N, D, L = (np.asarray(values, dtype=np.float64) for values in (N, D, L))
        with np.errstate(invalid="ignore"):
            known = np.isfinite(N * D) & (N > 0) & (D > 0)
            present = known & np.isfinite(L) & (L > 0) & (weight > 0)
        weight = np.where(present, weight, 0.0)
        rows = present.any(axis=0)
        logs = [np.log(N[rows]), np.log(D[rows]), np.log(np.where(present, L, 1.0)[:, rows])]
        weight, first = weight[:, rows], weight[0, rows] > 0
        centre = [0.0, 0.0, 0.0]
        if first.any():
            centre = [logs[0][first].mean(), logs[1][first].mean(), logs[2][0][first].mean()]
        x, y, z = (values - mean for values, mean in zip(logs, centre, strict=True))
        return cls(x, y, z, weight, tuple(float(mean) for mean in centre), np.flatnonzero(rows))

    @property
    def draws(self) -> int:
        return len(self.weight)

    @property
    def together(self) -> int:
        """How many draws to evaluate at a time, so that their arrays fit the processor's cache."""
        return int(np.clip(20_000 // max(len(self.x), 1), 1, 100))

    @property
    def n(self) -> int:
        """Cells of the measurement, draw 0."""
        return int((self.weight[0] > 0).sum())

    @cached_property
    def counts(self) -> dict[str, np.ndarray]:
        """Distinct sizes, distinct amounts of data and distinct pairs of a draw: each (draws,)."""
        sizes, data = _labels(self.x), _labels(self.y)
        labels = {"sizes": sizes, "amounts of data": data}
        labels["cells"] = sizes * (data.max(initial=0) + 1) + data
        return {name: self._distinct(label) for name, label in labels.items()}

    def _distinct(self, label: np.ndarray) -> np.ndarray:
        """How many values of `label` (rows,) have a cell in each draw."""
        if not len(label):
            return np.zeros(self.draws, np.int64)
        order = np.argsort(label, kind="stable")
        starts = np.flatnonzero(np.diff(label[order], prepend=-1))
        return np.logical_or.reduceat(self.weight[:, order] > 0, starts, axis=1).sum(axis=1)

    def refusal(self, sizes: int, cells: int) -> str:
        """Why a surface cannot be fitted to the cells of draw 0, or ''.

        Parameters
        ----------
        sizes
            Distinct sizes, and distinct amounts of data, that it needs.
        cells
            Distinct pairs of the two that it needs.
        """
        needs = {"sizes": sizes, "amounts of data": sizes, "cells": cells}
        for name, needed in needs.items():
            if self.counts[name][:1].sum() < needed:
                there = self.counts[name][:1].sum()
                return f"{name.split()[0]}: {there} {name}, the surface needs {needed}"
        here = self.weight[0] > 0
        if np.ptp(self.z[0, here]) < 1e-12:
            return "constant: the loss is the same in every cell"
        x, y = self.x[here] - self.x[here].mean(), self.y[here] - self.y[here].mean()
        if np.std(y - x * (x @ y) / (x @ x)) < SPREAD:
            return "rank: D follows from N (one budget), which cannot tell size from data"
        return ""

    def enough(self, sizes: int, cells: int) -> np.ndarray:
        """Which draws hold as much as a surface needs.

        Parameters
        ----------
        sizes, cells
            See `refusal`.

        Returns
        -------
        array of bool (draws,)
        """
        counts = self.counts
        many = (counts["sizes"] >= sizes) & (counts["amounts of data"] >= sizes)
        return many & (counts["cells"] >= cells)


def least_squares(
    columns: np.ndarray, y: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted least squares of y on `columns`, for every draw.

    The columns are first made orthogonal over the rows of draw 0, which keeps the normal equations
    accurate.

    Parameters
    ----------
    columns : array (rows, p)
        The design, the same in all draws.
    y, weight : arrays (draws, rows)
        A row of weight 0 is absent.

    Returns
    -------
    coefficients : array (draws, p)
        NaN where a draw does not determine them; in all draws where draw 0 does not.
    inverse : array (draws, p, p)
        Of columns' diag(weight) columns.
    """
    here = weight[0] > 0
    _, triangle = np.linalg.qr(columns[here] * np.sqrt(weight[0, here, None]))
    size = np.linalg.norm(triangle, axis=0)
    if len(triangle) < columns.shape[1] or np.abs(np.diag(triangle) / size).min() < DEPENDENT:
        shape = (len(y), columns.shape[1])
        return np.full(shape, np.nan), np.full((*shape, shape[1]), np.nan)
    back = np.linalg.inv(triangle)
    basis = columns @ back
    p = basis.shape[1]
    pairs = (basis[:, :, None] * basis[:, None, :]).reshape(len(basis), p * p)
    gram = (weight @ pairs).reshape(-1, p, p)
    spectrum = np.linalg.eigvalsh(gram)
    bad = ~(spectrum[:, 0] > SINGULAR * spectrum[:, -1])
    gram[bad] = np.eye(p)
    inverse = np.linalg.inv(gram)
    beta = np.einsum("dij,dj->di", inverse, (weight * y) @ basis)
    beta[bad], inverse[bad] = np.nan, np.nan
    return beta @ back.T, back @ inverse @ back.T


def nonnegative(
    gram: np.ndarray, moment: np.ndarray, *, only_value: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Least squares with three coefficients that are not negative, in closed form.

    Minimises b' gram b / 2 - moment' b over b >= 0. Each of the seven non-empty sets of positive
    coefficients is solved; the best of those that come out positive is the optimum, because the
    problem is convex.

    Parameters
    ----------
    gram : array (6, ...)
        The entries 00, 11, 22, 01, 02, 12 of symmetric matrices.
    moment : array (3, ...)
    only_value
        Leave the coefficients at 0, which is faster.

    Returns
    -------
    b : array (3, ...)
    value : array (...)
        The minimum; 0, at b = 0, where nothing is below it.
    """
    g00, g11, g22, g01, g02, g12 = gram
    m0, m1, m2 = moment
    best, value = np.zeros_like(moment), np.zeros_like(m0)

    def offer(candidate: dict[int, np.ndarray], regular: np.ndarray) -> None:
        reached = -sum(moment[i] * b for i, b in candidate.items()) / 2
        allowed = regular & (reached < value)
        for b in candidate.values():
            allowed &= b > 0
        np.copyto(value, reached, where=allowed)
        for i in () if only_value else range(3):
            np.copyto(best[i], candidate.get(i, 0.0), where=allowed)

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for i, (g, m) in enumerate(((g00, m0), (g11, m1), (g22, m2))):
            offer({i: m / g}, g > 0)
        for i, j, a, b, c in ((0, 1, g00, g11, g01), (0, 2, g00, g22, g02), (1, 2, g11, g22, g12)):
            determinant = a * b - c * c
            first = (b * moment[i] - c * moment[j]) / determinant
            second = (a * moment[j] - c * moment[i]) / determinant
            offer({i: first, j: second}, determinant > 1e-13 * a * b)
        c00, c11, c22 = g11 * g22 - g12 * g12, g00 * g22 - g02 * g02, g00 * g11 - g01 * g01
        c01, c02, c12 = g02 * g12 - g01 * g22, g01 * g12 - g02 * g11, g01 * g02 - g00 * g12
        determinant = g00 * c00 + g01 * c01 + g02 * c02
        all_three = {
            0: (c00 * m0 + c01 * m1 + c02 * m2) / determinant,
            1: (c01 * m0 + c11 * m1 + c12 * m2) / determinant,
            2: (c02 * m0 + c12 * m1 + c22 * m2) / determinant,
        }
        offer(all_three, determinant > 1e-13 * g00 * g11 * g22)
    return best, value


def _labels(values: np.ndarray) -> np.ndarray:
    """The values' ranks, where logarithms that agree to nine digits are one value."""
    return np.unique(np.round(values, 9), return_inverse=True)[1]
