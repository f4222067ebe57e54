"""The surface L = E + A / N^alpha + B / D^beta, and its optimum under a compute constraint.

Hoffmann et al. 2022 (arXiv 2203.15556), section 3.3 and equation 4, with C = k N^rho D for 6 N D.
"""

from dataclasses import dataclass

import numpy as np

from ilscaling.laws.constraint import Constraint

NAMES = ("E", "A", "B", "alpha", "beta")
# The bounds of both exponents: below the first a power is a constant, above the second it is felt
# at the smallest size or least data alone.
FLAT, STEEP = 1e-4, 5.0
# ln A and ln B, as shares of a typical loss, below which a term counts as absent.
ABSENT = -20.0


@dataclass(frozen=True)
class Additive:
    """Coefficients of every draw; NaN in a draw without a fit.

    Parameters
    ----------
    E, alpha, beta : arrays (draws,)
        E in nats.
    ln_A, ln_B : arrays (draws,)
        Logarithms because A and B are as large as N^alpha and D^beta; -inf where size or data do
        not matter.
    """

    E: np.ndarray
    ln_A: np.ndarray
    ln_B: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray

    @classmethod
    def centred(cls, point: np.ndarray, centre: tuple[float, float, float]) -> "Additive":
        """From coefficients of centred logarithms.

        Parameters
        ----------
        point : array (draws, 5)
            ln A, ln B, E, alpha, beta.
        centre
            The means of ln N, ln D and ln L that were taken off (see Cells).
        """
        ln_A, ln_B, E, alpha, beta = point.T
        x, y, z = centre
        ln_A, ln_B = (np.where(value <= ABSENT, -np.inf, value) for value in (ln_A, ln_B))
        return cls(E * np.exp(z), ln_A + alpha * x + z, ln_B + beta * y + z, alpha, beta)

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        values = (self.E, np.exp(self.ln_A), np.exp(self.ln_B), self.alpha, self.beta)
        return dict(zip(NAMES, values, strict=True))

    def loss(self, ln_N: np.ndarray, ln_D: np.ndarray) -> np.ndarray:
        """The surface itself.

        Parameters
        ----------
        ln_N, ln_D : arrays (draws, points), or what broadcasts to it
            ln of parameters and samples.

        Returns
        -------
        array (draws, points)
            L, nats.
        """
        size = np.exp(self.ln_A[:, None] - self.alpha[:, None] * ln_N)
        return self.E[:, None] + size + np.exp(self.ln_B[:, None] - self.beta[:, None] * ln_D)

    def exponents(
        self, constraint: Constraint, C: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Exponents of N_opt, D_opt and L_min - E on C.

        Parameters
        ----------
        constraint
            For every draw.
        C
            Changes nothing: this frontier is a power law.

        Returns
        -------
        tuple of three arrays (draws,)
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            a = self.beta / (self.alpha + constraint.rho * self.beta)
        return a, 1 - constraint.rho * a, -self.alpha * a

    def ln_N(self, C: np.ndarray, constraint: Constraint) -> np.ndarray:
        """ln N_opt, where the derivative along C = k N^rho D vanishes.

        There alpha A / N^alpha = rho beta B / D^beta.

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
        rho = constraint.rho
        with np.errstate(divide="ignore", invalid="ignore"):
            balance = np.log(self.alpha / (rho * self.beta)) + self.ln_A - self.ln_B
            share = balance[:, None] + self.beta[:, None] * (np.log(C) - constraint.ln_k[:, None])
            return share / (self.alpha + rho * self.beta)[:, None]

    def intercepts(self, constraint: Constraint) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """ln N_opt, ln D_opt and ln(L_min - E) at one FLOP, each (draws,)."""
        one = np.ones(1)
        ln_N = self.ln_N(one, constraint)
        with np.errstate(divide="ignore", invalid="ignore"):
            data = np.log1p(self.alpha / (constraint.rho * self.beta))
            reducible = self.ln_A - self.alpha * ln_N[:, 0] + data
        return ln_N[:, 0], constraint.ln_D(ln_N, one)[:, 0], reducible

    def excess_compute(self, ln_N: np.ndarray, C: np.ndarray, constraint: Constraint) -> np.ndarray:
        """Compute over what the optimal size needs for the same loss, in closed form.

        At n = N / N_opt(C) the reducible loss is that of the optimum at C times
        s / n^alpha + (1 - s) n^(rho beta), where s = rho beta / (alpha + rho beta) is the share of
        size in it; and that of the optimum falls as C^-(alpha beta / (alpha + rho beta)).

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
            At least 1.
        """
        away = ln_N - self.ln_N(C, constraint)
        alpha, data = self.alpha[:, None], (constraint.rho * self.beta)[:, None]
        with np.errstate(all="ignore"):
            share = np.log(data / (alpha + data)), np.log(alpha / (alpha + data))
            ratio = np.logaddexp(share[0] - alpha * away, share[1] + data * away)
            exponent = alpha * self.beta[:, None] / (alpha + data)
            return np.exp(np.maximum(ratio, 0.0) / exponent)

    def usable(self, constraint: Constraint) -> np.ndarray:
        """(draws,): whether both size and data matter, without which there is no optimum."""
        matter = (self.alpha > FLAT) & (self.beta > FLAT) & (constraint.rho > 0)
        return matter & np.isfinite(self.ln_A) & np.isfinite(self.ln_B)

    def refusal(self, constraint: Constraint) -> str:
        """Why draw 0 has no optimum along the constraint, or ''."""
        if not constraint.rho[0] > 0:
            return f"constraint: rho {constraint.rho[0]:.2g} is not positive"
        for name, exponent, factor in (
            ("size", self.alpha[0], self.ln_A[0]),
            ("data", self.beta[0], self.ln_B[0]),
        ):
            if not (exponent > FLAT and np.isfinite(factor)):
                return f"{name}: in the fitted surface the loss does not fall with {name}"
        return ""
