"""Straight lines in logs, of all draws at once: what the forms are made of."""

import numpy as np

# Residuals of ln y below this are rounding: a form that is exact to it is no better than another.
EXACT = 1e-9


def mean(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Mean of each row over some of its points; 0 for a row without any.

    Parameters
    ----------
    values : array (draws, points)
    there : array of bool (draws, points)
        The points that count.

    Returns
    -------
    array (draws, 1)
    """
    count = np.maximum(there.sum(1, keepdims=True), 1)
    return np.where(there, values, 0.0).sum(1, keepdims=True) / count


def least_squares(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lines of v on u, one a row.

    Parameters
    ----------
    u, v : arrays (draws, points)
        NaN where absent.

    Returns
    -------
    intercept, slope, rss : arrays (draws,)
        NaN where a row has no two different u.
    """
    there = np.isfinite(u) & np.isfinite(v)
    centre, level = mean(u, there), mean(v, there)
    du, dv = np.where(there, u - centre, 0.0), np.where(there, v - level, 0.0)
    with np.errstate(all="ignore"):
        slope = (du * dv).sum(1) / (du**2).sum(1)
    rss = ((dv - slope[:, None] * du) ** 2).sum(1)
    return level[:, 0] - slope * centre[:, 0], slope, rss


def line(u: np.ndarray, parameters: dict[str, np.ndarray]) -> np.ndarray:
    """intercept + exponent u.

    Parameters
    ----------
    u : array (1 or draws, points)
    parameters : dict of str to array (draws,)
        With `intercept` and `exponent`.

    Returns
    -------
    array (draws, points)
    """
    return parameters["intercept"][:, None] + parameters["exponent"][:, None] * u
