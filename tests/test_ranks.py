"""One run on two devices is the run on one: two processes on CPU, by gloo."""

import json
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import nethack_store
import numpy as np
import pytest
import torch
import yaml
from ladder import cells
from safetensors import safe_open
from safetensors.torch import load_file

from ilscaling import flops, policies, store
from ilscaling.errors import TrainingError
from ilscaling.learning import ranks
from ilscaling.learning.run import run
from ilscaling.params import Rule, TrainSequences, read

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = TrainSequences(
    batch=Rule(value=64), rate=Rule(value=0.01), warmup_steps=5, buffer_steps=256, ema=0.2,
    context=16, precision="float32",
)  # fmt: skip
FAMILIES = ("transformer", "lstm")


@pytest.fixture(scope="module")
def nethack(tmp_path_factory):
    path = tmp_path_factory.mktemp("nethack") / "demos.zarr"
    return nethack_store.write(path, train=[150, 37, 5, 90, 111, 64, 203])


def train(demos, out, updates, family, team=ranks.ALONE, settings=SETTINGS):
    ledger = flops.ledger(family, 8, **policies.shape(settings, 121))
    budgets = [float(n * settings.batch_of(8) * ledger.training) for n in updates]
    split = store.open_split(demos, "train")
    of = cells(split, settings, budgets, family=family, size=8)
    return run(split, settings, of, out / family, device="cpu", team=team)


def member(rank: int, port: int, demos: Path, out: Path, updates: tuple) -> None:
    os.environ |= {
        "RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "a",
    }  # fmt: skip
    torch.set_num_threads(1)
    with ranks.join("cpu") as team:
        for family in FAMILIES:
            train(demos, out, updates, family, team)


def on_two(*arguments) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ilscaling.learning"])
    members = [context.Process(target=member, args=(n, port, *arguments)) for n in range(2)]
    for one in members:
        one.start()
    for one in members:
        one.join(timeout=120)
    assert [one.exitcode for one in members] == [0, 0]


def curve(out: Path) -> np.ndarray:
    return np.loadtxt(out / "curve.csv", delimiter=",", skiprows=1)


def test_two_devices_train_as_one_and_take_turns_with_it(nethack, tmp_path):
    alone, pair, mixed = (tmp_path / name for name in ("alone", "pair", "mixed"))
    records = {family: train(nethack, alone, (10, 24), family) for family in FAMILIES}
    on_two(nethack, pair, (10, 24))
    for family in FAMILIES:
        train(nethack, mixed, (4,), family)  # 1 -> 2 -> 1
    on_two(nethack, mixed, (4, 10))
    for family in FAMILIES:
        again = train(nethack, mixed, (4, 10, 24), family)
        assert [record.run.devices for record in again] == [1, 2, 1]
        for out in (pair, mixed):
            assert curve(out / family) == pytest.approx(curve(alone / family), rel=1e-4)
            for record in records[family]:
                name = f"{family}/{record.budget:.6g}.safetensors"
                there = load_file(out / name)
                for weight, value in load_file(alone / name).items():
                    assert torch.allclose(value, there[weight], rtol=1e-3, atol=1e-4), weight
        # Nothing of the ranks is left in the state but what one device would have carried.
        one, two = (load_file(out / family / "state.safetensors") for out in (alone, pair))
        assert {n: v.shape for n, v in one.items()} == {n: v.shape for n, v in two.items()}
        assert any(name.startswith("carried/") for name in one) == (family == "lstm")


def test_parts_of_batches_are_the_batches(nethack):
    split = store.open_split(nethack, "train")
    kinds = [
        lambda **o: store.Loader(split, frames=2, batch=24, buffer_steps=100, **o),
        lambda **o: store.SequenceLoader(split, context=8, batch=64, buffer_steps=200, **o),
        lambda **o: store.SequenceLoader(
            split, context=8, batch=64, buffer_steps=200, order="streams", **o
        ),
    ]
    for kind in kinds:
        loaders = [kind(start=128), *(kind(start=128, part=(n, 4)) for n in range(4))]
        for _ in range(30):
            whole, *parts = (next(loader) for loader in loaders)
            for name, value in whole.items():
                assert np.array_equal(value, np.concatenate([part[name] for part in parts])), name
        for loader in loaders:
            loader.close()


def test_a_cluster_that_names_ranks_is_not_torchrun(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    with ranks.join("cpu") as team:
        assert team == ranks.ALONE


def test_a_batch_that_cannot_be_shared_is_refused_before_any_work(nethack, tmp_path):
    with pytest.raises(TrainingError, match=r"4 stretches of 16 frames .* by 8 devices"):
        train(nethack, tmp_path, (10,), "transformer", ranks.Ranks(0, 8))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_stopped_torchrun_goes_on_with_one_device(nethack, tmp_path):
    """The command of the workflow on two devices that are names; SIGTERM to torchrun alone."""
    values = read(ROOT / "params.yaml", ROOT / "tests/params/tiny.yaml").model_dump(mode="json")
    game = values["games"]["nethack"]
    game["grid"] |= {"sizes": [8], "budgets": [3e7, 3e8], "max_epochs": 1e9}
    del values["games"]["breakout"]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    out = tmp_path / "run/cells.json"
    train = [
        sys.executable, "-m", "ilscaling", "train", "--params", "params.yaml", "--game", "nethack",
        "--size", "8", "--demos", str(nethack), "--out", str(out),
    ]  # fmt: skip
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "0,1", "TMPDIR": str(tmp_path)}
    job = subprocess.Popen(
        [*train, "--gpus", "2"],
        cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while not (out.parent / "3e+07.json").exists() and job.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert job.poll() is None, job.stderr.read()
    time.sleep(0.5)
    before = saved_update(out.parent)
    job.terminate()
    assert job.wait(timeout=60) != 0, "so that it is tried again"
    assert saved_update(out.parent) > before
    assert not out.exists()
    subprocess.run(train, cwd=tmp_path, env=environment, check=True, capture_output=True)
    records = [json.loads((out.parent / name).read_text()) for name in json.loads(out.read_text())]
    assert [record["devices"] for record in records] == [2, 1]


def saved_update(out: Path) -> int:
    with safe_open(out / "state.safetensors", "pt") as file:
        return int(file.metadata()["update"])


def test_a_parameter_that_answers_nothing_is_refused_where_processes_share_a_run():
    class Idle(torch.nn.Linear):
        def __init__(self):
            super().__init__(3, 2, bias=False)
            self.idle = torch.nn.Parameter(torch.zeros(1))

        def forward(self, x):
            return super().forward(x.flatten(1))

    row = flops.Row("linear", 7, 12, 24)
    ledger = flops.Ledger("exact", (row,))
    flops.refuse_miscounted(ledger, Idle(), torch.ones(2, 3))
    with pytest.raises(TrainingError, match="nothing that the model answers depends on idle"):
        flops.refuse_miscounted(ledger, Idle(), torch.ones(2, 3), shared=True)
