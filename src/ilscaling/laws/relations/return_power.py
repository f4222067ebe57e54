"""Return on loss as a power law, which the sigmoid is compared with."""

import numpy as np

from ilscaling.laws.relations.relation import Relation, lowest_loss

SOURCE = "Tuyls et al. 2024 (arXiv 2307.09423), equation 6, on normalised returns"


def mean(values, theta):
    """r = a (1 / L)^b.

    Parameters
    ----------
    values : dict of str to array (rows,)
        `loss` L, nats a step.
    theta : array (2,)
        a and b.

    Returns
    -------
    array (rows,)
        Normalised return: 0 is random play, 1 the expert.
    """
    a, b = theta
    return a * values["loss"] ** -b


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
    level = max(float(np.mean(response)), 1e-3)
    middle = float(np.exp(np.mean(np.log(values["loss"]))))
    return np.array([[level * middle**b, b] for b in (0.3, 1.0, 2.0, 4.0)])


RELATION = Relation(
    name="return_power",
    response="normalised_return",
    variables=("loss",),
    parameters=("factor", "exponent"),
    mean=mean,
    starts=starts,
    lower=(1e-9, 1e-3),
    upper=(1e9, 50.0),
    logs=False,
    rows=lowest_loss,
    source=SOURCE,
)
