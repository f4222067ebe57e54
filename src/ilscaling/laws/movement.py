"""Whether an optimum moves from budget to budget at all.

Cells of too few updates and of too many epochs are left out, so that the sizes of a budget move
with it. Then an optimum that stays where it is may seem to move with them: so say surfaces, and so
do minima at an end of the sizes (benchmarks/null_sizes.py measures how far). The slope of the loss
along the size, from budget to budget, does not depend on which sizes there are.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from ilscaling.laws.draws import FEWEST
from ilscaling.laws.runs import Runs

# What has an optimum, by the law of where that lies.
PLACES = {"N_opt": "N", "D_opt": "D"}
# Budgets, and distinct sizes, that a parabola whose middle moves needs.
BUDGETS = SIZES = 3


class Movement(NamedTuple):
    """A test of an optimum that stays.

    Attributes
    ----------
    t
        Student's t of the movement along ln C; 0 where losses have no minimum along the size.
    dof
        Its degrees of freedom, between runs.
    """

    t: float
    dof: int

    def shows(self, sign: float, level: float) -> bool:
        """Whether the optimum moves in a direction (the sign of an exponent), one-sided."""
        return bool(np.sign(sign) * self.t > stdtrit(self.dof, level))


def movement(runs: Runs, law: str) -> Movement | None:
    """Test whether the optimum of a law moves with compute.

    Within a budget ln L is a parabola of x = ln N (or ln D), of one curvature and with a slope
    that changes along ln C: least squares with a level a budget, and errors that runs share (sums
    over whole runs, Liang and Zeger 1986).

    Parameters
    ----------
    runs
        Rows of one game.
    law
        A key of PLACES.

    Returns
    -------
    Movement or None
        None if budgets, sizes or runs are too few to tell.
    """
    some = runs.where(np.isfinite(runs.L))
    x, c = np.log(getattr(some, PLACES[law])), np.log(some.C)
    few = len(np.unique(some.position)) < BUDGETS or len(np.unique(some.N)) < SIZES
    if few or not runs.isoflop or len(np.unique(some.run)) < FEWEST:
        return None
    x, c = ((v - v.mean()) / v.std() for v in (x, c))
    columns = pd.DataFrame({"y": np.log(some.L), "x": x, "square": x**2, "moving": x * c})
    within = columns - columns.groupby(some.position).transform("mean")
    slopes, errors = _least_squares(
        within["y"].to_numpy(), within[["x", "square", "moving"]].to_numpy(), some.run
    )
    dof = len(np.unique(some.run)) - 1
    if not slopes[1] > 0:
        return Movement(0.0, dof)
    t = -slopes[2] / errors[2] if errors[2] > 0 else np.nan
    return Movement(float(t), dof) if np.isfinite(t) else None


def _least_squares(y: np.ndarray, x: np.ndarray, run: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (columns,) and their standard errors where the rows of a run deviate together.

    Those of statsmodels' OLS with errors of clusters (tests/test_movement.py), whose import takes a
    second, which nobody who fits a table should wait for.
    """
    slopes = np.linalg.lstsq(x, y, rcond=None)[0]
    away = x * (y - x @ slopes)[:, None]
    runs, group = np.unique(run, return_inverse=True)
    sums = np.zeros((len(runs), x.shape[1]))
    np.add.at(sums, group, away)
    inverse = np.linalg.pinv(x.T @ x)
    few = len(runs) / (len(runs) - 1) * (len(y) - 1) / (len(y) - x.shape[1])
    return slopes, np.sqrt(few * np.diag(inverse @ (sums.T @ sums) @ inverse))
