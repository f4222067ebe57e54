"""Return on loss as a sigmoid between random play and the expert."""

import numpy as np

from ilscaling.laws.relations.relation import Relation, lowest_loss


def mean(values, theta):
    """r = 1 / (1 + (L / L_half)^p): the expert's return at loss 0, random play's at any high one.

    Both ends are known, so that two coefficients are left, as of the power law.

    Parameters
    ----------
    values : dict of str to array (rows,)
        `loss` L, nats a step.
    theta : array (2,)
        L_half, nats a step, and p.

    Returns
    -------
    array (rows,)
        Normalised return: 0 is random play, 1 the expert.
    """
    half, steepness = theta
    return 1 / (1 + (values["loss"] / half) ** steepness)


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
    low, high = np.min(values["loss"]), np.max(values["loss"])
    halves = np.geomspace(low / 2, high * 1.5, 5)
    return np.array([[half, p] for half in halves for p in (1.0, 3.0, 8.0)])


RELATION = Relation(
    name="return_sigmoid",
    response="normalised_return",
    variables=("loss",),
    parameters=("half", "steepness"),
    mean=mean,
    starts=starts,
    lower=(1e-6, 1e-2),
    upper=(1e3, 100.0),
    logs=False,
    rows=lowest_loss,
    rival="return_power",
    source="a logistic in ln L, as of reward on compute in Khatri et al. 2025 (arXiv 2510.13786)",
)
