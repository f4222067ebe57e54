"""How far from a budget's best size a cell may lie and still tell the law: `laws.window`, judged.

    python benchmarks/windows.py [STUDIES]        prints a table of docs/laws.md, 'The window'

Planted studies (simulated.py) of each design, twice as many as asked for: the window with the least
root mean square error of the exponent of N_opt is chosen on one half, and all are reported on the
other.
"""

import sys

import numpy as np
from simulated import DESIGNS, A, Design, study

from ilscaling.laws import surfaces
from ilscaling.laws.draws import measurement
from ilscaling.laws.forms import POWER
from ilscaling.laws.frontier import LeftOut, points
from ilscaling.params import Laws

WINDOWS = (3.0, 5.0, 8.0, None)
METHODS = ("vertex", "quadratic", "chinchilla", "varpro")


def errors(design: Design, seed: int, window: float | None) -> list[float]:
    """The exponent of N_opt less the truth by each of METHODS, and by their median."""
    settings = Laws(bootstrap=0, window=window)
    runs = study(design, seed)
    lines = points(runs, measurement(runs), settings, LeftOut(), only=(POWER,))
    of = {f.method: f for f in (*lines, *surfaces.fit(runs, 0, settings))}
    away = [
        float(of[method].parameters["N_opt", "exponent"][0]) - A if method in of else np.nan
        for method in METHODS
    ]
    return [*away, float(np.nanmedian(away))]


def rms(design: Design, seeds: range, window: float | None) -> np.ndarray:
    """Root mean square of `errors` over studies: one number a method, and the median's."""
    return np.sqrt(np.nanmean([np.square(errors(design, s, window)) for s in seeds], axis=0))


def main() -> None:
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    label = {window: f"{window:g}" if window else "all" for window in WINDOWS}
    print(
        "| design | " + " | ".join(f"{label[w]}" for w in WINDOWS) + " | chosen on the first half |"
    )
    print("| --- |" + " --- |" * (len(WINDOWS) + 1))
    for design in DESIGNS:
        first = {w: rms(design, range(studies), w) for w in WINDOWS}
        chosen = min(WINDOWS, key=lambda w: first[w][-1])
        other = {w: rms(design, range(studies, 2 * studies), w) for w in WINDOWS}
        cells = [f"{other[w][-1]:.3f} ({other[w][0]:.3f}, {other[w][-2]:.3f})" for w in WINDOWS]
        print("| " + " | ".join([design.name, *cells, label[chosen]]) + " |", flush=True)


if __name__ == "__main__":
    main()
