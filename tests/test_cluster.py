"""What a cluster needs of the workflow, as far as one machine shows it without Slurm."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from ilscaling.errors import WorkflowError
from ilscaling.pipeline import cluster_requests, job_lock, pipeline_lock, watchdog

ROOT = Path(__file__).resolve().parent.parent


HOLD = """
import os, sys, time
from pathlib import Path
from ilscaling.pipeline import job_lock
job_lock.acquire(Path("data/runs/a/.lock"), "data/runs/a")
os.execvp("sh", ["sh", "-c", "mkdir held && sleep 0.5 && rmdir held"])
"""


def test_a_lock_is_held_until_what_the_job_executes_ends(tmp_path):
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", HOLD], cwd=tmp_path, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = "".join(job.communicate(timeout=30)[1] for job in jobs)
    assert [job.returncode for job in jobs] == [0, 0], said
    assert "waiting for another job, which makes data/runs/a" in said


def test_a_lock_without_locks_waits_for_the_job_that_it_names(tmp_path, monkeypatch, capsys):
    """As on file systems whose locks reach one node only: Slurm says that job 7 runs, once."""
    lock = tmp_path / ".lock"
    lock.write_text("7")
    queue = tmp_path / "squeue"
    queue.write_text(f"#!/bin/sh\ncat {tmp_path}/state; : > {tmp_path}/state\n")
    queue.chmod(0o755)
    (tmp_path / "state").write_text("RUNNING\n")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("SLURM_JOB_ID", "8")
    os.close(job_lock.acquire(lock, "data/runs/a", poll=0.05))
    assert "waiting for job 7" in capsys.readouterr().err
    assert lock.read_text() == "8"
    assert (tmp_path / "state").read_text() == "", "Slurm was asked"


def test_a_job_removes_what_a_killed_one_left_of_its_own_and_nothing_else(tmp_path):
    """Neither an ingest by hand beside it nor the jobs of another node lose a file."""
    left = [".demos.zarr.0123abcd.tmp", ".demos.0123abcd.tmp.zarr"]
    others = [".other.zarr.0123abcd.tmp", "demos.zarr"]
    for name in (*left, *others):
        (tmp_path / name).mkdir()
    job_lock.remove_temporaries(tmp_path, "demos")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(others)


def test_a_second_pipeline_is_refused_and_a_dead_one_is_not_in_the_way(tmp_path):
    first = pipeline_lock.acquire(tmp_path)
    code = "import sys; from ilscaling.pipeline import pipeline_lock as p; p.acquire(sys.argv[1])"
    second = [sys.executable, "-c", code, str(tmp_path)]
    refused = subprocess.run(second, capture_output=True, text=True, check=False)
    assert (
        refused.returncode
        and f"(process {os.getpid()} on {socket.gethostname()})" in refused.stderr
    )
    first.release()
    subprocess.run(second, check=True)


def test_the_watchdog_leaves_the_jobs_of_slurm_alone(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    ending = f" of a test {os.getpid()}"
    tag = {**os.environ, watchdog.TAG: f"x{ending}"}
    ours = subprocess.Popen(["sleep", "30"], env=tag)
    theirs = subprocess.Popen(["sleep", "30"], env={**tag, "SLURM_JOB_ID": "7"})
    try:
        time.sleep(0.2)
        assert [p.pid for p in watchdog.tagged_processes(ending)] == [ours.pid]
    finally:
        for process in (ours, theirs):
            process.kill()
            process.wait()


@pytest.mark.parametrize(
    ("one", "name", "found"), [(True, "dvc", True), (True, "tini", False), (False, "dvc", True)]
)
def test_dvc_may_be_process_1_of_a_container(monkeypatch, one, name, found):
    class Process:
        pid = 1 if one else 4711

        def parents(self):
            return [self]

        def name(self):
            return name

        def cmdline(self):
            return ["/usr/bin/python3", f"/usr/bin/{name}", "repro"]

    monkeypatch.setenv("DVC_STAGE", "runs")
    monkeypatch.setattr(watchdog.psutil, "Process", Process)
    if found:
        assert watchdog.dvc_ancestors() == [Process.pid]
    else:
        with pytest.raises(WorkflowError, match="dvc that started this pipeline has ended"):
            watchdog.dvc_ancestors()


def test_further_attempts_ask_for_more():
    asked = cluster_requests.Request(seconds=3600.0, megabytes=4000.5)
    assert [asked.runtime(attempt) for attempt in (1, 2, 9)] == [240, 480, 1440]
    assert [asked.mem_mb(attempt) for attempt in (1, 2)] == [4001, 8002]
    assert cluster_requests.Request(1.0, 1.0).runtime(1) == cluster_requests.SHORTEST


def submitted(profile: str, tool: str, folder: Path, gpus: int) -> str:
    """What a profile's `submit` gives to the tool of its cluster: arguments, then its input."""
    stand_in = folder / tool
    stand_in.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n[ -t 0 ] || cat\n')
    stand_in.chmod(0o755)
    names = ("IMAGE", "CLAIM", "MOUNT", "QUEUE", "DEFINITION")
    environment = {**os.environ, **{f"ILSCALING_{name}": name.lower() for name in names}}
    environment["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
    command = [ROOT / "profiles" / profile / "submit", "2", "4000", str(gpus), "15", "job.sh"]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.stdout


def test_a_kubernetes_job_asks_for_what_its_rule_does(tmp_path):
    text = submitted("kubernetes", "kubectl", tmp_path, gpus=1)
    job = yaml.safe_load(text[text.index("apiVersion") :])
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert job["spec"]["activeDeadlineSeconds"] == 900
    assert container["resources"]["requests"] == {"cpu": "2", "memory": "4000Mi"}
    assert container["resources"]["limits"] == {"memory": "4000Mi", "nvidia.com/gpu": "1"}
    assert container["command"] == ["sh", "job.sh"] and container["workingDir"] == str(tmp_path)
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == "claim"


@pytest.mark.parametrize("gpus", [0, 1])
def test_a_batch_job_asks_for_what_its_rule_does(tmp_path, gpus):
    folder = tmp_path / 'it\'s a "$HOME"'
    folder.mkdir()
    text = submitted("aws-batch", "aws", folder, gpus)
    overrides = json.loads(text[text.index("{") :])
    asked = {one["type"]: one["value"] for one in overrides["resourceRequirements"]}
    assert asked == {"VCPU": "2", "MEMORY": "4000"} | ({"GPU": "1"} if gpus else {})
    (folder / "job.sh").write_text("pwd")
    done = subprocess.run(overrides["command"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(folder)
    assert "attemptDurationSeconds=900" in text.splitlines()
