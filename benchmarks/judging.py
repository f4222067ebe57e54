"""How often the pure power law is rejected, where it holds and where it does not.

    python benchmarks/judging.py [STUDIES [DESIGN ...]]        prints a Markdown table

Planted truths of simulated.py, one process, about an eighth of a second of CPU time a study. The
table in docs/laws.md is of 100 studies a design.
"""

import sys

import numpy as np
from simulated import DESIGNS, study

from ilscaling.laws import chance, forms
from ilscaling.laws import draws as resampling
from ilscaling.laws.frontier import LeftOut, points
from ilscaling.laws.verdicts import rejected
from ilscaling.params import Laws

LAWS, METHODS = ("L_min", "N_opt", "R_max"), ("grid", "vertex")
# Seeds of studies that docs/coverage.md has not seen.
FIRST = 1000


def verdicts(design, seed: int) -> dict[tuple[str, str], bool]:
    """Whether each law by each method is rejected in one study; those without a form to compare
    are left out."""
    runs = study(design, seed)
    settings = Laws(plateau=1e6)
    lines = points(runs, resampling.draw(runs, 200, 0), settings, LeftOut(), only=("power",))
    curves = {f.method: f.curves for f in lines}
    judged = {}
    for (law, method), share in chance.chances(lines, LAWS).items():
        curve = curves[method][law]
        aic = {name: of.aic[0] for name, of in forms.curves(curve.x[0], curve.y[0]).items()}
        if np.isfinite(share):
            judged[law, method] = rejected(aic, share)
    return judged


def main() -> None:
    count, names = int((sys.argv[1:] or [100])[0]), sys.argv[2:]
    ways = [(law, method) for law in LAWS for method in METHODS]
    print(f"| design | {' | '.join(', '.join(way) for way in ways)} |")
    print(f"| {' | '.join(['---'] * (1 + len(ways)))} |")
    for design in DESIGNS:
        if names and design.name not in names:
            continue
        judged = [verdicts(design, FIRST + seed) for seed in range(count)]
        cells = [[of[way] for of in judged if way in of] for way in ways]
        texts = [f"{np.mean(cell):.2f}" if cell else "" for cell in cells]
        print(f"| {design.name} | {' | '.join(texts)} |", flush=True)


if __name__ == "__main__":
    main()
