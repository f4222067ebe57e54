"""The store of finished artefacts, pruning, labels and stamps, without running the pipeline."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_keys import study as keys_of

from ilscaling.pipeline import (
    artifact_store,
    figure_metadata,
    manifest,
    result_markers,
    sync_output,
    watchdog,
)

RUN = "data/runs/breakout/cnn-2-s0-0123456789ab"


def write(path: str, text: str = "x") -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)
    return Path(path)


def state(path: str, update: int) -> None:
    """A file with the header of a saved state."""
    header = json.dumps({"__metadata__": {"update": str(update)}}).encode()
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(len(header).to_bytes(8, "little") + header)


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ILSCALING_KEPT", raising=False)
    return tmp_path


def made(keys, run) -> manifest.Named:
    """Write a finished run to disk."""
    found = next(n for n in manifest.named(keys, "runs") if n.path.name.startswith(f"{run.name}-"))
    records = list(found.cells)
    for name in records:
        write(f"{found.path}/{name}", '{"status": "done"}')
        write(f"{found.path}/{Path(name).stem}.safetensors")
    state(f"{found.path}/{manifest.STATE}", max(found.cells.values()))
    write(str(found.finished), json.dumps(dict.fromkeys(records, "")))
    return found


def test_the_store_is_that_of_the_project_in_a_temporary_experiment(here, monkeypatch):
    assert artifact_store.folder() == here / ".ilscaling/kept"
    inside = here / ".dvc/tmp/exps/standalone/tmp1"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    assert artifact_store.folder() == here / ".ilscaling/kept"


def test_what_is_finished_comes_back_as_the_same_file(here):
    keys = keys_of()
    run = next(iter(keys.runs))
    found = made(keys, run)
    write(f"{found.path}/.half.tmp.safetensors")
    artifact_store.Keeper().keep()
    inode = found.finished.stat().st_ino
    for path in found.path.iterdir():
        path.unlink()
    assert artifact_store.restore(keys) == 1
    assert manifest.whole(found) and found.finished.stat().st_ino == inode
    assert not list(found.path.glob(".*")), "what is half-written is not kept"


def test_a_hole_is_filled_or_the_run_is_not_finished(here):
    keys = keys_of()
    run = next(iter(keys.runs))
    found = made(keys, run)
    snapshot = found.path / f"{Path(next(iter(found.cells))).stem}.safetensors"
    artifact_store.Keeper().keep()
    snapshot.unlink()
    assert artifact_store.restore(keys) == 1 and snapshot.exists()
    snapshot.unlink()
    (artifact_store.folder() / snapshot.relative_to("data")).unlink()
    assert artifact_store.restore(keys) == 0 and not found.finished.exists()


@pytest.mark.parametrize(
    ("mine", "theirs", "missing", "taken"),
    [
        (None, 50, (100,), True),  # nothing here: the store's
        (10, 50, (100,), True),  # further, and before the missing cell
        (50, 10, (100,), False),  # not as far
        (10, 150, (100,), False),  # beyond the missing cell: training could not go on from it
        (150, 50, (100,), True),  # mine is beyond it
        (10, 50, (), False),  # nothing is missing
    ],
)
def test_training_goes_on_from_the_furthest_state_that_it_can(here, mine, theirs, missing, taken):
    cells = {"1e+09.json": 20, "2e+09.json": 100}
    folder = Path(RUN)
    for name, update in cells.items():
        if update not in missing:
            write(f"{folder}/{name}")
    if mine is not None:
        state(f"{folder}/{manifest.STATE}", mine)
    state(f"kept/{manifest.STATE}", theirs)
    named = manifest.Named(folder, "cells-x.json", cells, frozenset())
    assert artifact_store._goes_on_from(named, Path(f"kept/{manifest.STATE}")) == taken


def test_pruning_leaves_what_the_study_names_and_puts_the_rest_away(here):
    wide = keys_of()
    budgets = wide.params.games["breakout"].grid.budgets
    narrow = keys_of(grid__budgets=list(budgets[:-1]))
    run = next(run for run in wide.runs if len(wide.runs[run]) > len(narrow.runs[run]))
    found = made(wide, run)
    stranger = write(f"{RUN}/1e+09.json")
    assert sync_output.stale(wide, "runs") == [stranger.parent]
    removed = sync_output.stale(narrow, "runs")
    for path in removed:
        artifact_store.put_away(path)
    last = Path(list(found.cells)[-1]).stem
    assert {path.name for path in removed if path.parent == found.path} == {
        f"{last}.json", f"{last}.safetensors", found.last,
    }  # fmt: skip
    assert not sync_output.stale(narrow, "runs")
    assert artifact_store.restore(wide) == 1 and manifest.whole(found)


def test_stamps_go_before_their_files_are_made_anew(here):
    write("results/keys/fit-aaaaaaaaaaaa.json", "{}")
    write("results/keys/figures-aaaaaaaaaaaa.json", '{"sha256": {"figures/a.png": ""}}')
    write("results/figures/a.png")
    result_markers.mend()
    result_markers.clear(["results/keys/fit-bbbbbbbbbbbb.json", "results/laws/fits.json"])
    assert [p.name for p in Path(result_markers.FOLDER).iterdir()] == ["figures-aaaaaaaaaaaa.json"]
    Path("results/figures/a.png").unlink()
    result_markers.mend()
    assert not list(Path(result_markers.FOLDER).iterdir())


def test_pictures_name_their_keys_and_stay_pictures(here, study):
    from PIL import Image

    for suffix in ("png", "gif", "svg"):
        file = next((study.path / "results/figures").glob(f"*.{suffix}"))
        step, key = figure_metadata.read(file)
        assert (study.path / f"results/keys/{step}-{key}.json").exists()
        if suffix != "svg":
            with Image.open(file) as image:
                image.load()
    once = file.read_bytes()
    figure_metadata.write(file, "figures-ffffffffffff")
    assert file.read_bytes() == once, "a label is written once"


def test_why_leads_back_to_the_expert(study):
    for name in ("figures/laws.png", "results.csv", "laws/fits.json", "report.html"):
        text = study.run("ilscaling", "why", f"results/{name}").stdout
        for word in ("table ", "evaluation ", "run ", "demonstrations ", "expert ", "torch 2"):
            assert word in text, (name, word)
        assert "experts/breakout.safetensors (SHA-256" in text and "the built-in bot" in text
        assert "modules (train)" in text
    cell = next((study.path / "data/evaluations/nethack").glob("*/*e+07.json"))
    assert "the built-in bot" in study.run("ilscaling", "why", str(cell)).stdout
    assert "names no key" in study.run("ilscaling", "why", "README.md", ok=False).stdout


def test_jobs_of_a_dead_pipeline_are_stopped(tmp_path):
    """One that saves its state when asked, one that does not listen."""
    script = "import signal, time; signal.signal(15, {}); print(1, flush=True); time.sleep(60)"
    mark = f"0123 {tmp_path}"
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", script.format(handler)],
            env={**os.environ, watchdog.MARK: mark}, stdout=subprocess.PIPE,
        )
        for handler in ("signal.SIG_DFL", "signal.SIG_IGN")
    ]  # fmt: skip
    assert all(job.stdout.readline() for job in jobs)
    began = time.monotonic()
    reaper = threading_wait(jobs)
    watchdog.stop(f" {tmp_path}")
    reaper.join()
    assert [job.returncode for job in jobs] == [-15, -9]
    assert time.monotonic() - began < watchdog.GRACE + 5


def threading_wait(jobs):
    """Reap them as init would."""
    import threading

    def wait():
        for job in jobs:
            job.wait()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread
