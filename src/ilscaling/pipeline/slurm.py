"""What the workflow asks of Slurm: whether a job runs, and which an ended pipeline left behind."""

import os
import re
import subprocess
import time
from pathlib import Path

from ilscaling.errors import WorkflowError

LOGS = Path(".snakemake/slurm_logs")  # of the executor plugin, which names its jobs by a UUID
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
BUSY = "RUNNING,COMPLETING,CONFIGURING,SUSPENDED"  # on its nodes
PATIENCE = 180.0  # seconds: Slurm's KillWait (30 by default) and the epilogue of a site


def is_running(job: str) -> bool:
    """Whether a job holds its nodes, as far as is known: True where Slurm does not answer."""
    try:
        done = _ask("squeue", "--noheader", "--jobs", job, "--states", BUSY, "--format", "%T")
    except FileNotFoundError:
        return False  # without Slurm's tools a job cannot be asked after
    except subprocess.TimeoutExpired:
        return True
    if done.returncode:
        return "Invalid job id" not in done.stderr
    return bool(done.stdout.split())


def leftover_jobs(folder: Path) -> list[str]:
    """Jobs that a Snakemake in `folder` has submitted and that are still in the queue.

    Raises WorkflowError if Slurm was used here and does not answer.
    """
    if not LOGS.is_dir():
        return []
    try:
        mine = ("--user", str(os.getuid()), "--states", f"PENDING,{BUSY}", "--format", "%A|%j|%Z")
        done = _ask("squeue", "--noheader", *mine)
        trouble = done.stderr.strip() if done.returncode else ""
    except FileNotFoundError:
        trouble = "there is no squeue on this machine"
    except subprocess.TimeoutExpired:
        trouble = "squeue does not answer"
    if trouble:
        raise WorkflowError(
            f"jobs of an earlier pipeline may still run, and Slurm cannot be asked: {trouble}",
            where=str(folder / LOGS),
            fix=f"start it where Slurm answers, or, if none runs: rm -r {LOGS}",
        )
    jobs = [line.split("|", 2) for line in done.stdout.splitlines()]
    return sorted({job for job, name, at in jobs if UUID.search(name) and at == str(folder)})


def cancel_leftovers() -> None:
    """Cancel the jobs that a killed pipeline of this folder has left, and wait for their end.

    Training saves its state on the way, from which the next attempt goes on. The caller holds the
    folder's lock, so that no pipeline waits for these jobs.
    """
    folder, asked = Path.cwd(), set()
    deadline = time.monotonic() + PATIENCE
    while jobs := leftover_jobs(folder):
        if fresh := [job for job in jobs if job not in asked]:
            _ask("scancel", *fresh)
            asked |= set(fresh)
        if time.monotonic() > deadline:
            raise WorkflowError(
                f"Slurm does not end jobs of an earlier pipeline: {' '.join(jobs)}",
                where=str(folder),
                fix=f"squeue --jobs {','.join(jobs)}   and ask the cluster's administrators",
            )
        time.sleep(1.0)


def _ask(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", timeout=120, check=False
    )
