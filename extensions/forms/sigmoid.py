"""A form for returns, which have a largest value: a sigmoid in ln x.

y = A / (1 + (m / x)^p): far below the midpoint m a power law of exponent p, above it level at A, as
fitted to reinforcement learning by Khatri et al. (ScaleRL, arXiv 2510.13786). A falling y is the
same mirrored, its reciprocal being a sigmoid: it falls to a floor. The power law is the limit of a
midpoint far above the points.
"""

import numpy as np
from scipy.optimize import least_squares

from ilscaling.laws import Form, Toward

NAMES = ("level", "midpoint", "exponent", "asymptote")
# Of the midpoint, in widths of the points beyond their ends: a limit that is a power law in effect.
FAR = 6.0
STARTS = [(at, steep) for at in (-0.2, 0.3, 0.7, 1.2) for steep in (1.0, 2.0, 5.0, 12.0)]


def shape(z, midpoint, steep):
    """ln y apart from its level, of a rising law."""
    return -np.logaddexp(0, -steep * (z - midpoint))


def _one(z, v, starts):
    """Level, midpoint, steepness and sum of squares of one draw; the level is linear."""

    def residuals(p):
        rest = v - shape(z, *p)
        return rest - rest.mean()

    bounds = ([-FAR, 1e-6], [1 + FAR, 100.0])
    found = [least_squares(residuals, start, bounds=bounds, xtol=1e-10) for start in starts]
    best = min(found, key=lambda end: end.cost)
    level = (v - shape(z, *best.x)).mean()
    return level, *best.x, 2 * best.cost


def fit(u, v):
    """Least squares in ln y (see Form.fit); draw 0 from a grid of starts, others from its end."""
    parameters = np.full((len(u), len(NAMES)), np.nan)
    rss, starts, sign = np.full(len(u), np.nan), STARTS, 1.0
    for draw, (x, y) in enumerate(zip(u, v, strict=True)):
        there = np.isfinite(x) & np.isfinite(y)
        if there.sum() < FORM.points:
            continue
        x, y = x[there], y[there]
        if draw == 0:
            sign = 1.0 if np.polyfit(x, y, 1)[0] >= 0 else -1.0
        start, width = x.min(), np.ptp(x)
        level, midpoint, steep, rss[draw] = _one((x - start) / width, sign * y, starts)
        if draw == 0:
            starts = [(midpoint, steep)]
        level, exponent = sign * level, sign * steep / width
        parameters[draw] = level, start + midpoint * width, exponent, np.exp(level)
    return dict(zip(NAMES, parameters.T, strict=True)), rss


def line(u, p):
    """ln y at u."""
    exponent, midpoint = p["exponent"][:, None], p["midpoint"][:, None]
    return p["level"][:, None] + np.sign(exponent) * shape(u, midpoint, np.abs(exponent))


FORM = Form(
    name="sigmoid",
    fit=fit,
    line=line,
    coefficients=3,
    points=5,
    phrase="a sigmoid",
    toward=lambda parameters: Toward("saturation", saturates=True),
    records=("exponent", "asymptote"),
    label="sigmoid",
    colour="#CC79A7",
    linestyle=(0, (1, 1)),
    order=40,
)
