"""Whole runs, evaluation and play on a pretended GPU: see `pretended_gpu`."""

import nethack_store
import numpy as np
import pytest
import torch
from ladder import cells
from pretended_gpu import PretendedGpu
from safetensors.torch import load_file

from ilscaling import flops, policies, store
from ilscaling.errors import TrainingError
from ilscaling.learning import devices, loop
from ilscaling.learning.run import run
from ilscaling.learning.snapshot import load_policy
from ilscaling.measuring.loss import held_out
from ilscaling.params import Rule, Train, TrainSequences
from ilscaling.policies import acting

STRETCHES = TrainSequences(
    batch=Rule(value=64), rate=Rule(value=0.01), warmup_steps=5, buffer_steps=256, ema=0.2,
    context=16, inventory=True, checkpoint_seconds=1e-6,
)  # fmt: skip
STACKS = Train(
    batch=Rule(value=8), warmup_steps=5, ema=0.2, buffer_steps=128, checkpoint_seconds=1e-6
)
SIZES = {"cnn": 2, "transformer": 8, "lstm": 8}


@pytest.fixture(scope="module")
def demos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demos")
    nethack = nethack_store.write(
        folder / "nethack.zarr", inventory=True, train=[150, 37, 5, 90, 111, 64, 203], dev=[60, 50]
    )
    return {"transformer": nethack, "lstm": nethack, "cnn": stacks(folder / "stacks.zarr")}


def stacks(path):
    import stores

    rng, fields = np.random.default_rng(0), {
        "screen": ((84, 84), np.dtype(np.uint8)),
        "action": ((), np.dtype(np.uint8)),
        "reward": ((), np.dtype(np.float32)),
    }  # fmt: skip
    with store.create(
        path, fields, {"game": "made_up", "domain": "atari", "actions": list("abcd")},
        chunk_steps=32, shard_steps=128,
    ) as writer:  # fmt: skip
        tables = {}
        for split, lengths in (("train", [90, 120, 150]), ("dev", [40, 30])):
            episodes = [
                {
                    "screen": rng.integers(0, 255, (n, 84, 84), np.uint8),
                    "action": rng.integers(0, 4, n, np.uint8),
                    "reward": np.zeros(n, np.float32),
                }
                for n in lengths
            ]
            table = {
                "seed": np.arange(len(lengths)), "steps": np.array(lengths),
                "return": np.zeros(len(lengths)), "truncated": np.zeros(len(lengths), bool),
            }  # fmt: skip
            tables[split] = table, episodes
        stores.fill(writer, **tables)
    return path


def train(demos, family, out, updates, device="cuda", **changes):
    settings = (STACKS if family == "cnn" else STRETCHES).model_copy(update=changes)
    split = store.open_split(demos[family], "train")
    ledger = flops.ledger(family, SIZES[family], **policies.shape(settings, len(split.actions)))
    budgets = [float(n * settings.batch_of(SIZES[family]) * ledger.training) for n in updates]
    of = cells(split, settings, budgets, family=family, size=SIZES[family])
    return run(split, settings, of, out, device=device)


FAMILIES = pytest.mark.parametrize("family", ["cnn", "transformer", "lstm"])


def curve(out):
    return np.loadtxt(out / "curve.csv", delimiter=",", skiprows=1)


@pytest.mark.parametrize(
    ("family", "resident"), [("cnn", True), ("cnn", False), ("transformer", True), ("lstm", True)]
)
def test_a_run_on_a_device_is_that_on_a_cpu_and_never_waits_within_an_update(
    demos, family, resident, tmp_path, monkeypatch
):
    """Stopped and gone on with. An update that closes a row of the learning curve waits for it."""
    monkeypatch.setattr(devices, "RESIDENT", float(resident))
    counted, step = [], loop.step
    with PretendedGpu() as gpu:

        def counting(*arguments):
            before = gpu.waits.copy()
            step(*arguments)
            counted.append(dict(gpu.waits - before))

        monkeypatch.setattr(loop, "step", counting)
        train(demos, family, tmp_path / "device", (6,), precision="float32")
        records = train(demos, family, tmp_path / "device", (6, 14), precision="float32")
        monkeypatch.setattr(loop, "step", step)
    assert counted.pop(9) == {"_local_scalar_dense": 1}
    assert counted == [{}] * 13
    last = records[-1]
    assert (last.run.device, last.run.precision) == ("cuda", "float32")
    assert last.run.repeatable == (family != "lstm")
    train(demos, family, tmp_path / "cpu", (6, 14), device="cpu", precision="float32")
    assert curve(tmp_path / "device") == pytest.approx(curve(tmp_path / "cpu"), rel=1e-4)
    for path in (tmp_path / "cpu").glob("*.safetensors"):
        there = load_file(tmp_path / "device" / path.name)
        for name, value in load_file(path).items():
            close = torch.allclose(value, there[name], rtol=1e-3, atol=2e-4)
            assert close, (path.name, name)


@FAMILIES
def test_a_policy_says_on_a_device_what_it_says_on_a_cpu(demos, family, tmp_path, monkeypatch):
    """Losses and play; in bfloat16 it trains, and is measured in float32."""
    with PretendedGpu():
        (record,) = train(demos, family, tmp_path, (5,))
    assert record.run.precision == "bfloat16"
    policy, _ = load_policy(tmp_path / f"{record.budget:.6g}.safetensors")
    dev, kinds = store.open_split(demos[family], "dev"), {"inventory": family != "cnn"}
    kinds["frames"] = 4 if family == "cnn" else None
    here = held_out(policy, dev, **kinds)
    rng = np.random.default_rng(0)
    stacks = rng.integers(0, 255, (5, 4, 84, 84), np.uint8)
    chances = said(policy, family, dev, stacks)
    with PretendedGpu() as gpu:
        policy = policy.to("cuda")
        there = held_out(policy, dev, device="cuda", **kinds)
        on_device = said(policy, family, dev, stacks)
        assert gpu.operations["mm"] + gpu.operations["addmm"]
    assert there.estimates["loss"].mean == pytest.approx(here.estimates["loss"].mean, rel=1e-5)
    assert there.steps == here.steps == dev.steps
    assert on_device == pytest.approx(chances, abs=1e-5)


def said(policy, family, dev, stacks):
    """Probabilities of five lanes' actions."""
    policy.requires_grad_(False)
    if family == "cnn":
        return acting.probabilities(policy, stacks, 1.0)
    fields = {name: dev.read(name, 0, 7) for name in (*policy.reader.fields,)}
    batch = fields | {"previous": np.full(7, 121), "first": np.ones(7, bool)}
    return acting.step(policy, batch, policy.initial(7), np.arange(1, 6), 1.0)


def test_a_device_refuses_what_it_does_not_compute_in(demos, tmp_path):
    with pytest.raises(TrainingError, match="cpu does not compute in tf32"):
        train(demos, "cnn", tmp_path, (5,), device="cpu", precision="tf32")
    assert not list(tmp_path.iterdir())
