"""What the workflow costs: planning, a job, and a second call with nothing to do."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml
from demonstrations import ROOT
from measure import Line, line

sys.path.insert(0, str(ROOT / "benchmarks"))
import workflow

JOBS = (2, 32)
CALLS = 5
# Jobs in the form of ours that do nothing: log, resources and the list of times. A verb begins by
# taking its lock and its device.
RULES = """
rule all:
    input: expand("{n}.txt", n=range(%(jobs)d))
rule one:
    output: "{n}.txt"
    log: "logs/{n}.log"
    benchmark: "logs/times/{n}.tsv"
    threads: 1
    resources: gpu=1, mem_mb=100, runtime=1
    shell: "exec %(before)s touch {output} > {log} 2>&1"
"""
VERB = (
    f"{sys.executable} -c 'import os, sys; from pathlib import Path; from ilscaling.cli import job;"
    " %s os.execvp(sys.argv[1], sys.argv[1:])'"
)
BEGIN = "job.begin(Path(sys.argv[2]), gpus=1.0);"


def environment() -> dict[str, str]:
    """In which commands find those of this Python first."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path}


def taken(*command: str, cwd: Path = ROOT) -> tuple[float, float]:
    """CPU seconds of a command and its children, and seconds of the clock."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        command, cwd=cwd, env=environment(), check=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def spent(*command: str, cwd: Path = ROOT, calls: int = 2) -> float:
    """CPU seconds of a command and its children: the least of some calls."""
    return min(taken(*command, cwd=cwd)[0] for _ in range(calls))


def planning(cells: int, folder: Path) -> float:
    """CPU seconds of a dry run of the default study with so many more cells."""
    file = folder / f"{cells}.yaml"
    file.write_text(yaml.safe_dump(workflow.overlay(cells)), encoding="utf-8")
    return spent("snakemake", "-n", "--configfile", str(file))


def lines(study) -> Iterator[Line]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        own = spent("snakemake", "--version")
        for cells, bound in ((200, 3), (5_000, 20)):
            yield line(
                "workflow", f"snakemake -n, {cells} more cells", planning(cells, folder) / bound,
                f"{bound} s", goal="<= 1", note=f"Snakemake's own start takes {own:.1f} s",
            )  # fmt: skip
        start = spent(sys.executable, "-c", "import ilscaling.learning")
        torch = spent(sys.executable, "-c", "import torch, zarr, pydantic")
        yield line(
            "workflow", "imports of a training job", start / torch,
            "importing torch, zarr and pydantic alone", note=f"{start:.1f} s of CPU",
        )  # fmt: skip
        kinds = {"alone": "", "a verb's": VERB % "", "a verb's with lock and device": VERB % BEGIN}
        for number, (what, before) in enumerate(kinds.items()):
            cpu, wall = price(folder / str(number), before).T
            yield line(
                "workflow", f"a job of the workflow, {what}: CPU seconds", cpu / start,
                "imports of a training job",
                note=f"{np.median(cpu):.3f} s of CPU, {np.median(wall):.3f} s of the clock a job",
            )  # fmt: skip
        # Only what is finished can be asked to do nothing.
        if study.data == ROOT / "data" and finished():
            again = spent("snakemake", "--cores", "all")
            yield line(
                "workflow", "a second make demo, with nothing to do", again / own,
                "Snakemake's own start", note=f"{again:.1f} s",
            )  # fmt: skip


def price(folder: Path, before: str) -> np.ndarray:
    """CPU seconds and seconds of the clock that a job adds, (CALLS, 2): the difference of few and
    many jobs one after the other, which take turns. `before`: what starts the job's command."""
    folder.mkdir()
    shutil.copytree(ROOT / "profiles" / "default", folder / "profiles" / "default")
    for jobs in JOBS:
        (folder / f"{jobs}.smk").write_text(
            RULES % {"jobs": jobs, "before": before}, encoding="utf-8"
        )
    found = []
    for _ in range(CALLS):
        few, many = (
            np.array(
                taken("snakemake", "-s", f"{jobs}.smk", "--cores", "1", "--forceall", cwd=folder)
            )
            for jobs in JOBS
        )
        found.append((many - few) / (JOBS[1] - JOBS[0]))
    return np.array(found)


def finished() -> bool:
    """Whether the default study has nothing left to do."""
    command = ["snakemake", "-n"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    return "Nothing to be done" in done.stdout + done.stderr
