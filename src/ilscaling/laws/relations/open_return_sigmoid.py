"""Return on loss as a sigmoid from 0 to a ceiling that is not known: of tables without an expert's
return."""

import numpy as np

from ilscaling.laws.relations import return_sigmoid
from ilscaling.laws.relations.relation import Relation, lowest_loss


def mean(values, theta):
    """R = R_max / (1 + (L / L_half)^p).

    Parameters
    ----------
    values : dict of str to array (rows,)
        `loss` L, nats a step.
    theta : array (3,)
        R_max, in points of the game, L_half, nats a step, and p.

    Returns
    -------
    array (rows,)
        Return, in points of the game.
    """
    return theta[0] * return_sigmoid.mean(values, theta[1:])


def starts(values, response):
    """Parameters to start the search from.

    Parameters
    ----------
    values : dict of str to array (rows,)
        See `mean`.
    response : array (rows,)
        Return, in points of the game.

    Returns
    -------
    array (starts, 3)
    """
    shape = return_sigmoid.starts(values, response)
    tops = float(np.max(response)) * np.array([1.05, 1.5, 4.0])
    return np.array([[top, *rest] for top in tops for rest in shape])


RELATION = Relation(
    name="open_return_sigmoid",
    response="return",
    variables=("loss",),
    parameters=("ceiling", "half", "steepness"),
    mean=mean,
    starts=starts,
    lower=(1e-9, 1e-6, 1e-2),
    upper=(1e12, 1e3, 100.0),
    logs=True,
    rows=lowest_loss,
    rival="open_return_power",
    instead_of="return_sigmoid",
    source="as return_sigmoid, with a ceiling that is fitted",
)
