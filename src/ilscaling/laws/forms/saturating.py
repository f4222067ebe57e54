"""The saturating law y = a x^g + b: a power law that bends toward a floor or a ceiling.

Written as y = y0 (1 + h ((x/x0)^g - 1) / g): x0 is the smallest x, y0 the law there and h its
exponent there. g = h is the power law (b = 0), and g < h bends toward saturation: of a falling y to
a floor b > 0, of a rising one, if g < 0, to a ceiling b. So the power law is nested, and the law is
positive everywhere above x0.
"""

import numpy as np

from ilscaling.laws.descent import Descent, Local, minimise
from ilscaling.laws.forms import straight
from ilscaling.laws.forms.form import Form, Toward
from ilscaling.laws.forms.straight import EXACT

# The bend, in ln y over the points' range of ln x, is sought up to this.
BEND = 50.0
# Starts of the measurement, and of the draws: exponent at the first point over that of the power
# law, and bend.
STARTS = [(h, bend) for h in (0.7, 1.0, 1.5, 2.5, 5.0, 12.0) for bend in (0.3, 1, 2, 4, 8, 20)]
FEW = [(1.2, 1.0), (2.5, 3.0), (5.0, 8.0)]
# A quantile of the draws needs no more than half the digits of the measurement.
STEPS, TOLERANCE = (200, 40), (1e-13, 1e-8)


