"""How often the intervals cover a planted truth: a simulation study.

    python benchmarks/covering.py [STUDIES]        writes docs/coverage.md

Each simulated study has runs that deviate from a known law as a whole (an offset and a slope along
compute that all snapshots of a run share) and cell by cell. Fitted by every method, with the
intervals that `laws` gives and, for grid and vertex, a bootstrap that draws whole runs with
replacement, for comparison. Takes a few minutes on two cores.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import stats

from ilscaling.files import atomic
from ilscaling.laws import draws as resampling
from ilscaling.laws import surfaces
from ilscaling.laws.draws import Draws
from ilscaling.laws.frontier import LeftOut, points
from ilscaling.laws.runs import MEASURED, Runs
from ilscaling.params import Laws

RESAMPLES = 300
SETTINGS = Laws(plateau=100.0)
# N_opt ~ C^A, L_min ~ C^-G, R ~ (1/L)^H about an optimum that wanders over the sizes.
A, G, H, CURVATURE = 0.55, 0.16, 1.7, 0.08
# L = E + a / N^ALPHA + b / D^BETA, for the surfaces that have that form.
E, ALPHA, BETA = 0.3, 0.4, 0.35


@dataclass(frozen=True)
class Design:
    """Sizes x seeds runs at so many budgets; deviations in ln L: a run's offset, its slope over the
    standardised ln C, a cell's own."""

    name: str
    sizes: int
    seeds: int
    budgets: int
    noise: tuple[float, float, float]


DESIGNS = [
    Design(f"{s} sizes x {k} seed{'s' * (k > 1)} x {b} budgets", s, k, b, noise)
    for s, k, b in ((6, 1, 6), (12, 1, 12), (6, 3, 6))
    for noise in ((0.03, 0.0, 0.0), (0.02, 0.02, 0.01))
]


def study(design: Design, generator: np.random.Generator, additive: bool) -> Runs:
    """One simulated study."""
    step, shape = 0.5, (design.sizes, design.seeds, design.budgets)
    i, j, k = (index.ravel() for index in np.indices(shape))
    N = 2e4 * np.exp((i - 1) * step)
    # The optimum goes from the second size to the last but one.
    C = 1e12 * np.exp(np.linspace(0, (design.sizes - 3) * step / A, design.budgets))[k]
    D, run = C / (6 * N), i * design.seeds + j
    if additive:
        low = 2e4**ALPHA * 0.3, (1e12 / 12e4) ** BETA * 0.3 * ALPHA / BETA
        log = np.log(E + low[0] / N**ALPHA + low[1] / D**BETA)
    else:
        away = np.log(N / (2e4 * (C / 1e12) ** A))
        log = np.log(0.9) - G * np.log(C / 1e12) + CURVATURE * away**2
    c = (np.log(C) - np.log(C).mean()) / np.log(C).std()
    offset, slope, own = design.noise
    runs = design.sizes * design.seeds

    def deviation() -> np.ndarray:
        deviates = generator.standard_normal((2, runs))[:, run]
        return offset * deviates[0] + slope * c * deviates[1]

    L = np.exp(log + deviation() + own * generator.standard_normal(len(N)))
    R = 12 * np.exp(-H * log + deviation() + own * generator.standard_normal(len(N)))
    blank = np.full(len(N), np.nan)
    budgets = np.unique(C)
    return Runs("planted", "realised", budgets, k, N, D, C, L, R, run, i + 1.0, blank)


def whole_runs(runs: Runs, seeds: int, generator: np.random.Generator) -> Draws:
    """Runs drawn with replacement, within a size where it has several seeds."""
    groups = runs.count // seeds if seeds > 1 else 1
    each = runs.count // groups
    counts = generator.multinomial(each, np.full(each, 1 / each), size=(RESAMPLES, groups))
    weight = counts.reshape(RESAMPLES, -1)[:, runs.run].astype(float)
    weight = np.vstack([np.ones(len(runs.L)), weight])
    values = {name: np.broadcast_to(getattr(runs, name), weight.shape) for name in MEASURED}
    return Draws(values, weight, runs.count - 1, "")


def quantiles(values: np.ndarray) -> tuple[float, float] | None:
    told = values[1:][np.isfinite(values[1:])]
    return tuple(np.quantile(told, [0.025, 0.975])) if 2 * len(told) >= len(values) else None


TRUTH = {"N_opt": A, "D_opt": 1 - A, "L_min": -G, "R_max": G * H, "R_on_1/L": H}
BALANCE = BETA / (ALPHA + BETA)
# (law, parameter) of the additive surface; L_min is its reducible part.
ADDITIVE = {
    ("N_opt", "exponent"): BALANCE,
    ("D_opt", "exponent"): 1 - BALANCE,
    ("L_min", "exponent"): -ALPHA * BALANCE,
    ("loss", "E"): E,
    ("loss", "alpha"): ALPHA,
    ("loss", "beta"): BETA,
}


