"""Regret on the number of demonstrated episodes."""

import numpy as np

from ilscaling.laws.relations.relation import Relation


def mean(values, theta):
    """regret = a K^-gamma.

    Parameters
    ----------
    values : dict of str to array (rows,)
        `demonstrations`, the number K of episodes.
    theta : array (2,)
        a, in points of the game, and gamma.

    Returns
    -------
    array (rows,)
        Regret: the expert's return less the policy's, in points of the game.
    """
    factor, gamma = theta
    return factor * values["demonstrations"] ** -gamma


def starts(values, response):
    """Parameters to start the search from.

    Parameters
    ----------
    values : dict of str to array (rows,)
        See `mean`.
    response : array (rows,)
        Regret: the expert's return less the policy's, in points of the game.

    Returns
    -------
    array (starts, 2)
    """
    log, level = np.mean(np.log(values["demonstrations"])), np.mean(np.log(response))
    return np.array([[np.exp(level + gamma * log), gamma] for gamma in (0.2, 1.0)])


RELATION = Relation(
    name="demonstrations",
    response="regret",
    variables=("demonstrations",),
    parameters=("factor", "gamma"),
    mean=mean,
    starts=starts,
    lower=(1e-30, -10.0),
    upper=(1e30, 10.0),
    logs=True,
    source="Rajaraman et al. 2020 (arXiv 2009.05990): 1 of tabular cloning, in the number K",
)
