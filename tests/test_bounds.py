"""Parameters that nobody can run are refused at once, and what can be run is planned in seconds."""

import math
import shutil
import time
from pathlib import Path

import pytest
import yaml

from ilscaling import grid, params, plan
from ilscaling.errors import ParamsError, WorkflowError
from ilscaling.plan import speed, text

ROOT = Path(__file__).parents[1]
VALUES = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
IMPOSSIBLE = {
    "games.breakout.demonstrations.lanes": 10**12,
    "games.breakout.demonstrations.jobs": 10**6,
    "games.breakout.demonstrations.chunk_steps": 2**60,
    "games.breakout.demonstrations.train_steps": 10**30,
    "games.breakout.train.buffer_steps": 10**15,
    "games.breakout.train.frames": 10**9,
    "games.breakout.train.batch": {"value": 64, "power": 300.0},
    "games.breakout.train.rate": {"value": 1e308},
    "games.breakout.train.checkpoint_seconds": math.inf,
    "games.breakout.train.threads": 10**9,
    "games.breakout.expert.ppo.width": 1e9,
    "games.breakout.evaluation.episodes": 10**12,
    "games.breakout.evaluation.temperature": math.nan,
    "games.breakout.emulator.frame_skip": 10**12,
    "games.breakout.grid.sizes": [10**9],
    "games.breakout.grid.budgets": [1e40],
    "games.breakout.grid.max_epochs": math.nan,
    "games.nethack.train.context": 2**40,
    "laws.bootstrap": 10**12,
    "laws.rho": math.inf,
    "machine.gpus": {"value": 1e300},
}


def changed(key: str, value: object) -> dict:
    """The parameters of the default study with one other value."""
    change = value
    for part in reversed(key.split(".")):
        change = {part: change}
    return params.overlay(VALUES, change)


@pytest.mark.parametrize("key", IMPOSSIBLE)
def test_what_nobody_can_run_is_refused_by_its_name(key):
    with pytest.raises(ParamsError) as refusal:
        params.check(changed(key, IMPOSSIBLE[key]))
    named = key.rsplit(".", 1)[1]
    assert named in str(refusal.value) and len(str(refusal.value)) < 1000


def test_budgets_that_would_share_a_file_are_refused():
    with pytest.raises(ParamsError, match=r"six digits: 1e\+11 stands twice"):
        params.check(changed("games.breakout.grid.budgets", [1e11, 1.0000001e11]))
    with pytest.raises(ParamsError, match="at most 1000 items"):
        budgets = [1e11 + 1e7 * k for k in range(20_000)]
        params.check(changed("games.breakout.grid.budgets", budgets))


def test_a_full_disk_is_described_by_numbers_that_are_not_zero(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 300))
    with pytest.raises(WorkflowError, match=r"needs about 22\.0 kB on disk, 300 bytes are free"):
        plan.refuse_without_space(tmp_path, 20_000)


@pytest.mark.parametrize("schedule", ["constant", "wsd"])
def test_a_study_of_ten_thousand_cells_and_jobs_is_planned_in_seconds(schedule):
    largest = {
        "demonstrations": {"jobs": 10_000},
        "train": {"schedule": schedule},
        "grid": {
            "sizes": list(range(4, 29)), "seeds": [0, 1], "min_updates": 1, "max_epochs": 1e9,
            "budgets": [1e11 * 1.05**k for k in range(200)],
        },
    }  # fmt: skip
    study = params.check(params.overlay(VALUES, {"games": {"breakout": largest, "nethack": None}}))
    start = time.process_time()
    cells = grid.cells(study)
    text.show(text.make(study, cells, text.Machine(2, 0, speed.REFERENCE)))
    assert len(cells) == 10_000 and time.process_time() - start < 10
