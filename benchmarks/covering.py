"""What intervals, verdicts and predictions are worth: a simulation study.

    python benchmarks/covering.py [STUDIES [PROCESSES]]        writes docs/coverage.md

Studies from planted truths (simulated.py) are fitted by every method: about half a second of CPU
time a study, of which half goes to the Huber fits. The page is written anew after every EVERY
studies of each design, so that a run that is stopped leaves one.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import random_effects
from scipy import stats
from simulated import ALPHA, BETA, DESIGNS, A, Design, G, H, study

from ilscaling.files import atomic
from ilscaling.laws import chance, forms, headline, surfaces
from ilscaling.laws import draws as resampling
from ilscaling.laws.frontier import LeftOut, points
from ilscaling.laws.interval import prediction
from ilscaling.laws.verdicts import rejected
from ilscaling.params import Laws

RESAMPLES, SETTINGS = 100, Laws(plateau=1e6)
TRUTH = {"N_opt": A, "D_opt": 1 - A, "L_min": -G, "R_max": G * H}
JUDGED = ("L_min", "N_opt", "R_max")
EVERY = 10
# Coverage below this is listed.
LOW = 0.90


def one(task: tuple[Design, int]) -> list[tuple]:
    """What one study says: (design, table, row, column, value)."""
    design, seed = task
    runs = study(design, seed)
    drawn = resampling.draw(runs, RESAMPLES, 0)
    lines = points(runs, drawn, SETTINGS, LeftOut(), only=("power",))
    rows: list[tuple] = []

    def judge(method: str, law: str, true: float, ends, kind: str) -> None:
        ends = None if ends is None or not np.isfinite(ends).all() else ends
        covers = None if ends is None else (ends[0] <= true <= ends[1], ends[1] - ends[0])
        rows.append((design.name, "intervals", (method, law), kind, covers))

    for frontier in lines:
        for law, true in TRUTH.items():
            if law in ("L_min", "R_max") and design.floor:
                continue  # no power law
            values = frontier.parameters[law, "exponent"]
            ends = resampling.interval(values, drawn.dof, 0.95)
            judge(frontier.method, law, true, ends, "bootstrap")
            judge(frontier.method, law, true, least_squares(frontier.curves[law]), "t")
    middle = headline.headline(runs, drawn, lines, SETTINGS)
    ends = resampling.interval(middle.exponents["N_opt"], drawn.dof, 0.95)
    judge("median", "N_opt", A, ends, "bootstrap")
    mixed = random_effects.exponent(runs, SETTINGS.window, 0.95)
    judge("random effects", "N_opt", A, mixed and mixed[1:], "delta")
    for surface in surfaces.fit(runs, RESAMPLES, SETTINGS):
        ends = resampling.interval(surface.parameters["N_opt", "exponent"], drawn.dof, 0.95)
        judge(surface.method, "N_opt", A, ends, "bootstrap")
        if surface.method == "quadratic":
            judge("quadratic", "N_opt", A, surface.intervals.get(("N_opt", "exponent")), "delta")
        elif design.truth == "additive":
            for name, true in (("alpha", ALPHA), ("beta", BETA), ("E", design.floor)):
                known = surface.parameters["loss", name][1:]
                known = known[np.isfinite(known)]
                ends = np.quantile(known, [0.025, 0.975]) if len(known) else None
                judge(surface.method, name, true, ends, "bootstrap")
    for (law, method), share in chance.chances(lines, JUDGED).items():
        curve = next(f for f in lines if f.method == method).curves[law]
        aic = {name: of.aic[0] for name, of in forms.curves(curve.x[0], curve.y[0]).items()}
        rows.append((design.name, "verdicts", law, method, rejected(aic, share)))
    rows += ahead(design, runs, lines)
    return rows


def ahead(design: Design, runs, lines: list) -> list[tuple]:
    """How often prediction intervals hold the larger budgets, fitted to half of them and more."""
    rows = []
    for count in range(design.budgets // 2, design.budgets - 1, 2):
        some = runs.where(runs.position < count)
        drawn = resampling.draw(some, 100, 0)
        for frontier in points(some, drawn, SETTINGS, LeftOut(), only=(forms.POWER,)):
            full = next(f for f in lines if f.method == frontier.method)
            for law in JUDGED:
                x, y = full.curves[law].x[0], full.curves[law].y[0]
                later = np.flatnonzero(np.isfinite(x) & (np.arange(len(x)) >= count))
                if len(x) != design.budgets or not len(later):
                    continue
                _, low, high = prediction(frontier, law, x[later], 0.95)
                for i, at in enumerate(later):
                    held = bool(low[i] <= y[at] <= high[i]) if np.isfinite(low[i]) else None
                    step = min(at - count + 1, 3)
                    rows.append((design.name, "ahead", (law, frontier.method), step, held))
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
{studies} simulated studies a design (`python benchmarks/covering.py {studies}`), {resamples}
resamples each: a share of .95 has a standard error of {error:.3f}. The designs and their truths are
in `benchmarks/simulated.py`: unless their names say otherwise 8 sizes x 2 seeds x 8 budgets, sizes
{step:.2g}-fold apart, L = a / N^.45 + b / D^.30, so that N_opt ~ C^.4; a run deviates by 2 % as a
whole and by 1 % along compute, a cell by 1 %. `saturating` has an irreducible loss as large as the
reducible one at its middle budget. `small` is the default study's shape with one seed: 6 runs, 6
budgets, cells far from the optimum absent. `bowl` is a truth that neither additive surface can
have. Losses of `twelve held-out episodes` are of so few, and each has something of its own by size
and compute, in all runs alike; `the same, not told apart` are intervals over runs alone, as of a
table that does not say what each episode's loss was.

## The quoted exponent: N_opt

Share of the 95 % intervals that cover the planted exponent, and their median width. `median`, of
vertex, quadratic, chinchilla and varpro, is quoted; its intervals
hold all five published exponents of Porian et al. So do those of the vertex, which are wider here;
varpro, narrower, misses one. `random effects` is a quadratic in ln N and ln C with offsets and
slopes of runs by restricted maximum likelihood (`benchmarks/random_effects.py`), a candidate. `t`
takes budgets as independent and is shown to say why it is printed nowhere else.
"""