def one(task: tuple[Design, int]) -> list[tuple]:
    """Intervals of one study: (design, method, quantity, kind, covers, width)."""
    design, seed = task
    generator = np.random.default_rng([seed, design.sizes, design.seeds, design.budgets])
    rows = []

    def judge(method: str, name: str, true: float, ends: dict) -> None:
        for kind, pair in ends.items():
            covers = None if pair is None else pair[0] <= true <= pair[1]
            width = None if pair is None else pair[1] - pair[0]
            rows.append((design, method, name, kind, covers, width))

    runs = replace(study(design, generator, additive=False), game=f"planted {seed}")
    drawn = resampling.draw(runs, RESAMPLES, 0)
    whole = whole_runs(runs, design.seeds, generator)
    found, others = (points(runs, d, SETTINGS, LeftOut(), only=("power",)) for d in (drawn, whole))
    for frontier, other in zip(found, others, strict=True):
        for law, true in TRUTH.items():
            values = frontier.parameters[law, "exponent"]
            ends = {
                "bootstrap": resampling.interval(values, drawn.dof, 0.95),
                "t": least_squares(frontier.curves[law]),
                "whole runs": quantiles(other.parameters[law, "exponent"]),
            }
            judge(frontier.method, law, true, ends)
    (bowl,) = surfaces.fit(runs, drawn.count, SETTINGS, only=("quadratic",))
    for law in ("N_opt", "D_opt"):  # its L_min has no exponent but a local one
        values = bowl.parameters[law, "exponent"]
        ends = {"bootstrap": resampling.interval(values, drawn.dof, 0.95)}
        judge("quadratic", law, TRUTH[law], ends | {"delta": bowl.intervals.get((law, "exponent"))})
    runs = replace(study(design, generator, additive=True), game=f"planted {seed}")
    for surface in surfaces.fit(runs, drawn.count, SETTINGS, only=("chinchilla", "varpro")):
        for (law, parameter), true in ADDITIVE.items():
            values = surface.parameters[law, parameter]
            if law == "loss":
                judge(surface.method, parameter, true, {"bootstrap": quantiles(values)})
            else:
                ends = {"bootstrap": resampling.interval(values, drawn.dof, 0.95)}
                judge(surface.method, law, true, ends)
    return rows


def least_squares(curve) -> tuple[float, float] | None:
    """The t interval of a power law's exponent."""
    x = np.log(curve.x[0])
    x = x[np.isfinite(x)]
    if curve.dof < 1:
        return None
    half = stats.t.ppf(0.975, curve.dof) * curve.sigma / np.sqrt(((x - x.mean()) ** 2).sum())
    middle = float(curve.parameters["exponent"][0])
    return middle - half, middle + half


INTRODUCTION = """
{studies} simulated studies a design (`python benchmarks/covering.py {studies}`), with as many
resamples as stand in that file. A run's deviation from the planted law, in ln L and in ln R, is an
offset and a slope along ln C that all of its snapshots share; each cell adds its own. Entries:
share of the intervals that cover the planted exponent, and their median width.

- `bootstrap` is what `ilscaling fit` gives. By grid and vertex: residuals of whole runs (CV3), the
  resamples' standard deviation times Student's quantile with runs - 1 degrees of freedom. Of
  surfaces: whole runs drawn with replacement; the same of exponents, quantiles of E, alpha, beta;
- `t` treats budgets as independent;
- `delta` is the delta method for the quadratic, errors clustered by run;
- `whole runs` draws runs with replacement (within a size where it has seeds), quantiles: what was
  decided against for grid and vertex, whose optima need every size.

`grid` has a bias of its own where the optimum lies between two sizes: the cell jumps.

The standard error of a share near .95 is {error:.3f}.
"""


def page(rows: list[tuple], studies: int) -> str:
    """The Markdown page."""
    kinds = ("bootstrap", "t", "delta", "whole runs")
    error = np.sqrt(0.95 * 0.05 / studies)
    lines = ["# Coverage of the 95 % intervals", "", INTRODUCTION.format(**locals()).strip()]
    for design in DESIGNS:
        offset, slope, own = design.noise
        lines += [
            "",
            f"## {design.name}: run offset {offset}, run slope {slope}, cell {own}",
            "",
            "| method | quantity | " + " | ".join(kinds) + " |",
            "| --- | --- |" + " --- |" * len(kinds),
        ]
        mine = [row for row in rows if row[0] == design]
        for method, law in dict.fromkeys((row[1], row[2]) for row in mine):
            cells = []
            for kind in kinds:
                of = [row[4:] for row in mine if row[1:4] == (method, law, kind)]
                told = [(c, w) for c, w in of if c is not None]
                if not told:
                    cells.append("")
                    continue
                missing = f", {len(of) - len(told)} without" if len(told) < len(of) else ""
                share, width = np.mean([c for c, _ in told]), np.median([w for _, w in told])
                cells.append(f"{share:.2f} ({width:.3f}{missing})")
            lines.append(f"| {method} | {law} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    tasks = [(design, seed) for design in DESIGNS for seed in range(studies)]
    with ProcessPoolExecutor(2) as pool:
        rows = [row for found in pool.map(one, tasks, chunksize=4) for row in found]
    text = page(rows, studies)
    with atomic(Path(__file__).parents[1] / "docs/coverage.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
