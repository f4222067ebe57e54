"""Chinchilla's surface by Huber's loss: what its delta does, and where a search of it stops.

python benchmarks/huber.py TABLES        prints both tables (docs/published.md has them)
"""

import sys
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from ilscaling import laws

DELTAS = (1e-4, 1e-3, 1e-2, 0.1)
DELTA = 1e-3
# Points of the highest losses that Epoch leaves out.
OUTLIERS = 5
COLUMNS = {"samples": "tokens", "dev_loss": "loss"}
# ln A, ln B, ln E, alpha and beta of the starts in Hoffmann et al. 2022 (arXiv 2203.15556), D.4.
STARTS = list(
    product(
        np.arange(0, 26, 5.0),
        np.arange(0, 26, 5.0),
        np.arange(-1, 1.1, 0.5),
        np.arange(0, 2.1, 0.5),
        np.arange(0, 2.1, 0.5),
    )
)
# A search has come to the optimum if its objective is at most this share above it.
NEAR = 1e-3


def by_delta(points: pd.DataFrame, deltas: tuple[float, ...] = DELTAS) -> dict[float, pd.Series]:
    """Delta -> the coefficients of the surface, and `exponent`, that of N_opt on compute."""
    surfaces = {}
    for delta in deltas:
        fit = laws.fit(points, COLUMNS, huber=delta, bootstrap=0, validate=False)
        surfaces[delta] = fit.surface(method="chinchilla")
        of = fit.params["table", "N_opt", "chinchilla", "surface", "exponent"]
        surfaces[delta]["exponent"] = of
    return surfaces


def objective(point: np.ndarray, logs: np.ndarray, delta: float) -> tuple[float, np.ndarray]:
    """The sum of Huber's loss over points, and its slope.

    Parameters
    ----------
    point : array (5,)
        ln A, ln B, ln E, alpha, beta.
    logs : array (3, points)
        ln of parameters, samples and loss.
    delta
        Residual of ln L from which the loss is linear.
    """
    ln_A, ln_B, ln_E, alpha, beta = point
    ln_N, ln_D, ln_L = logs
    terms = np.array([ln_A - alpha * ln_N, ln_B - beta * ln_D, np.full_like(ln_N, ln_E)])
    highest = terms.max(axis=0)
    shares = np.exp(terms - highest)
    total = shares.sum(axis=0)
    shares /= total
    residual = highest + np.log(total) - ln_L
    far = np.abs(residual)
    near = np.minimum(far, delta)
    size, data, floor = shares * np.clip(residual, -delta, delta)
    slope = [size.sum(), data.sum(), floor.sum(), -(size @ ln_N), -(data @ ln_D)]
    return float((near * (far - near / 2)).sum()), np.array(slope)


def searches(points: pd.DataFrame, scale: float, starts: list[tuple] = STARTS) -> pd.DataFrame:
    """Where scipy's L-BFGS-B ends with its own tolerances, from many starts.

    Parameters
    ----------
    points
        With the columns params, tokens and loss.
    scale
        What the sum of Huber's loss is multiplied by: 1, or 1 / points for the mean.
    starts
        Points to start from.

    Returns
    -------
    DataFrame
        A row a start: `sum` (the objective as a sum, whatever the scale), E, alpha, beta, and
        `steps`.
    """
    logs = np.log(points[["params", "tokens", "loss"]].to_numpy(np.float64).T)

    def scaled(point: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = objective(point, logs, DELTA)
        return scale * value, scale * slope

    rows = []
    for start in starts:
        end = minimize(scaled, np.array(start), jac=True, method="L-BFGS-B")
        _, _, ln_E, alpha, beta = end.x
        rows.append((end.fun / scale, np.exp(ln_E), alpha, beta, end.nit))
    return pd.DataFrame(rows, columns=["sum", "E", "alpha", "beta", "steps"])


def table_of_deltas(points: pd.DataFrame) -> list[list[str]]:
    """A row a delta: E, alpha, beta and the exponent of N_opt."""
    names = ("E", "alpha", "beta", "exponent")
    return [
        [f"{delta:g}", *(f"{of[name]:.4f}" for name in names)]
        for delta, of in by_delta(points).items()
    ]


def table_of_searches(points: pd.DataFrame) -> list[list[str]]:
    """A row for the sum and one for the mean: how many starts came to the optimum, and the best end
    with its exponent of N_opt at C = 6 N D."""
    exact = by_delta(points, (DELTA,))[DELTA]
    logs = np.log(points[["params", "tokens", "loss"]].to_numpy(np.float64).T)
    at = [*np.log(exact[["A", "B", "E"]]), exact["alpha"], exact["beta"]]
    lowest, _ = objective(np.array(at), logs, DELTA)
    rows = []
    for name, scale in (("sum", 1.0), ("mean", 1 / len(points))):
        ends = searches(points, scale)
        best = ends.loc[ends["sum"].idxmin()]
        there = int((ends["sum"] <= (1 + NEAR) * lowest).sum())
        values = (best["E"], best["alpha"], best["beta"])
        exponent = best["beta"] / (best["alpha"] + best["beta"])
        rows.append(
            [name, f"{there} of {len(ends)}", f"{ends['steps'].median():.0f}",
             f"{best['sum'] / lowest:.4f}", *(f"{v:.4f}" for v in values), f"{exponent:.4f}"]
        )  # fmt: skip
    return rows


def epoch(folder: Path, outliers: int = OUTLIERS) -> pd.DataFrame:
    """Chinchilla's points as Epoch extracted them, without those of the highest losses."""
    points = pd.read_csv(folder / "epoch/chinchilla.csv").sort_values("loss")
    return points.iloc[: len(points) - outliers]


def main() -> None:
    points = epoch(Path(sys.argv[1]))
    for rows in (table_of_deltas(points), table_of_searches(points)):
        print("\n".join(" | ".join(row) for row in rows), end="\n\n")


if __name__ == "__main__":
    main()
