"""What a form of a law is, and a form fitted to every draw."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from ilscaling.laws.forms.straight import EXACT

Parameters = dict[str, np.ndarray]


class Toward(NamedTuple):
    """Which way a fitted form departs from a straight line in logs.

    Parameters
    ----------
    words : str
        As a verdict says it: 'the power law is rejected toward ...'.
    saturates : bool
        Whether optima at the grid's edge, whose losses are too high, look like it.
    """

    words: str
    saturates: bool = False


def _no_flags(parameters: Parameters) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True)
class Form:
    """A functional form of an optimum on compute; one file defines one, as its constant FORM.

    Parameters
    ----------
    name : str
        How tables and fits.json call it: small letters, digits and underscores.
    fit : callable
        (u, v) -> (parameters, rss). u = ln x rises along a row, v = ln y, both (draws, points) with
        NaN where absent; draw 0 is the measurement, the others its resamples. Parameters are arrays
        (draws,) by name, `exponent` among them; rss (draws,) is the sum of squared residuals of v.
    line : callable
        (u, parameters) -> ln y at u of shape (1 or draws, points): (draws, points).
    coefficients : int
        Parameters of the mean, which AIC charges for.
    points : int
        Points that a draw needs.
    phrase : str
        As in 'three points, a saturating law needs four'.
    toward : callable
        parameters -> Toward, of draw 0: what a verdict for this form says.
    records : tuple of str
        Parameters that become records of fits.json.
    flags : callable
        parameters -> 'code: sentence' of what else to know, of draw 0.
    label, colour, linestyle, width
        In figures' legends and curves (matplotlib's words).
    order : int
        Place among the forms in tables and figures; the built-in ones have 0, 10, 20.
    """

    CALLED: ClassVar = ("fit", "line", "toward")

    name: str
    fit: Callable[[np.ndarray, np.ndarray], tuple[Parameters, np.ndarray]]
    line: Callable[[np.ndarray, Parameters], np.ndarray]
    coefficients: int
    points: int
    phrase: str
    toward: Callable[[Parameters], Toward]
    label: str
    colour: str
    records: tuple[str, ...] = ("exponent",)
    flags: Callable[[Parameters], tuple[str, ...]] = _no_flags
    linestyle: str | tuple = "-"
    width: float = 1.5
    order: int = 100


@dataclass(frozen=True)
class Curve:
    """A form fitted to every draw.

    Parameters
    ----------
    form : Form
    x, y : array (draws, points)
        As fitted, NaN where absent.
    parameters : dict of str to array (draws,)
        NaN where a draw has too few points.
    rss, n : arrays (draws,)
        Sum of squared residuals of ln y, and how many points there are.
    reason : str
        'code: sentence' if the measurement (draw 0) could not be fitted, else empty.
    flags : tuple of str
        What else to know of it.
    """

    form: Form
    x: np.ndarray
    y: np.ndarray
    parameters: Parameters
    rss: np.ndarray
    n: np.ndarray
    reason: str
    flags: tuple[str, ...]

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The law's value at other x.

        Parameters
        ----------
        x : array (points,) or (draws, points)
            Positive.

        Returns
        -------
        array (draws, points)
            NaN for draws without a fit.
        """
        with np.errstate(all="ignore"):
            values = np.exp(self.form.line(np.log(np.atleast_2d(x)), self.parameters))
        return np.where(np.isfinite(values), values, np.nan)

    @property
    def toward(self) -> Toward:
        """Which way the measurement's curve departs from a power law."""
        return self.form.toward({name: values[0] for name, values in self.parameters.items()})

    @property
    def dof(self) -> int:
        """Degrees of freedom of the measurement's residuals."""
        return int(self.n[0]) - self.form.coefficients

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
        p = self.form.coefficients + 1
        free = np.where(self.n > p + 1, self.n - p - 1, np.nan)
        return self.deviance + 2 * p + 2 * p * (p + 1) / free

    @property
    def bic(self) -> np.ndarray:
        """Schwarz's criterion, (draws,), with the parameters of `aic`. NaN for n <= k + 2."""
        p = self.form.coefficients + 1
        return self.deviance + np.where(self.n > p + 1, p * np.log(np.maximum(self.n, 1)), np.nan)

    @property
    def deviance(self) -> np.ndarray:
        """Twice the negative log-likelihood of Gaussian residuals, but for a constant: (draws,)."""
        n = np.maximum(self.n, 1)
        return n * np.log(np.maximum(self.rss / n, EXACT**2))


def fit(form: Form, x: np.ndarray, y: np.ndarray) -> Curve:
    """Fit a form to every draw by least squares in ln y.

    Parameters
    ----------
    form
        Which one.
    x : array (points,) or (draws, points)
        In any order.
    y : array (points,) or (draws, points)
        Values that are not positive and finite are absent points.

    Returns
    -------
    Curve
        NaN in a draw of too few points; if draw 0 is one, `reason` says so.
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
    apart = (np.diff(u, axis=1) > EXACT).sum(1) + (n > 0)
    enough = (n >= form.points) & (apart >= form.points)
    parameters, rss = form.fit(np.where(enough[:, None], u, np.nan), v)
    parameters = {name: np.where(enough, values, np.nan) for name, values in parameters.items()}
    rss = np.where(enough, rss, np.nan)
    reason, flags = "", ()
    if not enough[0]:
        points = f"{apart[0]} point" + ("" if apart[0] == 1 else "s")
        reason = f"not_fitted: {points}, {form.phrase} needs {form.points}"
    else:
        flags = form.flags({name: values[0] for name, values in parameters.items()})
    return Curve(form, x, np.where(there, y, np.nan), parameters, rss, n, reason, flags)
