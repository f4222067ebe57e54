"""TensorBoard and Weights & Biases hold what a study's files do."""

import json
import re
from types import SimpleNamespace

import pytest

from ilscaling.grid import Run
from ilscaling.pipeline import loggers

RUN = Run("pong", "cnn", 8, 0)
HEAD = "update,samples,flops,loss,rate\n"


@pytest.fixture
def keys(tmp_path):
    """A study of one run of two budgets, of which the first half is trained."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "curve.csv").write_text(HEAD + "10,320,1e9,1.5,0.001\n20,640,2e9,1.25,0.001\n")
    cells = [SimpleNamespace(name=name, budget=float(name)) for name in ("2e+09", "4e+09")]
    return SimpleNamespace(
        params=SimpleNamespace(study="tiny"),
        runs={RUN: cells},
        run_key=lambda run: "abc",
        curve=lambda run: str(folder / "curve.csv"),
        evaluation_dir=lambda run: str(folder),
        evaluation_manifest=lambda run: str(folder / "cells.json"),
    )


def go_on(keys) -> None:
    """The rest of the curve, and a measurement at an update that lies before its end."""
    folder = loggers.Path(keys.evaluation_dir(RUN))
    with (folder / "curve.csv").open("a") as file:
        file.write("40,1280,4e9,1.125,0.001\n")
    record = {"updates": 20, "dev_loss": 1.375, "return_mean": 3.0, "status": "done"}
    (folder / "2e+09.json").write_text(json.dumps(record))


def followed(keys, logger) -> None:
    follower = loggers.Follower(keys, [logger])
    assert follower.step() == 2 and not follower.complete
    assert follower.step() == 0
    go_on(keys)
    assert follower.step() == 2
    follower.close()


def test_tensorboard_shows_the_curve_and_what_was_measured(keys, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for _ in range(2):  # a second pass writes it anew, and nothing twice
        (tmp_path / "run/2e+09.json").unlink(missing_ok=True)
        (tmp_path / "run/curve.csv").write_text(HEAD + "10,320,1e9,1.5,0.001\n20,640,2e9,1.25,0\n")
        followed(keys, loggers.TensorBoard(tmp_path / "events"))
    events = EventAccumulator(str(tmp_path / f"events/pong/{RUN.name}-abc")).Reload()
    assert [(e.step, e.value) for e in events.Scalars("train/loss")] == [
        (10, 1.5), (20, 1.25), (40, 1.125),
    ]  # fmt: skip
    assert [(e.step, e.value) for e in events.Scalars("measured/dev_loss")] == [(20, 1.375)]


def test_weights_and_biases_take_it_offline(keys, tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    followed(keys, loggers.WandB(tmp_path / "wandb", project="tiny"))
    wandb.teardown()  # what a process does at its end: its service writes the last records
    (file,) = tmp_path.glob("wandb/wandb/offline-run-*/*.wandb")
    content = file.read_bytes()  # protocol buffers, whose values are JSON
    written = [("train/loss", "1.5"), ("train/loss", "1.125"), ("measured/dev_loss", "1.375")]
    for name, value in written:
        assert re.search(rf"{name}.{{1,4}}{value}".encode(), content, re.DOTALL), (name, value)
