"""Many small minimisations at once: a damped Newton method within bounds."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

# Damping at the start, where it counts as none, and where a step is given up.
DAMPING, LEAST, MOST = 1e-2, 1e-14, 1e12


class Local(NamedTuple):
    """An objective about points, one a problem.

    Parameters
    ----------
    value : array (problems,)
    slope : array (problems, p)
    curvature, metric : arrays (problems, p, p)
        Symmetric: the second derivatives, and a positive matrix that bounds steps.
    """

    value: np.ndarray
    slope: np.ndarray
    curvature: np.ndarray
    metric: np.ndarray


class Descent(NamedTuple):
    """Where the descents ended.

    Parameters
    ----------
    x : array (problems, p)
    value : array (problems,)
        The objective there.
    converged : array of bool (problems,)
    """

    x: np.ndarray
    value: np.ndarray
    converged: np.ndarray

    def lower(self, other: "Descent") -> "Descent":
        """Of each problem the descent that ended lower; this one if equal."""
        better = other.value < self.value
        return Descent(*(_where(better, new, old) for new, old in zip(other, self, strict=True)))


def minimise(
    objective: Callable[[np.ndarray, np.ndarray], Local],
    start: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    *,
    steps: int = 300,
    tolerance: float = 1e-12,
    negligible: float = 1e-24,
    together: int = 100,
) -> Descent:
    """Minimise many functions at once from one start each, within bounds.

    Levenberg and Marquardt's method: a Newton step damped by the metric, less after a success and
    more after a failure; a coordinate that presses on its bound is held there.

    Parameters
    ----------
    objective : callable
        (points (problems, p), which (problems,)) -> Local. `which` holds the indices of those
        problems that still run.
    start : array (problems, p)
    lower, upper : arrays (p,)
        Bounds; a start beyond them is moved onto them.
    steps
        Tried at most.
    tolerance, negligible
        A descent has converged if the next step would lower the value by less than `tolerance` of
        it, or than `negligible`.
    together
        Problems that are evaluated at a time: arrays that stay in the processor's cache are four
        times faster.

    Returns
    -------
    Descent
        Not converged where the steps ran out, or where none of them lowered the value.
    """
    x = np.clip(start, lower, upper)
    value, converged = np.full(len(x), np.nan), np.zeros(len(x), dtype=bool)
    which = np.arange(len(x))
    here, at = _evaluate(objective, x, which, together), x
    damping = np.full(len(x), DAMPING)
    growth = np.full(len(x), 4.0)
    for _ in range(steps):
        step, promised = _step(here, at, lower, upper, damping)
        done = (promised <= tolerance * here.value + negligible) & (damping < 1)
        stuck = damping > MOST
        ended = done | stuck
        if ended.any():
            x[which[ended]], value[which[ended]] = at[ended], here.value[ended]
            converged[which[ended]] = done[ended]
            keep = ~ended
            which, at, damping, growth = which[keep], at[keep], damping[keep], growth[keep]
            step, promised = step[keep], promised[keep]
            here = Local(*(part[keep] for part in here))
        if not len(which):
            break
        tried = np.clip(at + step, lower, upper)
        there = _evaluate(objective, tried, which, together)
        gained = here.value - there.value
        better = gained > 0
        at = np.where(better[:, None], tried, at)
        here = Local(*(_where(better, new, old) for new, old in zip(there, here, strict=True)))
        ratio = gained / np.maximum(promised, 1e-100)
        easier = np.where(ratio > 0.75, 0.1, np.where(ratio > 0.25, 0.5, 2.0))
        damping = np.maximum(damping * np.where(better, easier, growth), LEAST)
        growth = np.where(better, 4.0, 2 * growth)
    x[which], value[which] = at, here.value
    return Descent(x, value, converged)


def _evaluate(objective: Callable, points: np.ndarray, which: np.ndarray, together: int) -> Local:
    """The objective, for `together` problems at a time."""
    parts = [
        objective(points[at : at + together], which[at : at + together])
        for at in range(0, len(which), together)
    ]
    return parts[0] if len(parts) == 1 else Local(*map(np.concatenate, zip(*parts, strict=True)))


def _step(
    here: Local, at: np.ndarray, lower: np.ndarray, upper: np.ndarray, damping: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The damped step (problems, p) and the decrease that its quadratic model promises."""
    size = np.sqrt(np.einsum("ijj->ij", here.metric))
    held = ((at <= lower) & (here.slope > 0)) | ((at >= upper) & (here.slope < 0))
    # A coordinate that the objective does not feel has no step either.
    held |= size <= 1e-10 * size.max(axis=1, keepdims=True)
    # Steps in units of 1 / size make the metric's diagonal 1, whatever a coordinate's scale.
    unit = np.where(held, 0.0, 1 / np.where(held, 1.0, size))
    units = unit[:, :, None] * unit[:, None, :]
    slope = here.slope * unit
    small = 1e-12 + 1e-6 * damping[:, None]
    ridge = np.where(held, 1.0, small)[:, :, None] * np.eye(at.shape[1])
    damped = (here.curvature + damping[:, None, None] * here.metric) * units
    step = _solve(damped + ridge, slope)
    # Where the curvature is not positive, so that the step leads uphill, the metric alone leads.
    uphill = (step * slope).sum(axis=1) >= 0
    if uphill.any():
        metric = (1 + damping[uphill, None, None]) * here.metric[uphill] * units[uphill]
        step[uphill] = _solve(metric + ridge[uphill], slope[uphill])
    promised = -(slope * step).sum(axis=1) / 2
    return np.clip(at + step * unit, lower, upper) - at, promised


def _solve(matrix: np.ndarray, slope: np.ndarray) -> np.ndarray:
    return -np.linalg.solve(matrix, slope[:, :, None])[:, :, 0]


def _where(better: np.ndarray, new: np.ndarray, old: np.ndarray) -> np.ndarray:
    return np.where(better.reshape(-1, *[1] * (new.ndim - 1)), new, old)
