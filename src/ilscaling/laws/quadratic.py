"""The log-log quadratic surface of loss over size and data, and its constrained optimum.

ln L = b0 + bN n + bD d + bNN n^2 + bND n d + bDD d^2 with n = ln N, d = ln D, by least squares over
all cells (Tuyls et al. 2024, arXiv 2307.09423). Along C = k N^rho D it is a parabola in n.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from ilscaling.laws.batched import Cells, least_squares
from ilscaling.laws.constraint import Constraint

# Curvature of ln L in (ln N)^2 below which the surface counts as flat along the constraint.
FLAT = 1e-9
NAMES = ("b0", "bN", "bD", "bNN", "bND", "bDD")


@dataclass(frozen=True)
class Quadratic:
    """The coefficients of every draw.

    Parameters
    ----------
    b : array (draws, 6)
        In the order of NAMES, of logarithms about their means; NaN in a draw that does not
        determine them.
    centre : tuple of float
        The means of ln N, ln D and ln L (see Cells).
    """

    b: np.ndarray
    centre: tuple[float, float, float]

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The coefficients of ln N and ln D themselves, each (draws,)."""
        b0, bN, bD, bNN, bND, bDD = self.b.T
        x, y, z = self.centre
        constant = b0 - bN * x - bD * y + bNN * x * x + bND * x * y + bDD * y * y + z
        linear = bN - 2 * bNN * x - bND * y, bD - 2 * bDD * y - bND * x
        return dict(zip(NAMES, (constant, *linear, bNN, bND, bDD), strict=True))

    def loss(self, ln_N: np.ndarray, ln_D: np.ndarray) -> np.ndarray:
        """The surface itself.

        Parameters
        ----------
        ln_N, ln_D : arrays (draws, points) or (1, points)
            ln of parameters and samples.

        Returns
        -------
        array (draws, points)
            L, nats.
        """
        x, y = ln_N - self.centre[0], ln_D - self.centre[1]
        b0, bN, bD, bNN, bND, bDD = self.b.T[:, :, None]
        ln_L = b0 + bN * x + bD * y + bNN * x * x + bND * x * y + bDD * y * y
        return np.exp(ln_L + self.centre[2])

    def curvature(self, rho: np.ndarray) -> np.ndarray:
        """Half the second derivative of ln L by ln N along the constraint, (draws,)."""
        _, _, _, bNN, bND, bDD = self.b.T
        return bNN - rho * bND + rho * rho * bDD

    def exponents(
        self, constraint: Constraint, C: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Exponents of N_opt, D_opt and L_min on C, the last one local.

        L_min's is the slope of ln L_min on ln C at C, which is that of ln L by ln D alone: at an
        optimum the constrained surface is flat.

        Parameters
        ----------
        constraint
            For every draw.
        C
            FLOPs; matters to the last exponent alone.

        Returns
        -------
        tuple of three arrays (draws,)
        """
        N, D = self._of_size(constraint)
        return N, D, self._slope(np.array([C]), constraint)[:, 0]

    def _of_size(self, constraint: Constraint) -> tuple[np.ndarray, np.ndarray]:
        """Exponents of N_opt and D_opt, which are the same at any compute: (draws,)."""
        _, _, _, _, bND, bDD = self.b.T
        rho = constraint.rho
        with np.errstate(divide="ignore", invalid="ignore"):
            a = (2 * rho * bDD - bND) / (2 * self.curvature(rho))
        return a, 1 - rho * a

    def _slope(self, C: np.ndarray, constraint: Constraint) -> np.ndarray:
        """Slope of ln L_min on ln C at C (points,): (draws, points)."""
        _, _, bD, _, bND, bDD = self.b.T[:, :, None]
        ln_N = self.ln_N(C, constraint)
        x, y = ln_N - self.centre[0], constraint.ln_D(ln_N, C) - self.centre[1]
        return bD + bND * x + 2 * bDD * y

    def excess_compute(self, ln_N: np.ndarray, C: np.ndarray, constraint: Constraint) -> np.ndarray:
        """Compute over what the optimal size needs for the same loss, in closed form.

        Off the optimum ln L is higher by h = curvature (ln N - ln N_opt)^2, and ln L_min is a
        parabola in ln C: with its slope b and its second derivative q at C, the wanted step down
        from ln C is the smaller root of b d + q d^2 / 2 = h.

        Parameters
        ----------
        ln_N : array (points,)
            ln of parameters.
        C : array (points,)
            FLOPs.
        constraint
            For every draw.

        Returns
        -------
        array (draws, points)
            At least 1; NaN where L_min does not fall at C, or was nowhere as high.
        """
        high = self.curvature(constraint.rho)[:, None] * (ln_N - self.ln_N(C, constraint)) ** 2
        slope = self._slope(C, constraint)
        N, D = self._of_size(constraint)
        bent = (self.b[:, 4] * N + 2 * self.b[:, 5] * D)[:, None]
        with np.errstate(all="ignore"):
            root = np.sqrt(slope**2 + 2 * bent * high)
            return np.where(slope < 0, np.exp(-2 * high / (slope - root)), np.nan)

    def intercepts(self, constraint: Constraint) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """ln N_opt and ln D_opt at one FLOP, each (draws,); NaN for L_min, no power law."""
        one = np.ones(1)
        ln_N = self.ln_N(one, constraint)
        return ln_N[:, 0], constraint.ln_D(ln_N, one)[:, 0], np.full(len(ln_N), np.nan)

    def usable(self, constraint: Constraint) -> np.ndarray:
        """(draws,): whether the surface has a minimum along the constraint."""
        with np.errstate(invalid="ignore"):
            return self.curvature(constraint.rho) > FLAT

    def refusal(self, constraint: Constraint) -> str:
        """Why draw 0 has no optimum along the constraint, or ''."""
        if self.usable(constraint)[0]:
            return ""
        bent = self.curvature(constraint.rho)[0]
        return f"curvature: ln L has no minimum in ln N at fixed compute (curvature {bent:.2g})"

    def ln_N(self, C: np.ndarray, constraint: Constraint) -> np.ndarray:
        """ln N_opt, where the slope of the loss along C = k N^rho D is 0.

        Parameters
        ----------
        C : array (points,)
            FLOPs.
        constraint
            For every draw.

        Returns
        -------
        array (draws, points)
        """
        _, bN, bD, _, bND, bDD = self.b.T[:, :, None]
        rho = constraint.rho[:, None]
        # Data at the mean size: y = data - rho x for x about that size.
        data = constraint.ln_D(np.full((len(rho), 1), self.centre[0]), C) - self.centre[1]
        slope = bN - rho * bD + (bND - 2 * rho * bDD) * data
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.centre[0] - slope / (2 * self.curvature(rho[:, 0])[:, None])


def fit(cells: Cells) -> tuple[Quadratic, np.ndarray]:
    """Fit every draw by weighted least squares.

    Parameters
    ----------
    cells
        With enough sizes and cells in draw 0 (see Cells.refusal).

    Returns
    -------
    surface : Quadratic
    known : array of bool (draws,)
        Whether the draw's cells determine it.
    """
    b, _ = least_squares(_columns(cells), cells.z, cells.weight)
    return Quadratic(b, cells.centre), np.isfinite(b).all(axis=1)


def delta_intervals(
    cells: Cells,
    run: np.ndarray,
    weight: np.ndarray,
    constraint: Constraint,
    C: float,
    level: float,
) -> dict[str, tuple[float, float]] | str:
    """Intervals of the exponents of N_opt, D_opt and (at compute C) L_min by the delta method.

    Of draw 0, with rho and k taken as known. Snapshots of one run share its luck: under noise of
    whole runs an interval of 95 % from the covariance of ordinary least squares covers half of the
    time. This covariance is robust to it (Liang and Zeger 1986, corrected for leverage as the
    jackknife over runs: CR3 of Bell and McCaffrey 2002), and Student's t has runs - 1 degrees of
    freedom.

    Parameters
    ----------
    cells
        Of which draw 0 has a surface.
    run : array of int (rows,)
        The run of each of the cells.
    weight : array (rows,)
        What each of them counts.
    constraint
        For every draw.
    C
        FLOPs at which the exponent of L_min is taken.
    level
        Of the intervals.

    Returns
    -------
    dict or str
        Law -> (low, high); a reason instead, where a run alone determines a coefficient.
    """
    here = cells.weight[0] > 0
    # Rows times the square root of their weight make least squares of weighted ones.
    root = np.sqrt(weight[here])
    columns, z, run = _columns(cells)[here] * root[:, None], cells.z[0, here] * root, run[here]
    beta, inverse = (part[0] for part in least_squares(columns, z[None], np.ones((1, len(z)))))
    residual, runs = z - columns @ beta, np.unique(run)
    scores = []
    for which in runs:
        X = columns[run == which]
        left = np.eye(len(X)) - X @ inverse @ X.T
        if np.linalg.eigvalsh(left)[0] < 1e-9:
            return "runs: without one of its runs the surface is not determined"
        scores.append(X.T @ np.linalg.solve(left, residual[run == which]))
    scores = inverse @ np.array(scores).T
    covariance = scores @ scores.T * (len(runs) - 1) / len(runs)
    # Derivatives by an imaginary step, which are exact.
    nudged = Quadratic(beta + 1e-30j * np.eye(len(beta)), cells.centre)
    at = Constraint(constraint.rho[:1].repeat(6), constraint.ln_k[:1].repeat(6), 0.0)
    quantile = stdtrit(len(runs) - 1, 0.5 + level / 2)
    intervals = {}
    for law, value in zip(("N_opt", "D_opt", "L_min"), nudged.exponents(at, C), strict=True):
        slope = value.imag / 1e-30
        half = quantile * np.sqrt(slope @ covariance @ slope)
        intervals[law] = (float(value.real[0] - half), float(value.real[0] + half))
    return intervals


def _columns(cells: Cells) -> np.ndarray:
    x, y = cells.x, cells.y
    return np.column_stack([np.ones_like(x), x, y, x * x, x * y, y * y])
