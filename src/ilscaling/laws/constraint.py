"""The compute constraint C = k N^rho D, under which a surface is minimised."""

from dataclasses import dataclass

import numpy as np

from ilscaling.laws.batched import least_squares

# Largest deviation of a cell's compute from the constraint, as a share, that is not worth a flag.
TOLERANCE = 0.25
# Sizes whose ln N differ by less are one, which does not determine rho.
ONE_SIZE = 1e-6


@dataclass(frozen=True)
class Constraint:
    """ln C = ln k + rho ln N + ln D, for every draw.

    Parameters
    ----------
    rho, ln_k : arrays (draws,)
        NaN in a draw that does not determine them.
    deviation : float
        The largest |ln(C / (k N^rho D))| of a cell of draw 0.
    """

    rho: np.ndarray
    ln_k: np.ndarray
    deviation: float

    def ln_D(self, ln_N: np.ndarray, C: np.ndarray) -> np.ndarray:
        """The data that a compute leaves to a size.

        Parameters
        ----------
        ln_N : array (draws, points)
            ln of parameters.
        C : array (points,)
            FLOPs.

        Returns
        -------
        array (draws, points)
            ln of samples.
        """
        return np.log(C) - self.ln_k[:, None] - self.rho[:, None] * ln_N

    @property
    def flags(self) -> list[str]:
        if not self.deviation > np.log1p(TOLERANCE):
            return []
        off = np.exp(self.deviation)
        return [f"constraint: a cell's compute is {off:.2g} times off C = k N^{self.rho[0]:.3f} D"]


def constraint(
    N: np.ndarray, D: np.ndarray, C: np.ndarray, weight: np.ndarray, rho: float | None = None
) -> Constraint:
    """Fit C = k N^rho D to the cells of every draw: least squares of ln(C / D) on ln N.

    Parameters
    ----------
    N, D, C : arrays (rows,)
        Parameters, samples and FLOPs. A row that lacks one of them is left out.
    weight : array (draws, rows)
        How often a cell counts; 0 or NaN for one that is absent.
    rho
        A known exponent, which leaves only k to estimate.

    Returns
    -------
    Constraint
        NaN in draws that hold one size and so do not determine rho.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y = np.log(np.asarray(N, float)), np.log(np.asarray(C, float)) - np.log(D)
    known = np.isfinite(x) & np.isfinite(y) & (weight > 0).any(axis=0)
    x, y, weight = x[known], y[known], np.where(np.isfinite(weight), weight, 0.0)[:, known]
    total = weight.sum(axis=1)
    with np.errstate(invalid="ignore"):
        if rho is not None:
            slope = np.where(total > 0, rho, np.nan)
            ln_k = weight @ (y - rho * x) / total
        elif not (weight[0] > 0).any() or np.ptp(x[weight[0] > 0]) < ONE_SIZE:
            slope = ln_k = np.full(len(weight), np.nan)
        else:
            centre = x[weight[0] > 0].mean()
            columns = np.column_stack([np.ones_like(x), x - centre])
            beta, _ = least_squares(columns, np.broadcast_to(y, weight.shape), weight)
            slope, ln_k = beta[:, 1], beta[:, 0] - beta[:, 1] * centre
    off = np.abs(y - ln_k[0] - slope[0] * x)[weight[0] > 0]
    return Constraint(slope, ln_k, float(off.max(initial=0.0)))