def fit(u: np.ndarray, v: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Least squares in ln y (see Form.fit); the power law where no bend is better.

    Parameters
    ----------
    u, v : arrays (draws, points)
        ln x, rising along a row, and ln y; NaN where absent.

    Returns
    -------
    parameters : dict of str to array (draws,)
        `start` = ln x0, `level` = ln y0, `initial` = h, `bend` = h - g, `exponent` = g, `offset` =
        b, in units of y, and `intercept` = ln |a|.
    rss : array (draws,)
    """
    there = np.isfinite(u) & np.isfinite(v)
    n = there.sum(1)
    intercept, slope, bare = straight.least_squares(u, v)
    start = np.where(there, u, np.inf).min(1, initial=np.inf)
    start = np.where(n > 0, start, np.nan)
    width = np.where(there, u, -np.inf).max(1, initial=-np.inf) - start
    with np.errstate(all="ignore"):
        z = np.where(there, (u - start[:, None]) / width[:, None], 0.0)
    h, bend, rss = _bend(z, np.where(there, v, 0.0), there, slope * width)
    with np.errstate(all="ignore"):
        better = rss < bare - n * EXACT**2
        h = np.where(better, h / width, slope)
        bend = np.where(better, bend / width, 0.0)
        g = h - bend
        shape = log_shape(u - start[:, None], h[:, None], bend[:, None])
        level = straight.mean(v - shape, there)[:, 0] + 0 * slope
        p = {"start": start, "level": level, "initial": h, "bend": bend, "exponent": g}
        p["offset"] = np.where(better, np.exp(level) * (1 - h / g), 0.0) + 0 * slope
        factor = level + np.log(np.abs(h / g)) - g * start
        p["intercept"] = np.where(better, factor, intercept)
    return p, np.where(better, rss, bare)


def line(u: np.ndarray, p: dict[str, np.ndarray]) -> np.ndarray:
    """ln y at u.

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
    z, h, bend = u - p["start"][:, None], p["initial"][:, None], p["bend"][:, None]
    return p["level"][:, None] + log_shape(z, h, bend)


def flags(p: dict[str, np.ndarray]) -> tuple[str, ...]:
    """What the measurement's law is, where it is no saturating one.

    Parameters
    ----------
    p
        Parameters of draw 0: numbers by name.
    """
    if p["bend"] <= EXACT:
        return ("no_bend: the best saturating law is the power law",)
    if p["initial"] > 0 and p["exponent"] >= 0:
        return ("no_ceiling: growth slows down toward no ceiling",)
    return ()


def log_shape(z: np.ndarray, h: np.ndarray, bend: np.ndarray) -> np.ndarray:
    """ln(1 + h (exp(g z) - 1) / g) for g = h - bend; h z without a bend.

    Parameters
    ----------
    z : array (draws, points)
        ln(x / x0).
    h, bend : arrays (draws, 1)
        The exponent at x0, and by how much it exceeds g.

    Returns
    -------
    array (draws, points)
        ln(y / y0).
    """
    with np.errstate(all="ignore"):
        return np.where(h < 0, np.log(_falling(z, h, bend)[0]), np.log(_rising(z, h, bend)[0]))


def _falling(z: np.ndarray, h: np.ndarray, bend: np.ndarray) -> tuple[np.ndarray, ...]:
    """Shape of a falling law, w + (1 - w) exp(g z) with w its floor, and its slopes by h at fixed
    bend and by the bend: a sum of positive terms, so that nothing cancels near zero."""
    g = h - bend
    steep, grown = h / g, np.exp(g * z)
    rise, less = steep * z * grown, (1 - grown) / g**2
    return steep * grown - bend / g, bend * less + rise, -h * less - rise


def _rising(z: np.ndarray, h: np.ndarray, bend: np.ndarray) -> tuple[np.ndarray, ...]:
    """As `_falling`, of a rising law, whose g may pass through zero."""
    t = (h - bend) * z
    small = np.abs(t) < 1e-3
    by, grown = np.where(small, 1.0, t), np.expm1(t)
    phi = z * np.where(small, 1 + t / 2 + t**2 / 6, grown / by)
    turn = h * z**2 * np.where(small, 0.5 + t / 3 + t**2 / 8, (grown * (t - 1) + t) / by**2)
    return 1 + h * phi, phi + turn, -turn


class _Squares:
    """Half the sum of squares of ln y about the law's shape, over h and bend, of many draws.

    z (draws, points) in [0, 1], v = ln y, `there` marks the points; the level of ln y is linear and
    projected out. All draws go the way of the measurement: `sign`.
    """

    def __init__(self, z: np.ndarray, v: np.ndarray, there: np.ndarray, sign: float):
        self.z, self.v, self.there = z, v, there
        self.weight = there / np.maximum(there.sum(1, keepdims=True), 1)
        self.shape = _falling if sign < 0 else _rising

    def __call__(self, points: np.ndarray, which: np.ndarray) -> Local:
        """See descent.minimise; the curvature is Gauss and Newton's."""
        with np.errstate(all="ignore"):
            value, *slopes = self.shape(self.z[which], points[:, :1], points[:, 1:])
            residual = self._centred(self.v[which] - np.log(value), which)
            J = np.stack([self._centred(slope / value, which) for slope in slopes], axis=1)
            rss = np.einsum("ij,ij->i", residual, residual)
            gram = np.einsum("ipj,iqj->ipq", J, J)
            slope = -np.einsum("ipj,ij->ip", J, residual)
        sound = np.isfinite(rss) & np.isfinite(gram).all((1, 2)) & np.isfinite(slope).all(1)
        gram = np.where(sound[:, None, None], gram, np.eye(2))
        slope = np.where(sound[:, None], slope, 0.0)
        return Local(np.where(sound, rss / 2, np.inf), slope, gram, gram)

    def _centred(self, values: np.ndarray, which: np.ndarray) -> np.ndarray:
        mean = np.einsum("ij,ij->i", values, self.weight[which])[:, None]
        return np.where(self.there[which], values - mean, 0.0)

    def best(self, slope: np.ndarray, starts: list[tuple[float, float]]) -> np.ndarray:
        """The best start (draws, 2) of each draw; `slope` (draws,) is the power law's."""
        rows = np.arange(len(slope))
        tried = np.array([np.column_stack([h * slope, np.full(len(slope), b)]) for h, b in starts])
        values = np.array([self(points, rows).value for points in tried])
        return tried[values.argmin(0), rows]


def _bend(
    z: np.ndarray, v: np.ndarray, there: np.ndarray, slope: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Exponent h at z = 0, bend h - g >= 0 and sum of squares of the best law, each (draws,).

    Draw 0 descends from every start, because the sum of squares may have several valleys; the
    others from its optimum or the best of a few. Where no bend fits best, the sum of squares may
    exceed the power law's.
    """
    sign = 1.0 if slope[0] > 0 else -1.0
    slope = np.where(np.isfinite(slope) & (sign * slope > 0), slope, sign * 1e-3)
    least, most = sorted((sign * 1e-9, sign * 10 * BEND))
    bounds = np.array([least, 0.0]), np.array([most, BEND])

    def descend(rows: np.ndarray, start: np.ndarray, steps: int, tolerance: float) -> Descent:
        squares = _Squares(z[rows], v[rows], there[rows], sign)
        return minimise(squares, start, *bounds, steps=steps, tolerance=tolerance, negligible=1e-28)

    first = np.zeros(len(STARTS), np.int64)
    everywhere = np.array([(h * slope[0], bend) for h, bend in STARTS])
    ends = descend(first, everywhere, STEPS[0], TOLERANCE[0])
    # Of valleys that are equally deep the first.
    best = int(np.argmin(np.where(np.isfinite(ends.value), ends.value, np.inf)))
    x, value = ends.x[best : best + 1], ends.value[best : best + 1]
    if len(z) > 1:
        others = np.arange(1, len(z))
        starts = [*FEW, (float(x[0, 0] / slope[0]), float(x[0, 1]))]
        squares = _Squares(z[others], v[others], there[others], sign)
        end = descend(others, squares.best(slope[others], starts), STEPS[1], TOLERANCE[1])
        x, value = np.vstack([x, end.x]), np.append(value, end.value)
    return x[:, 0], x[:, 1], 2 * value


FORM = Form(
    name="saturating",
    fit=fit,
    line=line,
    coefficients=3,
    points=4,
    phrase="a saturating law",
    toward=lambda parameters: Toward("saturation", saturates=True),
    records=("exponent", "offset"),
    flags=flags,
    label="saturating",
    colour="#009E73",
    linestyle=(0, (5, 1.5)),
    order=10,
)
