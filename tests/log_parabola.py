"""A form of one's own: ln y is a parabola in ln x, which bends either way."""

import numpy as np

from ilscaling.laws import Form, Toward

NAMES = ("level", "exponent", "bend", "centre")


def fit(u, v):
    """Least squares of v on 1, u and u^2 about the mean of u, draw by draw."""
    found = np.full((len(u), len(NAMES)), np.nan)
    rss = np.full(len(u), np.nan)
    for draw, (x, y) in enumerate(zip(u, v, strict=True)):
        there = np.isfinite(x) & np.isfinite(y)
        if there.sum() >= 3:
            centre = x[there].mean()
            bend, slope, level = np.polyfit(x[there] - centre, y[there], 2)
            found[draw] = level, slope, bend, centre
            rest = y[there] - np.polyval([bend, slope, level], x[there] - centre)
            rss[draw] = rest @ rest
    return dict(zip(NAMES, found.T, strict=True)), rss


def line(u, p):
    """ln y at u."""
    away = u - p["centre"][:, None]
    return p["level"][:, None] + (p["exponent"][:, None] + p["bend"][:, None] * away) * away


def toward(p):
    """A law that bends away from flat is steeper at larger budgets."""
    steeper = p["bend"] * p["exponent"] > 0
    return Toward("steepening") if steeper else Toward("saturation", saturates=True)


FORM = Form(
    name="log_parabola",
    fit=fit,
    line=line,
    coefficients=3,
    points=4,
    phrase="a log-parabola",
    toward=toward,
    records=("exponent", "bend"),
    label="log-parabola",
    colour="#56B4E9",
    linestyle="-.",
    order=30,
)
