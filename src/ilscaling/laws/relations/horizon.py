"""Regret on loss and horizon: how fast do a policy's errors add up along an episode?"""

import numpy as np

from ilscaling.laws.relations.relation import Relation, by_horizon


def mean(values, theta):
    """regret = a L^p H^q.

    q is 2 where every error may cost the rest of the episode (Ross and Bagnell 2010), 1 with dense
    rewards, 0 of bounded payoffs (Foster, Block and Misra 2024).

    Parameters
    ----------
    values : dict of str to array (rows,)
        `loss` L, nats a step, and `horizon` H, steps.
    theta : array (3,)
        a, p and q.

    Returns
    -------
    array (rows,)
        The expert's return up to the horizon less the policy's, in points of the game.
    """
    factor, p, q = theta
    return factor * values["loss"] ** p * values["horizon"] ** q


def starts(values, response):
    """Parameters to start the search from.

    Parameters
    ----------
    values : dict of str to array (rows,)
        See `mean`.
    response : array (rows,)
        The expert's return up to the horizon less the policy's, in points of the game.

    Returns
    -------
    array (starts, 3)
    """
    log = {name: np.mean(np.log(v)) for name, v in values.items()}
    level = np.mean(np.log(response))
    grid = [(p, q) for p in (0.5, 1.0, 2.0) for q in (0.0, 1.0, 2.0)]
    return np.array([[np.exp(level - p * log["loss"] - q * log["horizon"]), p, q] for p, q in grid])


RELATION = Relation(
    name="horizon",
    response="regret_after",
    variables=("loss", "horizon"),
    parameters=("factor", "p", "q"),
    mean=mean,
    starts=starts,
    lower=(1e-30, -10.0, -10.0),
    upper=(1e30, 20.0, 10.0),
    logs=True,
    rows=by_horizon,
    source="Foster, Block and Misra 2024 (arXiv 2407.15007); Ross and Bagnell 2010",
)
