"""Two power laws that meet: ln y is piecewise linear in ln x with one break."""

import numpy as np

from ilscaling.laws.forms import straight
from ilscaling.laws.forms.form import Form, Toward

# Points on either side of a break.
ASIDE = 3
NAMES = ("intercept", "exponent", "exponent_above", "break")


def fit(u: np.ndarray, v: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Least squares of v on a line in u with one break (see Form.fit).

    Between each two neighbouring points (ASIDE or more on either side) the best break is where the
    lines through either side cross or, if that is elsewhere, one of the two (Hudson 1966).

    Parameters
    ----------
    u, v : arrays (draws, points)
        ln x, rising along a row, and ln y; NaN where absent.

    Returns
    -------
    parameters : dict of str to array (draws,)
        `intercept` and `exponent` below the break, `exponent_above`, and the `break`, in units of
        x.
    rss : array (draws,)
        Of a row with too few points nothing here means anything: form.fit makes it NaN.
    """
    there = np.isfinite(u) & np.isfinite(v)
    centre, level = straight.mean(u, there), straight.mean(v, there)
    x, y = np.where(there, u - centre, 0.0), np.where(there, v - level, 0.0)
    # Sums over the first 1, 2, ... points, and over those after them.
    first = {
        k: np.cumsum(a, 1)
        for k, a in (("n", there * 1.0), ("x", x), ("y", y), ("xx", x * x), ("xy", x * y))
    }
    after = {k: a[:, -1:] - a for k, a in first.items()}
    n = first["n"][:, -1:]
    gaps = slice(ASIDE - 1, max(u.shape[1] - ASIDE, ASIDE - 1))
    first, after = ({k: a[:, gaps] for k, a in sums.items()} for sums in (first, after))
    last, following = x[:, gaps], x[:, ASIDE : gaps.stop + 1]
    with np.errstate(all="ignore"):
        i1, g1 = _from_sums(first)
        i2, g2 = _from_sums(after)
        crossing = (i1 - i2) / (g2 - g1)
        at = np.clip(np.where(np.isfinite(crossing), crossing, last), last, following)
        # Frisch-Waugh: the hinge (x - at)+ enters by what the line does not explain of it.
        total = after["x"] - after["n"] * at
        hx = after["xx"] - at * after["x"]
        hh = hx - at * total
        hy = after["xy"] - at * after["y"]
        sxx, sxy = (x * x).sum(1, keepdims=True), (x * y).sum(1, keepdims=True)
        rest = hh - total**2 / n - hx**2 / sxx
        gain = (hy - hx * sxy / sxx) ** 2 / rest
        gain = np.where(np.isfinite(gain) & (after["n"] >= ASIDE), gain, -np.inf)
    if not gain.shape[1]:
        return dict.fromkeys(NAMES, np.full(len(u), np.nan)), np.full(len(u), np.nan)
    best = np.argmax(gain, 1)[:, None]
    at = np.take_along_axis(at, best, 1)[:, 0] + centre[:, 0]
    intercept, slope, turn, rss = _hinge(u, v, at)
    return dict(zip(NAMES, (intercept, slope, slope + turn, np.exp(at)), strict=True)), rss


def _from_sums(s: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Intercept and slope of the lines y on x from sums over their points."""
    slope = (s["xy"] - s["x"] * s["y"] / s["n"]) / (s["xx"] - s["x"] ** 2 / s["n"])
    return (s["y"] - slope * s["x"]) / s["n"], slope


def _hinge(u: np.ndarray, v: np.ndarray, at: np.ndarray):
    """Least squares of v on 1, u and max(u - at, 0): intercept, slope, change of slope, rss."""
    there = np.isfinite(u) & np.isfinite(v)
    above = np.where(there, np.maximum(u - at[:, None], 0.0), np.nan)
    # Frisch-Waugh: the hinge enters by what the line does not explain of it.
    i, g, _ = straight.least_squares(u, v)
    ih, gh, _ = straight.least_squares(u, above)
    rest = np.where(there, above - ih[:, None] - gh[:, None] * u, 0.0)
    residual = np.where(there, v - i[:, None] - g[:, None] * u, 0.0)
    with np.errstate(all="ignore"):
        turn = (rest * residual).sum(1) / (rest**2).sum(1)
    turn = np.where(np.isfinite(turn), turn, 0.0)
    rss = ((residual - turn[:, None] * rest) ** 2).sum(1)
    return i - turn * ih, g - turn * gh, turn, np.where(np.isfinite(rss), rss, np.inf)


def line(u: np.ndarray, p: dict[str, np.ndarray]) -> np.ndarray:
    """ln y of the two lines that meet.

    Parameters
    ----------
    u : array (1 or draws, points)
        ln x.
    p : dict of str to array (draws,)
        As `fit` returns them.

    Returns
    -------
    array (draws, points)
    """
    above = np.maximum(u - np.log(p["break"])[:, None], 0.0)
    turn = p["exponent_above"] - p["exponent"]
    return straight.line(u, p) + turn[:, None] * above


def toward(parameters: dict[str, np.ndarray]) -> Toward:
    """By whether the law is steeper or flatter above its break.

    Parameters
    ----------
    parameters
        Those of draw 0: numbers by name.
    """
    below, above, at = (parameters[name] for name in NAMES[1:])
    saturates = bool(abs(above) < abs(below))
    way = "saturation" if saturates else "steepening"
    return Toward(f"{way} beyond {at:.2g} FLOPs", saturates)


FORM = Form(
    name="broken",
    fit=fit,
    line=line,
    coefficients=4,
    points=2 * ASIDE,
    phrase="a broken power law",
    toward=toward,
    records=("exponent", "exponent_above", "break"),
    label="broken power law",
    colour="#CC79A7",
    linestyle=(0, (1.5, 1.2)),
    width=1.7,
    order=20,
)
