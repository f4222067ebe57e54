"""Least squares of a relation, of many samples of rows at once."""

import numpy as np

from ilscaling.errors import FitError
from ilscaling.laws.descent import Descent, Local, minimise
from ilscaling.laws.relations.relation import Relation, Values

# Of the starts so many are followed to their end: those that fit best.
FOLLOWED = 4
# Half the step of a derivative by differences, and what stands for a residual that is no number.
STEP, ABSENT = 1e-6, 1e6
# Iterations at most, and numbers that are evaluated at a time: they stay in the processor's cache.
STEPS, TOGETHER = 400, 50_000


class Squares:
    """The sum of squared residuals of samples of rows (an objective of descent.minimise).

    A parameter whose lower bound is positive is sought by its logarithm.

    Parameters
    ----------
    relation
        The law. What is squared are residuals of ln of the response where it says so.
    samples : list of (Values, array (rows,))
        Variables and response of each sample; their numbers of rows may differ.
    fixed : dict of str to float
        Parameters that are held, by name.
    """

    def __init__(self, relation: Relation, samples: list, fixed: dict[str, float]):
        self.relation = relation
        self.free = np.array([name not in fixed for name in relation.parameters])
        self.log = np.array(relation.lower)[self.free] > 0
        self.held = np.array([fixed.get(name, np.nan) for name in relation.parameters])
        # A sample with fewer rows than the largest repeats its first one, without weight.
        rows = max(len(y) for _, y in samples)
        take = [np.r_[: len(y), np.zeros(rows - len(y), int)] for _, y in samples]
        self.weight = np.array([np.arange(rows) < len(y) for _, y in samples], float)
        self.x = {
            name: np.array([x[name][at] for (x, _), at in zip(samples, take, strict=True)])
            for name in relation.variables
        }
        response = np.array([y[at] for (_, y), at in zip(samples, take, strict=True)])
        self.target = np.log(response) if relation.logs else response

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends of the points, (points' coordinates,) each."""
        return self.point_of(self.relation.lower), self.point_of(self.relation.upper)

    def point_of(self, theta: np.ndarray) -> np.ndarray:
        """Points (problems, free parameters) of parameters (problems, parameters)."""
        bounded = np.clip(theta, self.relation.lower, self.relation.upper)[..., self.free]
        return np.where(self.log, np.log(np.where(self.log, bounded, 1.0)), bounded)

    def theta_of(self, points: np.ndarray) -> np.ndarray:
        """Parameters (problems, parameters) of points (problems, free parameters)."""
        theta = np.tile(self.held, (len(points), 1))
        theta[:, self.free] = np.where(self.log, np.exp(np.where(self.log, points, 0.0)), points)
        return theta

    def residuals(self, points: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Residuals (problems, rows) of the samples `which` (problems,)."""
        x = {name: values[which] for name, values in self.x.items()}
        with np.errstate(all="ignore"):
            try:
                mean = self.relation.mean(x, self.theta_of(points).T[:, :, None])
                away = (np.log(mean) if self.relation.logs else mean) - self.target[which]
            except (TypeError, ValueError) as error:
                raise FitError(
                    f"its mean takes no arrays of parameters: {error}",
                    where=f"relation {self.relation.name}",
                    fix="elementwise operations of NumPy, such as np.where for a branch",
                ) from None
        return np.nan_to_num(away, nan=ABSENT, posinf=ABSENT, neginf=-ABSENT) * self.weight[which]

    def value(self, points: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Sums of squared residuals (problems,)."""
        return np.square(self.residuals(points, which)).sum(axis=1)

    def __call__(self, points: np.ndarray, which: np.ndarray) -> Local:
        away = self.residuals(points, which)
        slopes = np.empty((*points.shape, away.shape[1]))
        for at in range(points.shape[1]):
            step = np.zeros(points.shape[1])
            step[at] = STEP
            ends = (self.residuals(points + side * step, which) for side in (1, -1))
            slopes[:, at] = (next(ends) - next(ends)) / (2 * STEP)
        # Gauss and Newton's curvature: residuals are small where the law holds.
        curvature = 2 * slopes @ slopes.transpose(0, 2, 1)
        slope = 2 * (slopes @ away[:, :, None])[:, :, 0]
        return Local(np.square(away).sum(axis=1), slope, curvature, curvature)

    def descend(self, points: np.ndarray, which: np.ndarray) -> Descent:
        """Descents in samples `which` (problems,) from `points` (problems, free parameters)."""

        def objective(points: np.ndarray, problems: np.ndarray) -> Local:
            return self(points, which[problems])

        together = max(TOGETHER // self.weight.shape[1], 1)
        return minimise(objective, points, *self.bounds, steps=STEPS, together=together)


def best(
    relation: Relation, x: Values, y: np.ndarray, starts: np.ndarray, fixed: dict[str, float]
) -> tuple[np.ndarray, float]:
    """The least squares of the best start, within the relation's bounds.

    Parameters
    ----------
    relation
        The law.
    x : dict of str to array (rows,)
        The variables.
    y : array (rows,)
        The response.
    starts : array (starts, parameters)
        The FOLLOWED that fit best are followed to their end.
    fixed
        Parameters that are held, by name.

    Returns
    -------
    theta : array (parameters,)
        NaN where there is no start.
    rss : float
        Sum of squared residuals.

    Raises
    ------
    FitError
        For a mean that takes no arrays of parameters.
    """
    squares = Squares(relation, [(x, y)], fixed)
    points = squares.point_of(np.asarray(starts, float))
    if not len(points):
        return np.full(len(relation.parameters), np.nan), np.inf
    which = np.zeros(len(points), int)
    rss = squares.value(points, which)
    if squares.free.any():
        followed = np.argsort(rss, kind="stable")[:FOLLOWED]
        points, rss, _ = squares.descend(points[followed], which[followed])
    least = int(np.argmin(rss))
    return squares.theta_of(points)[least], float(rss[least])


def each(
    relation: Relation, samples: list, start: np.ndarray, fixed: dict[str, float]
) -> np.ndarray:
    """The least squares of each sample, from the same start.

    Parameters
    ----------
    relation, fixed
        As of `best`.
    samples : list of (Values, array (rows,))
        Variables and response of each.
    start : array (parameters,)

    Returns
    -------
    array (samples, parameters)
    """
    squares = Squares(relation, samples, fixed)
    points = np.tile(squares.point_of(start), (len(samples), 1))
    if squares.free.any():
        points = squares.descend(points, np.arange(len(samples))).x
    return squares.theta_of(points)
