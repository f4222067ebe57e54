"""The highest return on compute as a sigmoid between random play and the expert."""

import numpy as np

from ilscaling.laws.relations.relation import Relation, highest_return


def mean(values, theta):
    """r = 1 / (1 + (C_half / C)^p).

    Parameters
    ----------
    values : dict of str to array (rows,)
        `compute` C, FLOPs.
    theta : array (2,)
        C_half, FLOPs, and p.

    Returns
    -------
    array (rows,)
        Normalised return: 0 is random play, 1 the expert.
    """
    half, steepness = theta
    return 1 / (1 + (half / values["compute"]) ** steepness)


def starts(values, response):
    """Parameters to start the search from.

    Parameters
    ----------
    values : dict of str to array (rows,)
        See `mean`.
    response : array (rows,)
        Normalised return: 0 is random play, 1 the expert.

    Returns
    -------
    array (starts, 2)
    """
    low, high = np.min(values["compute"]), np.max(values["compute"])
    halves = np.geomspace(low / 10, high * 100, 6)
    return np.array([[half, p] for half in halves for p in (0.3, 1.0, 3.0)])


RELATION = Relation(
    name="highest_return_sigmoid",
    response="normalised_return",
    variables=("compute",),
    parameters=("half", "steepness"),
    mean=mean,
    starts=starts,
    lower=(1.0, 1e-3),
    upper=(1e40, 20.0),
    logs=False,
    rows=highest_return,
    rival="highest_return_power",
    source="Khatri et al. 2025 (arXiv 2510.13786), with both ends known",
)
