"""What a run takes of the machine: threads by its share of the work, GPUs by its parameters."""

from pathlib import Path

import pytest
from test_keys import study

from ilscaling.errors import ParamsError
from ilscaling.pipeline import run_resources

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def test_cores_are_neither_idle_nor_shared_by_more_threads_than_there_are(monkeypatch):
    monkeypatch.setattr(run_resources, "WORTH_A_THREAD", 1.0)
    keys = study(train__threads="auto", grid__seeds=[0])
    runs = [run for run in keys.runs if run.game == "breakout"]
    last = runs[-1]
    assert [run_resources.threads(keys, last, [], cores) for cores in (1, 2, 64)] == [1, 2, 64]
    alike = dict.fromkeys(runs, 7.0)
    monkeypatch.setattr(run_resources, "_seconds", lambda keys, run: alike[run])
    for cores, each in ((2, 1), (6, 1), (12, 2), (24, 4)):
        assert {run_resources.threads(keys, run, runs, cores) for run in runs} == {each}
    alike[last] = 7.0 * (len(runs) - 1)  # as long as all others together
    assert run_resources.threads(keys, last, runs, 8) == 4
    monkeypatch.setattr(run_resources, "WORTH_A_THREAD", 1e30)
    assert run_resources.threads(keys, last, runs, 8) == 1
    assert run_resources.threads(study(train__threads=3), last, runs, 2) == 3


def test_large_runs_take_more_gpus_and_small_ones_share_one(monkeypatch):
    keys = study(machine={"gpus": {"value": 1.0, "at": 5e4, "power": 1.0}})
    taken = {
        cells[-1].params: run_resources.gpus(keys.params, cells) for cells in keys.runs.values()
    }
    assert sorted(taken.values()) == [share for _, share in sorted(taken.items())]
    assert min(taken.values()) == 1 / 16 and max(taken.values()) >= 2
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    largest = max(keys.runs, key=lambda run: keys.runs[run][-1].params)
    smallest = min(keys.runs, key=lambda run: keys.runs[run][-1].params)
    assert run_resources.threads(keys, largest, [], 8) == 4 * max(taken.values())
    assert run_resources.threads(keys, smallest, [], 8) == 1


def test_more_gpus_than_a_batch_can_be_shared_by_are_refused():
    run_resources.refuse(study(machine={"gpus": {"value": 8.0}}))
    with pytest.raises(ParamsError, match="would take 16 GPUs, and its batch holds 8 items"):
        run_resources.refuse(study(machine={"gpus": {"value": 16.0}}))
