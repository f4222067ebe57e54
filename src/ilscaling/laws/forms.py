"""Functional forms of an optimum on compute: pure power law, saturating, broken power law.

All are least squares in ln y, so that their information criteria compare, and all fit every draw
at once: arrays have shape (draws, points), draw 0 is the measurement, NaN is an absent point.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ilscaling.laws import saturating

# Residuals of ln y below this are rounding: a form that is exact to it is no better than another.
EXACT = 1e-9
# Points on either side of a break.
ASIDE = 3
BROKEN = ("intercept", "exponent", "exponent_above", "break")

Line = Callable[[np.ndarray, dict[str, np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class Curve:
    """A form fitted to every draw.

    `parameters` are arrays (draws,), NaN where a draw has too few points; `rss` (draws,) is the sum
    of squared residuals of ln y, over `n` (draws,) points; `k` counts the parameters of the mean.
    `reason` is 'code: sentence' if the measurement (draw 0) could not be fitted, else empty;
    `flags` say what else to know of it. `x` is (draws, points) as fitted, NaN where absent.
    """

    form: str
    x: np.ndarray
    parameters: dict[str, np.ndarray]
    rss: np.ndarray
    n: np.ndarray
    k: int
    reason: str
    flags: tuple[str, ...]
    line: Line

    def predict(self, x: np.ndarray) -> np.ndarray:
        """y at x of shape (points,) or (draws, points): (draws, points), NaN for unfitted draws."""
        with np.errstate(all="ignore"):
            values = np.exp(self.line(np.log(np.atleast_2d(x)), self.parameters))
        return np.where(np.isfinite(values), values, np.nan)

    @property
    def dof(self) -> int:
        """Degrees of freedom of the measurement's residuals."""
        return int(self.n[0]) - self.k

    @property
    def sigma(self) -> float:
        """Residual standard deviation of ln y of the measurement; NaN without freedom."""
        return float(np.sqrt(self.rss[0] / self.dof)) if self.dof > 0 else np.nan

    @property
    def aic(self) -> np.ndarray:
        """Akaike's criterion with the small-sample term (AICc; Hurvich and Tsai 1989): (draws,).

        Gaussian residuals of ln y, whose variance counts as a parameter: with the 5 to 25 budgets
        of a study the uncorrected criterion favours the larger forms. NaN for n <= k + 2.
        """
        p = self.k + 1
        free = np.where(self.n > p + 1, self.n - p - 1, np.nan)
        return self._deviance() + 2 * p + 2 * p * (p + 1) / free

    @property
    def bic(self) -> np.ndarray:
        """Schwarz's criterion, (draws,), with the parameters of `aic`. NaN for n <= k + 2."""
        p = self.k + 1
        return self._deviance() + np.where(
            self.n > p + 1, p * np.log(np.maximum(self.n, 1)), np.nan
        )

    def _deviance(self) -> np.ndarray:
        n = np.maximum(self.n, 1)
        return n * np.log(np.maximum(self.rss / n, EXACT**2))


def fit(form: str, x: np.ndarray, y: np.ndarray) -> Curve:
    """Fit a form of FORMS to y (draws, points) at x (points,) or (draws, points).

    Values that are not positive and finite are absent points.
    """
    y = np.atleast_2d(np.asarray(y, dtype=np.float64))
    x = np.broadcast_to(np.asarray(x, dtype=np.float64), y.shape)
    there = np.isfinite(x) & np.isfinite(y) & (x > 0) & (y > 0)
    x = np.where(there, x, np.nan)
    with np.errstate(invalid="ignore"):
        order = np.argsort(x, axis=1, kind="stable")  # NaN goes last
    u = np.log(np.take_along_axis(x, order, 1))
    v = np.log(np.where(there, y, np.nan))
    v = np.take_along_axis(v, order, 1)
    n = there.sum(1)
    fitted, k, least, line = FORMS[form]
    apart = (np.diff(u, axis=1) > EXACT).sum(1) + (n > 0)
    enough = (n >= least) & (apart >= least)
    parameters, rss = fitted(np.where(enough[:, None], u, np.nan), v)
    parameters = {name: np.where(enough, values, np.nan) for name, values in parameters.items()}
    rss = np.where(enough, rss, np.nan)
    reason, flags = "", ()
    if not enough[0]:
        points = f"{apart[0]} point" + ("" if apart[0] == 1 else "s")
        reason = f"not_fitted: {points}, {NAMES[form]} needs {least}"
    else:
        flags = _flags(form, parameters)
    return Curve(form, x, parameters, rss, n, k, reason, flags, line)


def _flags(form: str, parameters: dict[str, np.ndarray]) -> tuple[str, ...]:
    if form != "saturating":
        return ()
    if parameters["bend"][0] <= EXACT:
        return ("no_bend: the best saturating law is the power law",)
    if parameters["initial"][0] > 0 and parameters["exponent"][0] >= 0:
        return ("no_ceiling: growth slows down toward no ceiling",)
    return ()


