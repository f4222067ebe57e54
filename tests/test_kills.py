"""Kills at random moments, of everything, of Snakemake alone, of DVC alone: twenty of Breakout's
study, five of NetHack's, whose recording and ingest are killed, too."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import BIN, Workspace, copy_project
from test_machine import commit, copy_params, same

from ilscaling.pipeline import watchdog

pytestmark = pytest.mark.kills
KILLS = {"breakout": 20, "nethack": 5}
COMMANDS = (("snakemake", "--cores", "2"), ("dvc", "repro"))


def start(workspace: Workspace, command: tuple[str, ...]) -> subprocess.Popen:
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("PYTHONPATH", None)
    with open(workspace.path.parent / "log.txt", "ab") as log:
        return subprocess.Popen(
            command, cwd=workspace.path, env=environment, start_new_session=True,
            stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip


def pipeline(workspace: Workspace) -> int | None:
    """The Snakemake that runs there."""
    try:
        process = json.loads((workspace.path / ".snakemake/pipeline.json").read_text())["process"]
        command = Path(f"/proc/{process}/cmdline").read_bytes()
    except (OSError, ValueError, IndexError):
        return None
    return process if b"snakemake" in command else None


def session(leader: int) -> list[int]:
    """Processes of a session, those among them that have not yet taken the pipeline's lock."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rsplit(")", 1)[1].split()
            if int(fields[3]) == leader and fields[0] != "Z":
                found.append(int(stat.parent.name))
    return found


def kill(workspace: Workspace, process: subprocess.Popen, how: str) -> None:
    """kill -9, and wait until nothing of the pipeline is left: by itself, within seconds."""
    inner = pipeline(workspace)
    if how == "everything" or (how == "snakemake" and inner is None):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        os.kill(inner if how == "snakemake" else process.pid, signal.SIGKILL)
    process.wait(timeout=60)
    deadline = time.monotonic() + 30
    while left := tagged(workspace) + session(process.pid):
        assert time.monotonic() < deadline, f"still running after {how} was killed: {left}"
        time.sleep(0.1)


def cells(workspace: Workspace) -> dict[str, bytes]:
    """Records of finished cells in the store."""
    records = (workspace.path / "data").glob("runs/*/*/[0-9]*.json")
    finished = [path for path in records if path.with_suffix(".safetensors").exists()]
    return {path.relative_to(workspace.path).as_posix(): path.read_bytes() for path in finished}


def tagged(workspace: Workspace) -> list[int]:
    return [process.pid for process in watchdog.tagged_processes(f" {workspace.path}")]


def least(target: Path, game: str) -> Workspace:
    """A study of one game, two runs and three budgets."""
    workspace = copy_project(target, micro=True)
    if game == "nethack":
        section = copy_params("tiny")["games"]["nethack"]
        section["grid"].update(sizes=[4, 6], budgets=section["grid"]["budgets"][:3])
        section["demonstrations"]["jobs"] = 1
        workspace.set(games={"nethack": section})
        commit(workspace, "NetHack alone")
    return workspace


def empty(workspace: Workspace, game: str) -> None:
    made = ("data/runs", "data/evaluations", "data/results", "study/runs", "study/evaluations")
    for name in (*(made if game == "breakout" else ("data", "study")), "results/default"):
        shutil.rmtree(workspace.path / name, ignore_errors=True)


def remove_a_lock_of_dvc_cut_short(workspace: Workspace) -> None:
    """DVC writes it in place; docs/pipeline.md says to remove one that a kill has cut short."""
    lock = workspace.path / ".dvc/tmp/rwlock"
    try:
        json.loads(lock.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except ValueError:
        lock.unlink()


def second_is_refused(workspace: Workspace) -> bool:
    """Start a second pipeline; False where none runs, or it has left nothing to do.

    The first one is stopped meanwhile: on a slow machine it would end before the second asks.
    """
    if not (first := pipeline(workspace)):
        return False
    try:
        os.kill(first, signal.SIGSTOP)
    except ProcessLookupError:
        return False
    try:
        text = workspace.snakemake("--cores", "1", ok=False).stdout
    finally:
        os.kill(first, signal.SIGCONT)
    refused = "another pipeline is running in this folder" in text
    assert refused or "Nothing to be done" in text, text
    return refused


@pytest.mark.parametrize("game", KILLS)
def test_kills_change_nothing(tmp_path, game):
    workspace = least(tmp_path / "killed", game)
    began = time.monotonic()
    workspace.run("dvc", "repro", timeout=1800)
    # By the machine's speed, so that kills fall on every stage.
    patience = max(15.0, (time.monotonic() - began) / 4)
    shutil.copytree(workspace.path / "results", tmp_path / "once/results")
    empty(workspace, game)
    chance, killed, refused = random.Random(20), 0, False
    while killed < KILLS[game]:
        command = chance.choice(COMMANDS)
        how = chance.choice(("everything", "snakemake", "starter"))
        process = start(workspace, command)
        moment = time.monotonic() + chance.uniform(0.5, patience)
        before = cells(workspace)
        while time.monotonic() < moment and process.poll() is None:
            time.sleep(0.05)
        if process.poll() is not None:
            assert process.returncode == 0, (tmp_path / "log.txt").read_text()[-4000:]
            assert same(tmp_path / "once", workspace.path)
            empty(workspace, game)  # finished before it could be killed: from the start again
            continue
        refused = refused or second_is_refused(workspace)
        kill(workspace, process, how)
        remove_a_lock_of_dvc_cut_short(workspace)
        killed += 1
        lost = before.items() - cells(workspace).items()
        assert not lost, f"{killed}: {' '.join(command)}, {how}"
    workspace.run("dvc", "repro", timeout=1800)
    assert same(tmp_path / "once", workspace.path)
    assert not list((workspace.path / "data").rglob(".*.tmp*"))
    assert workspace.planned() == {}
    assert refused
