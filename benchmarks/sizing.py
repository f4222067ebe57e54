"""What a model of another than the optimal size costs, on the five studies of Porian et al.

python benchmarks/sizing.py TABLES        prints the numbers of docs/laws.md
"""

import sys
from pathlib import Path

import numpy as np

from ilscaling import laws

TIMES = np.array([0.25, 0.5, 2.0, 4.0])
METHODS = ("varpro", "chinchilla", "quadratic")
COLUMNS = {"game": "config", "samples": "tokens", "dev_loss": "loss"}


def fit(folder: Path, resamples: int = 1000) -> laws.LawFit:
    """The laws of the five studies."""
    file = folder / "porian/isoflop_points.csv"
    return laws.fit(file, COLUMNS, bootstrap=resamples, validate=False)


def multiples(fitted: laws.LawFit, game: str, budget: float, method: str):
    """The rows of TIMES N_opt at one budget."""
    one = fitted.excess_compute(budget, 1e8, game, method)
    return fitted.excess_compute(
        budget, one["params"][0] / one["times_N_opt"][0] * TIMES, game, method
    )


def rows(fitted: laws.LawFit, method: str) -> list[list[str]]:
    """A row a study: the multiple of compute at the largest budget, by times N_opt."""
    lines = []
    for game in fitted.games:
        budget = float(fitted.table.loc[fitted.table["game"] == game, "budget"].max())
        of = multiples(fitted, game, budget, method)
        cells = [f"{r.estimate:.2f} [{r.low:.2f}, {r.high:.2f}]" for r in of.itertuples()]
        lines.append([game, method, f"{budget:.3g}", *cells])
    return lines


def interpolated(fitted: laws.LawFit, game: str, budget: float, params: np.ndarray) -> np.ndarray:
    """The multiple without a surface: the loss of a size between the cells of its budget, and the
    compute at which the lowest losses of budgets come to it, both linear in logs; NaN outside."""
    cells = fitted.table[fitted.table["game"] == game]
    profile = cells[cells["budget"] == budget].groupby("params")["dev_loss"].mean()
    best = fitted.study.optima
    best = best[(best["game"] == game) & (best["method"] == "grid")].sort_values("budget")
    nothing = {"left": np.nan, "right": np.nan}
    ln_L = np.interp(np.log(params), np.log(profile.index), np.log(profile), **nothing)
    lowest = np.log(np.minimum.accumulate(best["L_min"]))
    ln_C = np.interp(-ln_L, -lowest, np.log(best["budget"]), **nothing)
    return budget / np.exp(ln_C)


def away(fitted: laws.LawFit, method: str) -> dict[str, list[float]]:
    """ln(by the surface / interpolated) at every budget: of sizes within a factor of 2 of N_opt, of
    those at a factor of 4, and of both at the largest budget."""
    parts: dict[str, list[float]] = {"factor 2": [], "factor 4": [], "largest budget": []}
    for game in fitted.games:
        budgets = sorted(fitted.table.loc[fitted.table["game"] == game, "budget"].unique())
        for budget in budgets:
            of = multiples(fitted, game, budget, method)
            known = interpolated(fitted, game, budget, of["params"].to_numpy())
            off = np.log(of["estimate"].to_numpy() / known)
            parts["factor 2"] += list(off[1:3])
            parts["factor 4"] += list(off[[0, 3]])
            if budget == budgets[-1]:
                parts["largest budget"] += list(off)
    return parts


def main() -> None:
    fitted = fit(Path(sys.argv[1]))
    for method in METHODS:
        for row in rows(fitted, method):
            print(f"| {' | '.join(row)} |")
    for method in METHODS:
        for what, off in away(fitted, method).items():
            known = np.array(off)[np.isfinite(off)]
            rms = np.sqrt(np.mean(known**2))
            print(f"{method}, {what}: rms {rms:.3f}, mean {known.mean():+.3f}, of {len(known)}")


if __name__ == "__main__":
    main()
