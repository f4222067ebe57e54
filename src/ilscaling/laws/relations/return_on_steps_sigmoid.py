"""The highest return on steps of the game as a sigmoid from random play to a fitted ceiling."""

import numpy as np

from ilscaling.laws.relations.relation import Relation, highest_return


def mean(values, theta):
    """R - R_random = ceiling / (1 + (half / S)^steepness).

    Parameters
    ----------
    values : dict of str to array (rows,)
        `steps` S of the game.
    theta : array (3,)
        The ceiling above random play, points of the game; half, steps; steepness.

    Returns
    -------
    array (rows,)
        Return above random play, points of the game.
    """
    ceiling, half, steepness = theta
    return ceiling / (1 + (half / values["steps"]) ** steepness)


def starts(values, response):
    """Parameters to start the search from.

    Parameters
    ----------
    values : dict of str to array (rows,)
        See `mean`.
    response : array (rows,)
        Return above random play, points of the game.

    Returns
    -------
    array (starts, 3)
    """
    low, high = np.min(values["steps"]), np.max(values["steps"])
    most = max(float(np.max(response)), 1e-3)
    halves = np.geomspace(low, high * 10, 5)
    return np.array([[c * most, h, p] for c in (1.0, 3.0) for h in halves for p in (0.5, 1.5)])


RELATION = Relation(
    name="return_on_steps_sigmoid",
    response="return_above_random",
    variables=("steps",),
    parameters=("ceiling", "half", "steepness"),
    mean=mean,
    starts=starts,
    lower=(1e-12, 1.0, 1e-3),
    upper=(1e12, 1e20, 20.0),
    logs=False,
    rows=highest_return,
    rival="return_on_steps_power",
    source="Khatri et al. 2025 (arXiv 2510.13786), equation 1, on steps in place of FLOPs",
)
