"""The measurement and its bootstrap resamples, as arrays with a leading axis of draws.

The design of a study, its sizes and budgets, is chosen and not random; what varies from run to run
is a run's deviation, which all of its snapshots share. So a resample keeps the design: it takes the
smooth surface of the losses over size and compute, and multiplies each run's residuals, as one
block, by a random weight of mean 0 and variance 1 (wild cluster bootstrap; Cameron, Gelbach and
Miller 2008, with the six-point weights of Webb 2023). The surface takes part of the deviations with
it, which a block's leverage makes good as a jackknife over runs would (CV3, with its factor
(runs - 1) / runs of the variance; MacKinnon, Nielsen and Webb 2023, as are the runs - 1 degrees of
freedom). docs/coverage.md compares this with drawing
whole runs with replacement.

Where the table tells the held-out episodes apart, these are drawn anew as well, the same ones for
all rows of a resample (see episodes).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from ilscaling.files import digest
from ilscaling.laws.runs import MEASURED, Runs

# Webb's weights, each with probability 1/6.
WEIGHTS = np.sqrt([0.5, 1.0, 1.5])
WEIGHTS = np.concatenate([-WEIGHTS, WEIGHTS])
# Numbers in an array of draws, at most: a game of very many cells has fewer resamples.
MEMORY = 20_000_000
# Below this share an eigenvalue of a block's residual maker is rounding.
SINGULAR = 1e-3
# Why a fit has no intervals that nobody wanted.
NOT_ASKED = "no resamples were asked for"
# Sizes from which a profile's asymmetry can be told from its runs.
MANY = 8
# Fewer runs than these leave nothing between them: three determine the surface along size.
FEWEST = 4


@dataclass(frozen=True)
class Draws:
    """Columns of `Runs` in every draw.

    Parameters
    ----------
    values : dict of str to array (draws, rows)
        L, R, L_test, R_first and R_second; draw 0 as measured.
    weight : array (1 or draws, rows)
        How often a row is in a draw.
    dof : int
        Degrees of freedom of the deviations between runs, or between held-out episodes where these
        are fewer; 0 if there are no resamples.
    reason : str
        Why there are none.
    """

    values: dict[str, np.ndarray]
    weight: np.ndarray
    dof: int
    reason: str

    @property
    def L(self) -> np.ndarray:
        """Dev losses (draws, rows)."""
        return self.values["L"]

    @property
    def count(self) -> int:
        """Resamples, the measurement apart."""
        return len(self.L) - 1

    def where(self, rows: np.ndarray) -> "Draws":
        """The rows that a mask (rows,) selects."""
        values = {name: v[:, rows] for name, v in self.values.items()}
        return Draws(values, self.weight[:, rows], self.dof, self.reason)


def generator(*what: object) -> np.random.Generator:
    """Random numbers that depend on `what` they are for, and on nothing else.

    Parameters
    ----------
    what
        Names and numbers that JSON can hold.
    """
    return np.random.default_rng(int(digest(list(what))[:16], 16))


def measurement(runs: Runs, reason: str = NOT_ASKED) -> Draws:
    """The measurement alone, as draws without resamples.

    Parameters
    ----------
    runs
        Rows of one game.
    reason
        Why there are no resamples.
    """
    values = {name: getattr(runs, name)[None] for name in MEASURED}
    return Draws(values, np.ones((1, len(runs.L))), 0, reason)


def draw(runs: Runs, count: int, seed: int) -> Draws:
    """The measurement and its resamples; fewer for very many cells, none for few runs.

    Depends on the game's name, its rows and the seed alone. A run's columns share its random
    weight, as dev and test loss share its luck. Held-out episodes are drawn split by split.

    Parameters
    ----------
    runs
        Rows of one game.
    count
        Resamples wanted.
    seed
        Of the random weights.

    Returns
    -------
    Draws
        Arrays (1 + resamples, rows), draw 0 as measured.
    """
    if count == 0 or not len(runs.L):
        return measurement(runs)
    several = len(np.unique(runs.run))
    if several < FEWEST:
        return measurement(runs, f"{several} runs, a bootstrap over runs needs {FEWEST}")
    count = min(count, max(2, MEMORY // len(runs.L)))
    signs = generator(runs.game, seed).choice(WEIGHTS, size=(count, runs.count))[:, runs.run]
    values = {name: _resampled(runs, getattr(runs, name), signs) for name in MEASURED}
    freedom = several - 1
    for name, held_out in (("L", runs.dev), ("L_test", runs.test)):
        if held_out is not None:
            values[name] = held_out.anew(values[name], generator(runs.game, seed, name))
            freedom = min(freedom, len(held_out.steps) - 1)
    return Draws(values, np.ones((1, len(runs.L))), freedom, "")


def interval(values: np.ndarray, dof: int, level: float) -> tuple[float, float] | None:
    """Interval of a quantity from its draws: estimate plus and minus standard errors.

    Parameters
    ----------
    values : array (draws,)
        Draw 0 is the estimate. The standard deviation of the others times Student's quantile is
        half of the interval.
    dof
        Degrees of freedom between runs (see Draws).
    level
        Of the interval.

    Returns
    -------
    (low, high) or None
        None where under half of the resamples have a value, or there are none.
    """
    known = values[1:][np.isfinite(values[1:])]
    if dof < 1 or not np.isfinite(values[0]) or 2 * len(known) < len(values) - 1 or len(known) < 2:
        return None
    half = float(stdtrit(dof, 0.5 + level / 2) * known.std(ddof=1))
    return float(values[0]) - half, float(values[0]) + half


def _resampled(runs: Runs, values: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Draws (draws, rows) of a column of the table; in logarithms where all have one."""
    rows = np.flatnonzero(np.isfinite(values))
    if len(rows) == 0:  # a column that was not measured takes no memory
        return np.broadcast_to(values, (1 + len(signs), len(values)))
    drawn = np.vstack([values, np.broadcast_to(values, signs.shape)])
    positive = (values[rows] > 0).all()
    y = np.log(values[rows]) if positive else values[rows]
    fitted, residual = surface(runs.N[rows], runs.C[rows], y, runs.run[rows])
    again = fitted + signs[:, rows] * residual
    drawn[1:, rows] = np.exp(again) if positive else again
    return drawn