def _mean(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Mean over present points, (draws, 1)."""
    count = np.maximum(there.sum(1, keepdims=True), 1)
    return np.where(there, values, 0.0).sum(1, keepdims=True) / count


def _ols(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Intercept, slope and rss of lines v on u, each (draws,)."""
    there = np.isfinite(u) & np.isfinite(v)
    centre, level = _mean(u, there), _mean(v, there)
    du, dv = np.where(there, u - centre, 0.0), np.where(there, v - level, 0.0)
    with np.errstate(all="ignore"):
        slope = (du * dv).sum(1) / (du**2).sum(1)
    rss = ((dv - slope[:, None] * du) ** 2).sum(1)
    return level[:, 0] - slope * centre[:, 0], slope, rss


def _power(u: np.ndarray, v: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    intercept, slope, rss = _ols(u, v)
    return {"intercept": intercept, "exponent": slope}, rss


def _power_line(u: np.ndarray, p: dict[str, np.ndarray]) -> np.ndarray:
    return p["intercept"][:, None] + p["exponent"][:, None] * u


def _saturating(u: np.ndarray, v: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """y = a x^g + b, bent toward saturation, as y = y0 (1 + h ((x/x0)^g - 1) / g).

    x0 is the smallest x, y0 the law there and h its exponent there: g = h is the power law (b = 0),
    and g < h bends toward saturation: of a falling y to a floor b > 0, of a rising one, if g < 0,
    to a ceiling b. So the power law is nested, and the law is positive everywhere above x0.
    """
    there = np.isfinite(u) & np.isfinite(v)
    n = there.sum(1)
    intercept, slope, straight = _ols(u, v)
    start = np.where(there, u, np.inf).min(1, initial=np.inf)
    start = np.where(n > 0, start, np.nan)
    width = np.where(there, u, -np.inf).max(1, initial=-np.inf) - start
    with np.errstate(all="ignore"):
        z = np.where(there, (u - start[:, None]) / width[:, None], 0.0)
    sign = 1.0 if slope[0] > 0 else -1.0  # the draws go the way of the measurement
    h, bend, rss = saturating.bend(z, np.where(there, v, 0.0), there, slope * width, sign)
    with np.errstate(all="ignore"):
        better = rss < straight - n * EXACT**2
        h = np.where(better, h / width, slope)
        bend = np.where(better, bend / width, 0.0)
        g = h - bend
        shape = saturating.log_shape(u - start[:, None], h[:, None], bend[:, None])
        level = _mean(v - shape, there)[:, 0] + 0 * slope
        p = {"start": start, "level": level, "initial": h, "bend": bend, "exponent": g}
        p["offset"] = np.where(better, np.exp(level) * (1 - h / g), 0.0) + 0 * slope
        factor = level + np.log(np.abs(h / g)) - g * start
        p["intercept"] = np.where(better, factor, intercept)
    return p, np.where(better, rss, straight)


def _saturating_line(u: np.ndarray, p: dict[str, np.ndarray]) -> np.ndarray:
    z, h, bend = u - p["start"][:, None], p["initial"][:, None], p["bend"][:, None]
    return p["level"][:, None] + saturating.log_shape(z, h, bend)


def _broken(u: np.ndarray, v: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Two power laws that meet: ln y is piecewise linear in ln x with one break.

    Between each two neighbouring points (ASIDE or more on either side) the best break is where the
    lines through either side cross or, if that is elsewhere, one of the two (Hudson 1966).
    """
    there = np.isfinite(u) & np.isfinite(v)
    centre, level = _mean(u, there), _mean(v, there)
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
        return dict.fromkeys(BROKEN, np.full(len(u), np.nan)), np.full(len(u), np.nan)
    best = np.argmax(gain, 1)[:, None]
    at = np.take_along_axis(at, best, 1)[:, 0] + centre[:, 0]
    intercept, slope, turn, rss = _hinge(u, v, at)
    return dict(zip(BROKEN, (intercept, slope, slope + turn, np.exp(at)), strict=True)), rss


def _from_sums(s: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Intercept and slope of the lines y on x from sums over their points."""
    slope = (s["xy"] - s["x"] * s["y"] / s["n"]) / (s["xx"] - s["x"] ** 2 / s["n"])
    return (s["y"] - slope * s["x"]) / s["n"], slope


def _hinge(u: np.ndarray, v: np.ndarray, at: np.ndarray):
    """Least squares of v on 1, u and max(u - at, 0): intercept, slope, change of slope, rss."""
    there = np.isfinite(u) & np.isfinite(v)
    above = np.where(there, np.maximum(u - at[:, None], 0.0), np.nan)
    # Frisch-Waugh: the hinge enters by what the line does not explain of it.
    i, g, _ = _ols(u, v)
    ih, gh, _ = _ols(u, above)
    rest = np.where(there, above - ih[:, None] - gh[:, None] * u, 0.0)
    residual = np.where(there, v - i[:, None] - g[:, None] * u, 0.0)
    with np.errstate(all="ignore"):
        turn = (rest * residual).sum(1) / (rest**2).sum(1)
    turn = np.where(np.isfinite(turn), turn, 0.0)
    rss = ((residual - turn[:, None] * rest) ** 2).sum(1)
    return i - turn * ih, g - turn * gh, turn, np.where(np.isfinite(rss), rss, np.inf)


def _broken_line(u: np.ndarray, p: dict[str, np.ndarray]) -> np.ndarray:
    above = np.maximum(u - np.log(p["break"])[:, None], 0.0)
    turn = p["exponent_above"] - p["exponent"]
    return _power_line(u, p) + turn[:, None] * above


# form -> fit of (ln x, ln y), parameters of its mean, points that it needs, its line
FORMS = {
    "power": (_power, 2, 2, _power_line),
    "saturating": (_saturating, 3, 4, _saturating_line),
    "broken": (_broken, 4, 2 * ASIDE, _broken_line),
}
NAMES = {"power": "a power law", "saturating": "a saturating law", "broken": "a broken power law"}
