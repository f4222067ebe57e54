"""What the workflow itself costs: seconds of `snakemake -n` by cells, and of `dvc status`.

    python benchmarks/workflow.py [--cells 200 5000]

The limits on two quiet cores: 3 s at 200 cells, 20 s at 5,000, 3 s of `dvc status`. Snakemake's own
start, which nobody can undercut, stands beside them.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
BUDGETS = 10


def seconds(*command: str) -> tuple[float, float]:
    """Wall and CPU seconds of a command: the best of three."""
    best = (float("inf"), float("inf"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        subprocess.run(
            command, cwd=ROOT, env={**os.environ, "PATH": path}, check=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wall = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        best = min(best, (wall, spent))
    return best


def overlay(cells: int) -> dict:
    """A study of one game with so many cells."""
    runs = cells // BUDGETS
    grid = {
        "sizes": list(range(1, 11)),
        "seeds": list(range(runs // 10)),
        "budgets": [4.0e10 * 2**step for step in range(BUDGETS)],
        "min_updates": 1,
        "max_epochs": 1.0e9,
    }
    return {"games": {"breakout": {"grid": grid}}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="*", default=[200, 5000])
    given = parser.parse_args()
    rows = [("snakemake --version", ["snakemake", "--version"])]
    with tempfile.TemporaryDirectory() as folder:
        for cells in given.cells:
            file = Path(folder) / f"{cells}.yaml"
            file.write_text(yaml.safe_dump(overlay(cells)), encoding="utf-8")
            command = ["snakemake", "-n", "--configfile", "params.yaml", str(file)]
            rows.append((f"snakemake -n, {cells} more cells", command))
        rows.append(("dvc status", ["dvc", "status"]))
        for name, command in rows:
            wall, spent = seconds(*command)
            print(f"{name:32s} {wall:6.1f} s, {spent:6.1f} s of CPU", flush=True)


if __name__ == "__main__":
    main()