def surface(
    N: np.ndarray, C: np.ndarray, y: np.ndarray, run: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The smooth surface of rows, and their residuals for the bootstrap.

    A quadratic in ln N and ln C, from MANY sizes on a cubic: what a quadratic misses of a profile
    that is steeper on one side would be taken for the runs' deviation.

    Parameters
    ----------
    N, C, y : arrays (rows,)
        Parameters, FLOPs, and what the surface is of, such as ln L.
    run : array of int (rows,)
        The run of each row.

    Returns
    -------
    fitted, residual : arrays (rows,)
        Residuals are as large as a jackknife over runs would make them.
    """
    basis = _basis(N, C, run)
    fitted = basis @ (basis.T @ y)
    residual, runs = _unshrunk(basis, y - fitted, run, 1.0), len(np.unique(run))
    return fitted, residual * np.sqrt((runs - 1) / runs)


def deviations(N: np.ndarray, C: np.ndarray, y: np.ndarray, run: np.ndarray) -> np.ndarray:
    """Deviations of rows from a smooth surface, as large as if the surface were known.

    Parameters
    ----------
    N, C, y, run : arrays (rows,)
        As of `surface`.

    Returns
    -------
    array (rows,)
        What the surface takes along of a run's deviation is given back: (I - H)^-1/2 of its block
        (CR2; Bell and McCaffrey 2002), so that all runs compare.
    """
    basis = _basis(N, C, run)
    return _unshrunk(basis, y - basis @ (basis.T @ y), run, 0.5)


def _basis(N: np.ndarray, C: np.ndarray, run: np.ndarray) -> np.ndarray:
    """Orthonormal columns (rows, p) of the smooth surface."""
    n, c = (np.log(v) - np.log(v).mean() for v in (N, C))
    columns = [np.ones_like(n), n, c, n * n, n * c, c * c]
    # A run is of one size.
    if len(np.unique(N[np.unique(run, return_index=True)[1]])) >= MANY:
        columns += [n**3, n * n * c, n * c * c, c**3]
    columns = np.stack(columns, 1)
    columns /= np.linalg.norm(columns, axis=0).clip(1e-12)
    left, values, _ = np.linalg.svd(columns, full_matrices=False)
    return left[:, values > 1e-9 * values[0]]


def _unshrunk(basis: np.ndarray, residual: np.ndarray, run: np.ndarray, power: float) -> np.ndarray:
    """(I - H)^-power residual (rows,) by blocks of one run, H = basis basis' of a block's rows."""
    residual = residual.copy()
    order = np.argsort(run, kind="stable")
    starts = np.flatnonzero(np.diff(run[order], prepend=-1))
    counts = np.diff(starts, append=len(run))
    for count in np.unique(counts):  # blocks of one length at once
        rows = order[starts[counts == count][:, None] + np.arange(count)]
        left, values, _ = np.linalg.svd(basis[rows], full_matrices=False)
        kept = np.maximum(1 - values**2, SINGULAR)
        along = np.einsum("brp,br->bp", left, residual[rows])
        residual[rows] += np.einsum("brp,bp->br", left, (kept**-power - 1) * along)
    return residual
