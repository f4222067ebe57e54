"""A killed pipeline goes on by the same command. Many kills: test_kills.py."""

import os
import shutil
import subprocess
import time

from conftest import BIN, copy_project
from test_workflow import digests


def test_a_killed_pipeline_recovers_by_the_same_command(tmp_path):
    """kill -9 of the whole process group while a run trains; then the same command again."""
    study = copy_project(tmp_path / "study", micro=True)
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    process = subprocess.Popen(
        ["snakemake", "--cores", "2"], cwd=study.path, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        if list((study.path / "data").glob("runs/*/*/state.safetensors")):
            break
        time.sleep(0.05)
    assert process.poll() is None, "finished before it could be killed"
    os.killpg(process.pid, 9)
    process.wait()
    study.snakemake("--cores", "2")
    assert study.planned() == {}
    assert not list((study.path / "data").rglob(".*.tmp*"))
    once = digests(study)
    # The same study in a folder that was never disturbed, on the same demonstrations.
    for name in ("data/runs", "data/evaluations", "data/results", "results"):
        shutil.rmtree(study.path / name)
    study.snakemake("--cores", "2")
    assert digests(study) == once
