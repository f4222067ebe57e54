"""The highest return on compute as a power law, which the sigmoid is compared with."""

import numpy as np

from ilscaling.laws.relations.relation import Relation, highest_return


def mean(values, theta):
    """r = r_1 (C / C_1)^b, C_1 = 1e12 FLOPs, where the numbers stay readable.

    Parameters
    ----------
    values : dict of str to array (rows,)
        `compute` C, FLOPs.
    theta : array (2,)
        r_1 and b.

    Returns
    -------
    array (rows,)
        Normalised return: 0 is random play, 1 the expert.
    """
    factor, exponent = theta
    return factor * (values["compute"] / 1e12) ** exponent


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
    middle = float(np.exp(np.mean(np.log(values["compute"] / 1e12))))
    return np.array([[level * middle**-b, b] for b in (0.1, 0.3, 0.6, 1.0)])


RELATION = Relation(
    name="highest_return_power",
    response="normalised_return",
    variables=("compute",),
    parameters=("factor", "exponent"),
    mean=mean,
    starts=starts,
    lower=(1e-12, 1e-4),
    upper=(1e12, 10.0),
    logs=False,
    rows=highest_return,
    source="Tuyls et al. 2024 (arXiv 2307.09423), equation 3, on normalised returns",
)
