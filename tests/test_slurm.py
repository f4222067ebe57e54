"""The tiny study through a real Slurm: limits, failures, cancelled and pre-empted jobs, kills."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import slurm
from conftest import BIN, copy_project
from test_machine import same

from ilscaling import params
from ilscaling.pipeline.keys import Keys

pytestmark = pytest.mark.slurm
PROFILE = (
    "--profile", "profiles/slurm", "--slurm-status-command", "squeue", "--latency-wait", "5",
    "--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "1",
)  # fmt: skip


@pytest.fixture(scope="module")
def cluster():
    if reason := slurm.obstacle():
        pytest.skip(f"no Slurm here: {reason}")
    with slurm.Cluster() as cluster:
        yield cluster


def path(cluster) -> dict[str, str]:
    return {"PATH": f"{cluster.bin}{os.pathsep}{BIN}{os.pathsep}{os.environ['PATH']}"}


def test_results_are_those_of_one_machine(study, cluster, tmp_path):
    """Two GPUs hold two cells at once; a cell that fails is told with its logs, stops no other,
    and is made by the same command when the cause is gone."""
    workspace = copy_project(tmp_path / "there")
    keys = Keys(params.read(workspace.path / "params.yaml"))
    unlucky = next(iter(keys.runs))
    obstacle = workspace.path / keys.run_dir(unlucky) / "3e+08.json"
    obstacle.mkdir(parents=True)
    failed = workspace.snakemake(*PROFILE, "--retries", "0", ok=False, **path(cluster))
    assert failed.returncode != 0
    (log,) = workspace.path.glob(f"logs/train/{unlucky.game}-{unlucky.name}-*.log")
    assert f"{log.relative_to(workspace.path)} ends with:" in failed.stdout
    assert "Is a directory" in failed.stdout and ".snakemake/slurm_logs/rule_train" in failed.stdout
    assert set(workspace.planned()) >= {"train", "evaluate", "write_report"}
    assert workspace.planned()["train"] == workspace.planned()["evaluate"] == 1
    obstacle.rmdir()
    workspace.snakemake(*PROFILE, **path(cluster))
    assert same(study.path, workspace.path)
    cells = [
        [seen for seen in moment if seen.what.startswith(("rule_train_", "rule_evaluate_"))]
        for moment in cluster.at_once()
    ]
    assert max(map(len, cells)) == 2


def update_of(state) -> int:
    """The update at which a run's state was saved; -1 if it cannot be read just now."""
    try:
        with open(state, "rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return int(header["__metadata__"]["update"])
    except (OSError, ValueError, LookupError):
        return -1


class Course:
    """How far the states of a study's runs have come, looked at all the time."""

    def __init__(self, folder):
        self.folder, self.updates = folder, {}
        self._stop = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self):
        while not self._stop.wait(0.3):
            for state in self.folder.glob("data/runs/*/*/state.safetensors"):
                self.updates.setdefault(state.parent.name, []).append(update_of(state))

    def stop(self) -> list[list[int]]:
        self._stop.set()
        return list(self.updates.values())


def test_no_end_of_a_job_or_of_snakemake_costs_more_than_seconds(cluster, tmp_path):
    """A job is cancelled, others are pre-empted, Snakemake is killed and started again: every run
    goes on from its state, no two jobs ever make the same, and the results are the same."""
    once = copy_project(tmp_path / "once", micro=True)
    once.set(
        games__breakout__grid__budgets=[2.0e10, 4.0e10, 8.0e10],  # minutes a run
        games__breakout__train__checkpoint_seconds=2.0,
    )
    workspace = copy_project(tmp_path / "often", micro=True)
    (workspace.path / "params.yaml").write_bytes((once.path / "params.yaml").read_bytes())
    course, began = Course(workspace.path), time.monotonic()
    command = ("snakemake", *PROFILE)
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(
            command, cwd=workspace.path, env={**os.environ, **path(cluster)},
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def training() -> dict[str, str]:
        """Jobs that train and have saved a state, if all runs do so now."""
        assert process.poll() is None, (tmp_path / "log").read_text()[-4000:]
        jobs = cluster.running("train")
        return jobs if len(jobs) == len(course.updates) == 2 else {}

    try:
        cancelled = next(iter(cluster.wait(training, 180)))
        cluster.ask("scancel", cancelled)
        first = cluster.wait(lambda: cancelled not in (jobs := training()) and jobs, 120)
        cluster.ask(
            "sbatch", "--partition", "urgent", "--gpus", "2", "--output", "/dev/null",
            "--comment", "urgent", "--wrap", "sleep 3",
        )  # fmt: skip
        cluster.wait(lambda: any(s.what == "urgent" and s.runs for s in cluster.seen), 90)
        cluster.wait(lambda: not cluster.running("train"), 60)
        for job in first:  # Slurm itself would wait for two minutes
            cluster.ask("scontrol", "update", f"JobId={job}", "StartTime=now")
        again = cluster.wait(lambda: cluster.running("train"), 150)
        assert set(again) <= set(first), "Slurm itself starts the pre-empted jobs again"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    time.sleep(8)  # longer than the watchdog gives to what it ends
    assert cluster.running("train"), "Slurm's jobs are not the watchdog's"
    workspace.snakemake(*PROFILE, **path(cluster))
    for moment in cluster.at_once(began):
        made = [seen.what for seen in moment]
        assert len(made) == len(set(made)), "two jobs make the same"
    for updates in course.stop():
        assert len(updates) > 2 and updates == sorted(updates), "a run went on from its state"
    once.snakemake("--cores", "2")
    assert same(once.path, workspace.path)
    assert not list((workspace.path / "data").rglob(".*.tmp*"))


HOLD = """
import os
from pathlib import Path
from ilscaling.pipeline import job_lock
job_lock.acquire(Path("data/runs/one/.lock"), "data/runs/one")
os.execvp("sh", ["sh", "-c", "mkdir held && sleep 3 && rmdir held"])
"""


def test_two_jobs_for_one_key_follow_each_other(cluster, tmp_path):
    """Submitted by hand at once: the second waits, and says for whom."""
    (tmp_path / "job.py").write_text(HOLD)
    script = f"srun -n1 {sys.executable} job.py"
    for number in (1, 2):
        cluster.ask(
            "sbatch", "--chdir", str(tmp_path), "--comment", "claim", "--wrap", script,
            "--gpus", "1", "--output", str(tmp_path / f"log-{number}"),
        )  # fmt: skip
    cluster.wait(lambda: len({s.job for s in cluster.seen if s.what == "claim"}) == 2, 20)
    cluster.wait(lambda: not cluster.ask("squeue", "--noheader"), 60)
    logs = "".join((tmp_path / f"log-{number}").read_text() for number in (1, 2))
    assert logs.count("waiting for") in (1, 2) and "which makes data/runs/one" in logs
    assert "cannot create" not in logs and "error" not in logs
