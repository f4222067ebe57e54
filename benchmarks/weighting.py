"""What weights by the loss's own standard error are worth, on planted studies.

    python benchmarks/weighting.py [STUDIES]        prints the table of docs/laws.md

Each cell of an additive truth (simulated.py) is measured with a noise of its own, whose standard
deviation is known and stands beside it. What is compared is the root mean square of the exponent of
N_opt less the truth.
"""

import sys
from dataclasses import replace

import numpy as np
from simulated import A, Design, study

from ilscaling.laws import surfaces
from ilscaling.laws.draws import measurement
from ilscaling.laws.forms import POWER
from ilscaling.laws.frontier import LeftOut, points
from ilscaling.laws.runs import Runs
from ilscaling.laws.weights import weighed
from ilscaling.params import Laws

# Name -> the lowest and the highest standard error over the loss, and the deviation of a run.
DESIGNS = {
    "noise of .1 to 3 %": (0.001, 0.03, 0.0),
    "the same, runs that deviate by 1 %": (0.001, 0.03, 0.01),
    "noise of 1 % everywhere": (0.01, 0.01, 0.0),
}
METHODS = ("vertex", "quadratic", "chinchilla", "varpro")


def measured(design: tuple[float, float, float], seed: int) -> Runs:
    """Cells with a noise of known, uneven size, evenly spread in its logarithm."""
    low, high, luck = design
    runs = study(Design("weights", seeds=1, noise=(luck, luck / 2, 0.0)), seed)
    generator = np.random.default_rng(seed)
    share = np.exp(generator.uniform(np.log(low), np.log(high), len(runs.L)))
    L = runs.L * np.exp(share * generator.standard_normal(len(runs.L)))
    return replace(runs, L=L, L_se=share * L)


def errors(design: tuple[float, float, float], seed: int, weights: str) -> list[float]:
    """The exponent of N_opt less the truth by each of METHODS, and by their median."""
    settings = Laws(bootstrap=0, plateau=1e6, weights=weights)
    runs, _ = weighed(measured(design, seed), settings)
    lines = points(runs, measurement(runs), settings, LeftOut(), only=(POWER,))
    of = {f.method: f for f in (*lines, *surfaces.fit(runs, 0, settings))}
    away = [float(of[method].parameters["N_opt", "exponent"][0]) - A for method in METHODS]
    return [*away, float(np.nanmedian(away))]


def main() -> None:
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    for name, design in DESIGNS.items():
        rms = [
            np.sqrt(np.nanmean([np.square(errors(design, s, w)) for s in range(studies)], axis=0))
            for w in ("equal", "standard_error")
        ]
        cells = [f"{b:.4f} / {a:.4f} = {b / a:.2f}" for a, b in zip(*rms, strict=True)]
        print("| " + " | ".join([name, *cells]) + " |")


if __name__ == "__main__":
    main()
