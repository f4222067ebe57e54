"""Loss on size and data as if every sample were new, which the law of repeats is compared with."""

import numpy as np

from ilscaling.laws.relations.relation import Relation
from ilscaling.laws.relations.repeated import NAMES
from ilscaling.laws.relations.repeated import starts as with_repeats


def mean(values, theta):
    """L = E + A / N^alpha + B / D^beta.

    Parameters
    ----------
    values : dict of str to array (rows,)
        `params` N and `samples` D, repeats counted.
    theta : array (5,)
        E, A, B, alpha and beta.

    Returns
    -------
    array (rows,)
        Loss, nats a step.
    """
    E, A, B, alpha, beta = theta
    return E + A * values["params"] ** -alpha + B * values["samples"] ** -beta


def starts(values, response):
    """Parameters to start the search from.

    Parameters
    ----------
    values : dict of str to array (rows,)
        See `mean`.
    response : array (rows,)
        Loss, nats a step.

    Returns
    -------
    array (starts, 5)
    """
    return np.unique(with_repeats(values, response)[:, :5], axis=0)


RELATION = Relation(
    name="unrepeated",
    response="loss",
    variables=("params", "samples", "unique_samples"),
    parameters=NAMES[:5],
    mean=mean,
    starts=starts,
    lower=(0.0, 1e-6, 1e-6, 0.02, 0.02),
    upper=(1e3, 1e12, 1e12, 3.0, 3.0),
    logs=True,
    source="Hoffmann et al. 2022 (arXiv 2203.15556), equation 2",
)
