"""The compute-optimal frontier: what a method says of every law at any compute, draw by draw."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ilscaling.laws import forms, profiles
from ilscaling.laws.draws import Draws
from ilscaling.laws.runs import Runs
from ilscaling.params import Laws


class Frontier(Protocol):
    """What a method says of the frontier, for every draw at once; draw 0 is the measurement.

    Parameters
    ----------
    method : str
        grid, vertex, quadratic, chinchilla or varpro.
    form : str
        A form of FORMS (of grid and vertex), or surface.
    parameters : dict
        (law, name) -> array (draws,), NaN where a draw has none.
    flags : dict
        Law -> list of 'code: sentence'.
    """

    method: str
    form: str
    parameters: dict[tuple[str, str], np.ndarray]
    flags: dict[str, list[str]]

    def predict(self, law: str, C: np.ndarray) -> np.ndarray:
        """The law's value at compute C.

        Parameters
        ----------
        law
            A key of records.LAWS.
        C : array (points,)
            FLOPs.

        Returns
        -------
        array (draws, points)
            NaN where there is none.
        """

    def spread(self, law: str) -> tuple[float, int]:
        """Standard deviation of the measured optima about draw 0, in ln, and its degrees of
        freedom; (NaN, 0) where there are too few."""


@dataclass(frozen=True)
class Points:
    """A Frontier through the optima of single budgets, each law by one form.

    Parameters
    ----------
    method : str
        grid or vertex.
    form : str
        A form of FORMS.
    curves : dict of str to Curve
        By law.
    flags : dict
        Law -> list of 'code: sentence'.
    runs_dof : int
        Degrees of freedom between runs, 0 without resamples.
    by_dev : Curve, optional
        The return on 1 over the dev loss, where `curves` has it on that of the test split.
    """

    method: str
    form: str
    curves: dict[str, forms.Curve]
    flags: dict[str, list[str]]
    runs_dof: int = 0
    by_dev: forms.Curve | None = None

    @property
    def parameters(self) -> dict[tuple[str, str], np.ndarray]:
        return {
            (law, name): values
            for law, curve in self.curves.items()
            for name, values in curve.parameters.items()
        }

    def predict(self, law: str, C: np.ndarray) -> np.ndarray:
        """See Frontier; the return on 1/loss is that at the predicted loss."""
        x = np.asarray(C, dtype=np.float64)
        if law == "R_on_1/L":
            with np.errstate(divide="ignore", invalid="ignore"):
                x = 1 / self.curves["L_min"].predict(x)
        return self.curves[law].predict(x)

    def spread(self, law: str) -> tuple[float, int]:
        curve = self.curves[law]
        return (curve.sigma, curve.dof) if curve.dof > 0 else (np.nan, 0)

    def scatter(self, law: str) -> float:
        """Standard deviation of a budget's optimum among the resamples, in ln: the root mean square
        over budgets; 0 without any."""
        y = self.curves[law].y[1:]
        several = np.isfinite(y).sum(axis=0) > 1
        if not several.any():
            return 0.0
        return float(np.sqrt(np.nanvar(np.log(y[:, several]), axis=0, ddof=1).mean()))

    def leverage(self, law: str, C: np.ndarray) -> np.ndarray:
        """How far a compute lies from the optima: 1/n + (x - mean)^2 / sum of squares of ln x.

        Of a power law by least squares: times the residual variance it is the variance of the line.

        Parameters
        ----------
        law
            A key of `curves`; of the return on 1/loss x is 1 over the predicted loss.
        C : array (points,)
            FLOPs.

        Returns
        -------
        array (points,)
        """
        x = np.log(self.curves[law].x[0])
        x = x[np.isfinite(x)]
        at = np.log(np.asarray(C, dtype=np.float64))
        if law == "R_on_1/L":
            at = -np.log(self.curves["L_min"].predict(C)[0])
        return 1 / len(x) + (at - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum()


@dataclass(frozen=True)
class LeftOut:
    """Positions of the budgets that do not enter, as indices of `Runs.budgets`.

    Parameters
    ----------
    loss, returns : frozenset of int
        Whose losses, and whose returns, do not enter the laws of optima.
    surface : frozenset of int
        Which do not enter surfaces.
    """

    loss: frozenset[int] = frozenset()
    returns: frozenset[int] = frozenset()
    surface: frozenset[int] = frozenset()


def points(
    runs: Runs, draws: Draws, settings: Laws, left_out: LeftOut, *, only: tuple[str, ...] = ()
) -> list[Points]:
    """The frontiers of one game by grid and vertex, in every form.

    Parameters
    ----------
    runs, draws
        The game's rows, and these in every draw.
    settings
        Of which `window` says how wide a parabola is (see profiles.near).
    left_out
        Budgets that do not enter.
    only
        Names of the forms wanted; by default all of FORMS.

    Returns
    -------
    list of Points
        A method's forms one after the other; empty without rows.
    """
    if not len(runs.L):
        return []
    cells = profiles.profiles(runs, draws)
    loss_in, return_in = (
        ~np.isin(cells.position, sorted(positions))
        for positions in (left_out.loss, left_out.returns)
    )
    frontiers = []
    for method in profiles.METHODS:
        low = profiles.lowest(cells, method, settings.window)
        high = profiles.highest(cells, method, settings.window)
        with np.errstate(divide="ignore", invalid="ignore"):
            at = {
                "L_min": (low.C, low.y, loss_in),
                "N_opt": (low.C, low.N, loss_in),
                "D_opt": (low.C, low.D, loss_in),
                "R_max": (high.C, high.y, return_in),
                "R_on_1/L": (1 / low.y, low.R, loss_in),
            }
            dev = 1 / low.chosen
        for name in only or forms.FORMS:
            curves = {
                law: forms.fit(forms.FORMS[name], x, np.where(inside, y, np.nan))
                for law, (x, y, inside) in at.items()
            }
            flags = {
                law: [*filter(None, [curve.reason]), *curve.flags] for law, curve in curves.items()
            }
            by_dev = None
            if name == forms.POWER:
                by_dev = forms.fit(forms.FORMS[name], dev, np.where(loss_in, low.R, np.nan))
            frontiers.append(Points(method, name, curves, flags, draws.dof, by_dev))
    return frontiers
