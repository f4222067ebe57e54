"""The power law y = a x^g, which the other forms are compared with."""

import numpy as np

from ilscaling.laws.forms.form import Form, Toward
from ilscaling.laws.forms.straight import least_squares, line


def fit(u: np.ndarray, v: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A line in logs by ordinary least squares (see Form.fit).

    Parameters
    ----------
    u, v : arrays (draws, points)
        ln x and ln y; NaN where absent.

    Returns
    -------
    parameters : dict of str to array (draws,)
        `intercept` = ln a and `exponent` = g.
    rss : array (draws,)
    """
    intercept, slope, rss = least_squares(u, v)
    return {"intercept": intercept, "exponent": slope}, rss


FORM = Form(
    name="power",
    fit=fit,
    line=line,
    coefficients=2,
    points=2,
    phrase="a power law",
    toward=lambda parameters: Toward("a power law"),
    label="power law",
    colour="#222222",
    width=1.3,
    order=0,
)
