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


def test_a_claim_is_held_until_its_command_ends(tmp_path):
    script = "mkdir held && sleep 0.5 && rmdir held"
    jobs = [
        subprocess.Popen(
            [sys.executable, "-m", "ilscaling.pipeline.job_lock",
             "data/runs/a", "sh", "-c", script],
            cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    told = "".join(job.communicate(timeout=30)[1] for job in jobs)
    assert [job.returncode for job in jobs] == [0, 0], told
    assert "waiting for another job, which makes data/runs/a" in told


def test_a_claim_without_a_lock_waits_for_the_job_that_it_names(tmp_path, monkeypatch, capsys):
    """As on file systems whose locks reach one node only: Slurm says that job 7 runs, once."""
    (tmp_path / "data_runs_a.lock").write_text("7")
    queue = tmp_path / "squeue"
    queue.write_text(f"#!/bin/sh\ncat {tmp_path}/state; : > {tmp_path}/state\n")
    queue.chmod(0o755)
    (tmp_path / "state").write_text("RUNNING\n")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("SLURM_JOB_ID", "8")
    os.close(job_lock.take("data/runs/a", tmp_path, poll=0.05))
    assert "waiting for job 7" in capsys.readouterr().err
    assert (tmp_path / "data_runs_a.lock").read_text() == "8"
    assert (tmp_path / "state").read_text() == "", "Slurm was asked"


def test_a_pipeline_on_another_node_is_refused_while_it_beats(tmp_path):
    lock = tmp_path / "ilscaling.lock"
    lock.write_text("17 elsewhere")
    with pytest.raises(WorkflowError, match=r"process 17 on elsewhere"):
        pipeline_lock.hold(tmp_path)
    assert lock.read_text() == "17 elsewhere"
    long_ago = time.time() - 2 * pipeline_lock.SILENT
    os.utime(lock, (long_ago, long_ago))
    os.close(pipeline_lock.hold(tmp_path))
    assert lock.read_text() == f"{os.getpid()} {socket.gethostname()}"


def test_the_leash_leaves_the_jobs_of_slurm_alone(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    ending = f" of a test {os.getpid()}"
    mark = {**os.environ, watchdog.MARK: f"x{ending}"}
    ours = subprocess.Popen(["sleep", "30"], env=mark)
    theirs = subprocess.Popen(["sleep", "30"], env={**mark, "SLURM_JOB_ID": "7"})
    try:
        time.sleep(0.2)
        assert watchdog.marked(ending) == [ours.pid]
    finally:
        for process in (ours, theirs):
            process.kill()
            process.wait()


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
    text = submitted("aws-batch", "aws", tmp_path, gpus)
    overrides = json.loads(text[text.index("{") :])
    asked = {one["type"]: one["value"] for one in overrides["resourceRequirements"]}
    assert asked == {"VCPU": "2", "MEMORY": "4000"} | ({"GPU": "1"} if gpus else {})
    assert overrides["command"][-1] == f"cd '{tmp_path}' && exec sh 'job.sh'"
    assert "attemptDurationSeconds=900" in text.splitlines()
