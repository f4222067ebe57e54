"""Trunk and branches by the real Snakemake, in a study of one run."""

import json
import os
import signal
import subprocess
import time

import pytest
from conftest import BIN, copy_project, jobs

pytestmark = pytest.mark.machine


def listed(workspace) -> list[dict]:
    """Lists of the run's cells, the shortest first. The budgets are short: one job has them all."""
    paths = workspace.path.glob("data/runs/breakout/*-wsd-*/branches-*.json")
    return sorted((json.loads(path.read_text()) for path in paths), key=len)


def test_branches_go_on_after_a_kill_and_for_a_budget_between_two(tmp_path):
    """Killed as soon as the trunk has left a state, finished, and widened by a budget."""
    workspace = copy_project(tmp_path, micro=True)
    workspace.set(
        games__breakout__grid__sizes=[2],
        games__breakout__train__schedule="wsd",
        games__breakout__train__checkpoint_seconds=0.01,
    )
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("PYTHONPATH", None)
    started = subprocess.Popen(
        ["snakemake", "--cores", "2", "runs"], cwd=tmp_path, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    while started.poll() is None and not list(tmp_path.glob("data/runs/*/*/update-*")):
        time.sleep(0.01)
    os.killpg(started.pid, signal.SIGKILL)
    assert started.wait() == -signal.SIGKILL
    workspace.snakemake("--cores", "2", "runs")
    (before,) = listed(workspace)
    assert list(before) == ["3e+08.json", "6e+08.json", "1.2e+09.json"]

    states = {path: path.stat().st_mtime_ns for path in tmp_path.glob("data/runs/*/*/update-*")}
    workspace.set(games__breakout__grid__budgets=[3.0e8, 6.0e8, 9.0e8, 1.2e9])
    made = workspace.snakemake("--cores", "2", "runs").stdout
    assert jobs(made) == {"train_trunk": 1, "train_branch": 1}
    _, after = listed(workspace)
    assert list(after) == ["3e+08.json", "6e+08.json", "9e+08.json", "1.2e+09.json"]
    assert {name: after[name] for name in before} == before
    assert {path: path.stat().st_mtime_ns for path in states} == states
    assert len(list(tmp_path.glob("data/runs/*/*/update-*"))) == len(states) + 1