def share(values: list) -> str:
    """'0.97 (0.123)' of (covers, width), or '' of nothing; resamples without a value are told."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    missing = f", {len(values) - len(known)} without" if len(known) < len(values) else ""
    width = np.median([width for _, width in known])
    return f"{np.mean([c for c, _ in known]):.2f} ({width:.3f}{missing})"


def table(head: list[str], lines: list[list[str]]) -> list[str]:
    rule = ["---"] * len(head)
    return ["", *(f"| {' | '.join(line)} |" for line in (head, rule, *lines))]


def below(by: dict[tuple, list]) -> list[str]:
    """A line a quantity by a method that is printed: the designs in which its bootstrap interval
    covers less than LOW."""
    lines = {}
    for (name, which, row, kind), values in by.items():
        if which != "intervals" or kind != "bootstrap":
            continue
        covers = [value[0] for value in values if value is not None]
        if covers and np.mean(covers) < LOW:
            lines.setdefault(row, []).append(f"{name} {np.mean(covers):.2f}")
    listed = [f"- {law} by {method}: {', '.join(of)}." for (method, law), of in lines.items()]
    said = "By bootstrap; everything that is not listed covers at least as often."
    return [said, "", *listed] if listed else [f"Nowhere: every bootstrap interval covers {LOW}."]


def page(rows: list[tuple], studies: int) -> str:
    """The Markdown page."""
    by: dict[tuple, list] = {}
    for name, which, row, column, value in rows:
        by.setdefault((name, which, row, column), []).append(value)
    names = [design.name for design in DESIGNS]
    numbers = {"studies": studies, "resamples": RESAMPLES, "step": np.exp(DESIGNS[0].step)}
    error = np.sqrt(0.95 * 0.05 / studies)
    text = ["# What intervals, verdicts and predictions are worth", ""]
    text += [INTRODUCTION.format(**numbers, error=error).strip()]

    def cells(name: str, ways: list[tuple], which: str = "intervals") -> list[str]:
        return [share(by.get((name, which, row, kind), [])) for row, kind in ways]

    ways = [(("median", "N_opt"), "bootstrap")]
    ways += [((m, "N_opt"), "bootstrap") for m in ("varpro", "chinchilla", "quadratic", "vertex")]
    ways += [(("grid", "N_opt"), "bootstrap"), (("random effects", "N_opt"), "delta")]
    ways += [(("vertex", "N_opt"), "t")]
    head = ["design", "**median**", *(m for (m, _), _ in ways[1:-1]), "vertex, t"]
    text += table(head, [[name, *cells(name, ways)] for name in names])
    text += ["", "## The other laws, and the parameters of surfaces", ""]
    text += ["By bootstrap; exponents of L_min and R_max where the truth is a power law."]
    for law, methods in (
        ("L_min", ("grid", "vertex")),
        ("R_max", ("grid", "vertex")),
        ("alpha", ("chinchilla", "varpro")),
        ("beta", ("chinchilla", "varpro")),
        ("E", ("chinchilla", "varpro")),
    ):
        ways = [((method, law), "bootstrap") for method in methods]
        lines = [[name, *cells(name, ways)] for name in names]
        lines = [line for line in lines if any(line[1:])]
        text += table([law, *methods], lines)
    text += ["", f"## Where coverage is below {LOW:.2f}", "", *below(by)]
    text += ["", "## Verdicts", "", VERDICTS.strip()]
    head = ["design", *(f"{law}, {m}" for law in JUDGED for m in ("grid", "vertex"))]
    lines = []
    for name in names:
        found = [by[name, "verdicts", law, m] for law in JUDGED for m in ("grid", "vertex")]
        lines.append([name, *(f"{np.mean(values):.2f}" for values in found)])
    text += table(head, lines)
    text += ["", "## Predictions", "", PREDICTIONS.strip()]
    lines = []
    for name in names:
        line = [name]
        for law in JUDGED:
            for m in ("grid", "vertex"):
                shares = []
                for step in (1, 2, 3):
                    known = [
                        v for v in by.get((name, "ahead", (law, m), step), []) if v is not None
                    ]
                    shares.append(f"{np.mean(known):.2f}" if known else "-")
                line.append(" ".join(shares))
        lines.append(line)
    return "\n".join([*text, *table(head, lines)]) + "\n"


VERDICTS = """
Share of studies in which the pure power law is rejected, as `ilscaling fit` would say it. N_opt is
a power law in every design, L_min and R_max in all but `saturating`: there the share is how often
the planted saturation is found, everywhere else it is of false alarms.
"""
PREDICTIONS = """
Share of the 95 % prediction intervals of the power law that hold the measurement one, two, and
three or more budgets ahead, fitted to half of the budgets and more. In `saturating` the power law
is not the truth of L_min and R_max, and its intervals do not know that: which form to believe says
the verdict.
"""


def main() -> None:
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    tasks = [(design, seed) for seed in range(studies) for design in DESIGNS]
    rows: list[tuple] = []
    with ProcessPoolExecutor(int(sys.argv[2]) if len(sys.argv) > 2 else 2) as pool:
        for count, judged in enumerate(pool.map(one, tasks, chunksize=4), 1):
            rows += judged
            done = count // len(DESIGNS)
            if count % (EVERY * len(DESIGNS)) == 0 or count == len(tasks):
                with atomic(Path(__file__).parents[1] / "docs/coverage.md") as temporary:
                    temporary.write_text(page(rows, done), encoding="utf-8")


if __name__ == "__main__":
    main()
