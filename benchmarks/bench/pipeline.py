"""What the workflow costs: planning, a job, and a second call with nothing to do."""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml
from demonstrations import ROOT
from measure import Line, line

sys.path.insert(0, str(ROOT / "benchmarks"))
import workflow

JOBS = 40
# Jobs in the form of ours, each a process that does nothing.
IDLE = """
rule all:
    input: expand("{n}.txt", n=range(%d))
rule one:
    output: "{n}.txt"
    log: "{n}.log"
    resources: mem_mb=100
    shell: "echo > {output} 2> {log}"
"""


def environment() -> dict[str, str]:
    """In which commands find those of this Python first."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path}


def spent(*command: str, cwd: Path = ROOT, calls: int = 2) -> float:
    """CPU seconds of a command and its children: the least of some calls."""
    least = float("inf")
    for _ in range(calls):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            command, cwd=cwd, env=environment(), check=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        now = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        least = min(least, now)
    return least


def planning(cells: int, folder: Path) -> float:
    """CPU seconds of a dry run of the default study with so many more cells."""
    file = folder / f"{cells}.yaml"
    file.write_text(yaml.safe_dump(workflow.overlay(cells)))
    return spent("snakemake", "-n", "--configfile", "params.yaml", str(file))


def lines(study) -> Iterator[Line]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        own = spent("snakemake", "--version")
        for cells, bound in ((200, 3), (5_000, 20)):
            yield line(
                "workflow", f"snakemake -n, {cells} more cells", planning(cells, folder) / bound,
                f"{bound} s", goal="<= 1", note=f"Snakemake's own start takes {own:.1f} s",
            )  # fmt: skip
        each = price(folder)
        start = spent(sys.executable, "-c", "import ilscaling.training")
        torch = spent(sys.executable, "-c", "import torch, zarr, pydantic")
        yield line(
            "workflow", "imports of a training job", start / torch,
            "importing torch, zarr and pydantic alone",
            note=f"{start:.1f} s a job; Snakemake's own price of a job {each:.2f} s",
        )  # fmt: skip
        # Only what is finished can be asked to do nothing.
        if study.data == ROOT / "data" and finished():
            again = spent("snakemake", "--cores", "all")
            yield line(
                "workflow", "a second make demo, with nothing to do", again / own,
                "Snakemake's own start", note=f"{again:.1f} s",
            )  # fmt: skip


def price(folder: Path) -> float:
    """CPU seconds that Snakemake itself takes for a job: which no workflow can undercut."""
    taken = []
    for count in (1, JOBS):
        (folder / "Snakefile").write_text(IDLE % count)
        taken.append(spent("snakemake", "--cores", "1", "--forceall", cwd=folder, calls=3))
    return (taken[1] - taken[0]) / (JOBS - 1)


def finished() -> bool:
    """Whether the default study has nothing left to do."""
    command = ["snakemake", "-n"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
    return "Nothing to be done" in done.stdout + done.stderr
