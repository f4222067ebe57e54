"""A power law of one variable: what laws of that form share."""

import numpy as np

# Exponents from which a search starts.
EXPONENTS = (0.1, 0.3, 0.6, 1.0)


def mean(values, theta, *, variable, unit):
    """factor (x / unit)^exponent.

    Parameters
    ----------
    values : dict of str to array (rows,)
        Of which `variable` is x.
    theta : array (2,)
        factor, in the unit of the response, and exponent.
    variable : str
        The name of x.
    unit : float
        Where the law is the factor: within what is measured, so that numbers stay readable.

    Returns
    -------
    array (rows,)
        In the unit of the response.
    """
    factor, exponent = theta
    return factor * (values[variable] / unit) ** exponent


def starts(values, response, *, variable, unit):
    """Parameters to start the search from.

    Parameters
    ----------
    values : dict of str to array (rows,)
        See `mean`.
    response : array (rows,)
        What is explained.
    variable, unit
        See `mean`.

    Returns
    -------
    array (starts, 2)
    """
    level = max(float(np.mean(response)), 1e-3)
    middle = float(np.exp(np.mean(np.log(values[variable] / unit))))
    return np.array([[level * middle**-b, b] for b in EXPONENTS])
