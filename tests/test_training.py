"""Training: it learns, and what it writes is a function of data, settings and seed alone."""

import copy
import multiprocessing
import os
import pkgutil
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import nethack_store
import numpy as np
import pytest
import stores
import torch
from ladder import cells
from safetensors import safe_open
from safetensors.torch import load_file
from torch.nn import functional as F

from ilscaling import flops, grid, policies, store
from ilscaling.errors import ParamsError, StoreError, TrainingError
from ilscaling.files import read_json, sha256, write_json
from ilscaling.learning import feed, loop, precision
from ilscaling.learning.adam import Adam
from ilscaling.learning.algorithm import Spent
from ilscaling.learning.record import run_record
from ilscaling.learning.run import run
from ilscaling.learning.snapshot import load_policy
from ilscaling.learning.state import State
from ilscaling.learning.training_run import TrainingRun
from ilscaling.params import Rule, Train, TrainSequences

ACTIONS = ("NOOP", "FIRE", "RIGHT", "LEFT")
SETTINGS = Train(
    batch=Rule(value=16), rate=Rule(value=0.002), warmup_steps=10, buffer_steps=128, ema=0.1
)
BATCH = 16 * flops.ledger("cnn", 2, frames=4, actions=4).training


@pytest.fixture(scope="module")
def demos(tmp_path_factory):
    """The expert's action is the quadrant of the screen that is bright."""
    rng = np.random.default_rng(0)
    fields = {
        "screen": ((84, 84), np.dtype(np.uint8)),
        "action": ((), np.dtype(np.uint8)),
        "reward": ((), np.dtype(np.float32)),
    }
    lengths = np.array([90, 120, 150])
    episodes = []
    for length in lengths:
        screen = rng.integers(0, 100, (length, 84, 84), np.uint8)
        action = rng.integers(0, 4, length, np.uint8)
        for step, quadrant in enumerate(action):
            top, left = 42 * (quadrant // 2), 42 * (quadrant % 2)
            screen[step, top : top + 42, left : left + 42] += 150
        reward = np.zeros(length, np.float32)
        episodes.append({"screen": screen, "action": action, "reward": reward})
    path = tmp_path_factory.mktemp("demos") / "demos.zarr"
    attributes = {"game": "quadrants", "domain": "atari", "actions": list(ACTIONS)}
    with store.create(path, fields, attributes, chunk_steps=32, shard_steps=128) as writer:
        table = {
            "seed": np.arange(3),
            "steps": lengths,
            "return": np.zeros(3),
            "truncated": np.zeros(3, bool),
        }
        stores.fill(writer, train=(table, episodes))
    return path


def train(demos, out, updates, settings=SETTINGS, **changes):
    """Run on budgets that end at `updates`."""
    arguments = {"family": "cnn", "size": 2, "seed": 0, "device": "cpu", **changes}
    split = store.open_split(demos, "train")
    where = {name: arguments.pop(name) for name in ("device", "trunk") if name in arguments}
    budgets = [float(n * BATCH) for n in updates]
    return run(split, settings, cells(split, settings, budgets, **arguments), out, **where)


def files(out: Path) -> dict[str, str]:
    """Digests of what must not depend on history or machine."""
    # A kill may leave a file of a temporary name.
    found = (p for p in sorted(out.iterdir()) if not p.name.startswith("."))
    return {p.name: sha256(p) for p in found if p.name not in ("state.safetensors", "timing.json")}


def snapshots(out: Path) -> list[Path]:
    """Snapshots of a run, budgets rising."""
    found = (p for p in out.glob("*.safetensors") if p.name != "state.safetensors")
    return sorted(found, key=lambda p: float(p.stem))


@pytest.fixture(scope="module")
def undisturbed(demos, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    return out, train(demos, out, (10, 40, 100))


def test_learns_a_planted_rule_and_says_what_it_did(undisturbed):
    out, records = undisturbed
    first, _, last = records
    assert first.train_loss > 1 and last.train_loss < 0.1
    assert (last.updates, last.samples, last.epochs) == (100, 1600, 1600 / 360)
    assert (last.unique_samples, last.spent) == (360, Spent())
    assert last.flops == last.budget == 100 * BATCH
    assert last.run.params == 1582
    policy, record = load_policy(snapshots(out)[-1])
    assert record == last
    screens = torch.zeros(4, 4, 84, 84, dtype=torch.uint8)
    for quadrant, screen in enumerate(screens):
        top, left = 42 * (quadrant // 2), 42 * (quadrant % 2)
        screen += 50
        screen[:, top : top + 42, left : left + 42] += 150
    assert policy(screens).argmax(1).tolist() == [0, 1, 2, 3]
    rows = (out / "curve.csv").read_text().splitlines()
    assert rows[0] == "update,samples,flops,loss,rate"
    assert rows[1].startswith(f"10,160,{10 * BATCH},1.") and rows[1].endswith(",0.002")
    timing = read_json(out / "timing.json")
    assert timing["samples"] == 1600 and timing["threads"] == 1


def test_snapshots_hold_averaged_weights(undisturbed):
    out, _ = undisturbed
    state = load_file(out / "state.safetensors")
    for name, tensor in load_file(snapshots(out)[-1]).items():
        assert torch.equal(tensor, state[f"average/{name}"])
        assert not torch.equal(tensor, state[f"weight/{name}"])


def test_killed_runs_end_as_if_undisturbed(demos, undisturbed, tmp_path):
    settings = SETTINGS.model_copy(update={"checkpoint_seconds": 1e-6})
    # Fresh processes that inherit only the imports.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ilscaling.learning"])
    state = tmp_path / "state.safetensors"

    def saved() -> int:
        return state.stat().st_mtime_ns if state.exists() else 0

    chance = random.Random(0)
    signals = [signal.SIGTERM] + 3 * [signal.SIGKILL]
    sent = []
    while True:
        before = saved()
        child = context.Process(target=train, args=(demos, tmp_path, (10, 40, 100), settings))
        child.start()
        if signals:
            # It is at work once it has saved anew; then it may die in the middle of anything.
            while child.is_alive() and saved() == before:
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.08))
            os.kill(child.pid, signals[0])
        child.join()
        if child.exitcode == 0:
            break
        assert child.exitcode == (143 if signals[0] == signal.SIGTERM else -9)
        sent.append(signals.pop(0))
    assert len(sent) >= 2, "the run ended before it could be killed"
    assert files(tmp_path) == files(undisturbed[0])


@pytest.mark.parametrize(
    "where, call, at",
    [
        ("ilscaling.store.prefetch.Prefetched.__next__", 5, 5),  # while it reads
        ("ilscaling.learning.state.State.finite", 3, 40),  # while it looks at the loss, and saves
        ("ilscaling.learning.snapshot.write", 2, 41),  # between two budgets
    ],
)
def test_asked_to_stop_at_any_moment_it_saves(
    demos, undisturbed, tmp_path, monkeypatch, where, call, at
):
    owner, name = pkgutil.resolve_name(where.rpartition(".")[0]), where.rpartition(".")[2]
    real, calls = getattr(owner, name), []

    def asked(*args, **kwargs):
        calls.append(1)
        if len(calls) == call:
            signal.raise_signal(signal.SIGTERM)
        return real(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, asked)
        with pytest.raises(SystemExit, match="143"):
            train(demos, tmp_path, (10, 40, 100))
    with safe_open(tmp_path / "state.safetensors", "pt") as file:
        assert file.metadata()["update"] == str(at)
    train(demos, tmp_path, (10, 40, 100))
    assert files(tmp_path) == files(undisturbed[0])


def test_larger_budgets_go_on_from_the_state(demos, undisturbed, tmp_path, monkeypatch):
    train(demos, tmp_path, (10,))
    train(demos, tmp_path, (10, 40))
    starts = []
    loader = store.Loader

    def watched(*args, start, **kwargs):
        starts.append(start)
        return loader(*args, start=start, **kwargs)

    monkeypatch.setattr("ilscaling.learning.feed.Loader", watched)
    train(demos, tmp_path, (10, 40, 100))
    assert files(tmp_path) == files(undisturbed[0])
    # Nothing to do is nothing done; a damaged cell is made again, from the start.
    assert train(demos, tmp_path, (10, 40, 100)) == undisturbed[1]
    snapshots(tmp_path)[1].write_bytes(b"damaged")
    assert train(demos, tmp_path, (10, 40, 100)) == undisturbed[1]
    assert starts == [40 * 16, 0]
    assert files(tmp_path) == files(undisturbed[0])


def test_what_decides_the_result_makes_another_run(demos, undisturbed, tmp_path):
    """Another seed in the same folder neither keeps nor resumes anything."""
    train(demos, tmp_path, (10,))
    mixed = train(demos, tmp_path, (10,), seed=1)
    alone = tmp_path / "alone"
    assert mixed == train(demos, alone, (10,), seed=1)
    assert mixed[0].sha256 != undisturbed[1][0].sha256
    slower = SETTINGS.model_copy(update={"checkpoint_seconds": 5.0})
    assert train(demos, alone, (10,), settings=slower) == undisturbed[1][:1]


def test_loss_that_is_not_finite_fails_the_cells_to_come(demos, tmp_path):
    settings = SETTINGS.model_copy(update={"rate": Rule(value=1e30)})
    records = train(demos, tmp_path, (1, 20, 60), settings=settings)
    assert [r.status for r in records] == ["done", "failed", "failed"]
    assert "not finite after update 20" in records[1].reason
    assert len(snapshots(tmp_path)) == 1
    assert records[1].sha256 is None and records[1].train_loss is None
    failed = snapshots(tmp_path)[0].with_name(f"{records[2].budget:.6g}.safetensors")
    with pytest.raises(TrainingError, match="this cell has no policy"):
        load_policy(failed)
    before = files(tmp_path)
    assert train(demos, tmp_path, (1, 20, 60), settings=settings) == records
    assert files(tmp_path) == before


def test_bad_budgets_are_refused_before_any_work(demos, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(TrainingError, match="below one batch of 16"):
        train(demos, out, (0.5, 20))
    with pytest.raises(TrainingError, match="must rise"):
        train(demos, out, (20, 20))
    with pytest.raises(ParamsError, match="no family 'nosuch'"):
        train(demos, out, (10,), family="nosuch")
    assert not out.exists()


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda path: path.unlink(), "snapshot is missing"),
        (lambda path: path.with_suffix(".json").unlink(), "record is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-8]), "truncated or was changed"),
        (lambda path: _foreign(path), "does not hold the .* weights"),
        (lambda path: _record(path, size=3), "does not hold the .* weights"),
        (lambda path: _record(path, format="other"), "not a record of format"),
    ],
)
def test_damaged_snapshots_are_named(undisturbed, tmp_path, damage, message):
    path = tmp_path / "1e+09.safetensors"
    path.write_bytes(snapshots(undisturbed[0])[0].read_bytes())
    write_json(path.with_suffix(".json"), undisturbed[1][0].to_json())
    damage(path)
    with pytest.raises(TrainingError, match=message) as caught:
        load_policy(path)
    assert caught.value.where in (str(path), str(path.with_suffix(".json")))
    assert caught.value.fix


def _foreign(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04 a pickle in a zip, say")
    _record(path, sha256=sha256(path))


def _record(path: Path, **changes) -> None:
    beside = path.with_suffix(".json")
    write_json(beside, {**read_json(beside), **changes})


def test_precision_follows_the_device(undisturbed, monkeypatch):
    assert undisturbed[1][0].run.precision == precision.resolve("auto", "cpu", "cnn", 4)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported")
    assert precision.resolve("auto", "cpu", "cnn", 4) == "float32"
    assert precision.resolve("bfloat16", "cpu", "cnn", 4) == "bfloat16"


# --- sequences -----------------------------------------------------------------------------------

STRETCHES = TrainSequences(
    batch=Rule(value=64), rate=Rule(value=0.02), warmup_steps=5, buffer_steps=256, ema=0.2,
    context=16,
)  # fmt: skip
SEQUENCES = pytest.mark.parametrize("family", ["transformer", "lstm"])


@pytest.fixture(scope="module")
def nethack(tmp_path_factory):
    """Games that begin and end within stretches."""
    path = tmp_path_factory.mktemp("nethack") / "demos.zarr"
    return nethack_store.write(path, train=[150, 37, 5, 90, 111, 64, 203])


def ledger(family, settings=STRETCHES):
    return flops.ledger(family, 8, **policies.shape(settings, 121))


def clone(nethack, out, updates, family, settings=STRETCHES):
    """Train on budgets that end at `updates`."""
    budgets = [float(n * settings.batch_of(8) * ledger(family, settings).training) for n in updates]
    split = store.open_split(nethack, "train")
    return run(
        split, settings, cells(split, settings, budgets, family=family, size=8), out, device="cpu"
    )


@SEQUENCES
def test_sequences_learn_resume_and_load(nethack, tmp_path, monkeypatch, family):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    records = clone(nethack, whole, (40, 120), family)
    # A fifth of the keys is told by the key before alone.
    assert records[0].train_loss > 2 * records[1].train_loss
    assert records[1].train_loss < 0.5
    assert records[1].samples == 120 * 64 and records[1].epochs == 120 * 64 / 660
    assert records[1].run.params == ledger(family).params
    assert dict(records[1].run.shape) == {
        "context": 16, "depth": None, "inventory": False, "actions": 121,
    }  # fmt: skip

    settings = STRETCHES.model_copy(update={"checkpoint_seconds": 1e-9})
    step = loop.step
    for end in (17, 63):

        def dies(state, learner, batch, end=end):
            if state.update == end:
                raise MemoryError
            step(state, learner, batch)

        with monkeypatch.context() as patched:
            patched.setattr(loop, "step", dies)
            with pytest.raises(MemoryError):
                clone(nethack, cut, (40, 120), family, settings)
    assert clone(nethack, cut, (40, 120), family, settings) == records
    assert files(cut) == files(whole)
    carried = [name for name in load_file(cut / "state.safetensors") if name[:8] == "carried/"]
    assert bool(carried) == (family == "lstm")

    policy, record = load_policy(snapshots(whole)[-1])
    assert record == records[1]
    split = store.open_split(nethack, "train")
    assert policy.config.context == 16
    reads = {"reader": policy.reader}
    with store.SequenceLoader(split, context=16, batch=320, stop=640, **reads) as loader:
        batch = feed.tensors(next(loader), "cpu")
    hits = policy(batch)[0].argmax(-1) == batch["action"]
    assert hits.float().mean() > 0.9


def test_streams_carry_their_state_and_nothing_across_games(nethack):
    """Two stretches one after the other are one of twice the length."""
    split = store.open_split(nethack, "train")
    torch.manual_seed(0)
    policy = policies.build("lstm", 8, **policies.shape(STRETCHES, 121))
    short = feed.make(split, STRETCHES, "lstm")
    long = feed.make(split, STRETCHES.model_copy(update={"context": 32}), "lstm")
    with torch.no_grad():
        losses = {}
        for source, context in ((short, 16), (long, 32)):
            with source.batches(split, batch=4 * context, seed=0, start=0) as loader:
                losses[context] = [
                    loss(source, policy, feed.tensors(next(loader), "cpu"))
                    for _ in range(64 // context)
                ]
    assert torch.stack(losses[32]).mean() == pytest.approx(
        float(torch.stack(losses[16]).mean()), rel=1e-5
    )


def loss(source, policy, batch):
    return F.cross_entropy(source.logits(policy, batch), batch["action"].flatten())


@SEQUENCES
def test_matrices_alone_decay(nethack, tmp_path, family):
    split = store.open_split(nethack, "train")
    of = cells(split, STRETCHES, [1e9], family=family, size=8)
    state = TrainingRun(split, STRETCHES, of, tmp_path, device="cpu").state(None)
    decays = {group["weight_decay"]: group["params"] for group in state.adam.param_groups}
    layers = policies.architecture(family, 8, **policies.shape(STRETCHES, 121))
    assert sum(w.numel() for w in decays[0.01]) == sum(layer.matrices for layer in layers)
    assert set(decays) == {0.01, 0.0}


@pytest.mark.parametrize("settings", [SETTINGS, STRETCHES], ids=["Adam", "AdamW"])
def test_updates_are_those_of_pytorch_to_the_bit(settings):
    torch.manual_seed(0)
    # A convolution in channels-last, a matrix, a table and a weight that gets no gradient.
    policy = torch.nn.ModuleDict(
        {
            "filters": torch.nn.Conv2d(4, 8, 3).to(memory_format=torch.channels_last),
            "matrix": torch.nn.Linear(5, 3),
            "table": torch.nn.Embedding(7, 3),
            "idle": torch.nn.Linear(2, 2),
        }
    )
    other = copy.deepcopy(policy)
    mine = Adam(policy, settings, frozenset({"table.weight"}))
    if settings is SETTINGS:
        theirs = torch.optim.Adam(other.parameters(), fused=True)
    else:
        named = dict(other.named_parameters())
        decayed = [w for n, w in named.items() if w.ndim > 1 and n != "table.weight"]
        rest = [w for n, w in named.items() if w.ndim == 1 or n == "table.weight"]
        groups = [{"params": decayed, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}]
        theirs = torch.optim.AdamW(groups, betas=(0.9, settings.beta2), fused=True)
    for update in range(1, 4):
        for (name, weight), twin in zip(policy.named_parameters(), other.parameters(), strict=True):
            if "idle" not in name:
                weight.grad = torch.randn_like(weight)
                twin.grad = weight.grad.clone()
        for group in theirs.param_groups:
            group["lr"] = 0.01 / update
        mine.move(0.01 / update)
        theirs.step()
    for weight, twin in zip(policy.parameters(), other.parameters(), strict=True):
        assert torch.equal(weight, twin)
    mine.zero_grad()
    assert all(weight.grad is None for weight in policy.parameters())


def test_a_job_does_not_import_pytorchs_compiler():
    """It would double the CPU time in which a job starts."""
    code = (
        "import sys, torch; from ilscaling.learning.adam import Adam;"
        "from ilscaling.params import Train; policy = torch.nn.Linear(2, 2);"
        "adam = Adam(policy, Train()); policy(torch.ones(1, 2)).sum().backward();"
        "adam.move(0.1); adam.zero_grad(); assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_demonstrations_without_what_a_policy_sees_are_refused(demos, nethack, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ParamsError, match="sees NetHack alone"):
        clone(demos, out, (10,), "transformer")
    with pytest.raises(TrainingError, match="hold no screen, which cnn sees"):
        train(nethack, out, (10,))
    with pytest.raises(TrainingError, match="hold no inventory"):
        clone(nethack, out, (10,), "lstm", STRETCHES.model_copy(update={"inventory": True}))
    long = STRETCHES.model_copy(update={"context": 1024, "batch": Rule(value=1024)})
    for family in ("transformer", "lstm"):
        with pytest.raises(StoreError, match="holds 660 steps, fewer than one"):
            clone(nethack, out, (10,), family, long)
    assert not out.exists()


# --- what a later attempt must leave alone -------------------------------------------------------


@pytest.fixture
def read_updates(monkeypatch):
    """Updates at which training began or went on."""
    starts = []
    loader = store.Loader

    def watched(*args, start, **kwargs):
        starts.append(start // 16)
        return loader(*args, start=start, **kwargs)

    monkeypatch.setattr("ilscaling.learning.feed.Loader", watched)
    return starts


def update_of(out: Path) -> int:
    with safe_open(out / "state.safetensors", "pt") as file:
        return int(file.metadata()["update"])


def test_a_run_that_fails_on_retraining_leaves_finished_cells(demos, undisturbed, tmp_path):
    """As another machine's rounding may do it: the cells at 20 and 100 are missing, and the loss
    is not finite at 20."""
    before = train(demos, tmp_path, (10, 40, 100))
    last = snapshots(tmp_path)[-1]
    last.with_suffix(".json").unlink()
    finite = State.finite
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(State, "finite", lambda state: state.update != 20 and finite(state))
        after = train(demos, tmp_path, (10, 20, 40, 100))
    assert [record.status for record in after] == ["done", "failed", "done", "failed"]
    assert [after[0], after[2]] == [before[0], before[1]]
    assert [load_policy(path)[1] for path in snapshots(tmp_path)] == [before[0], before[1]]


def test_a_budget_between_two_is_trained_and_the_furthest_state_left(
    demos, undisturbed, tmp_path, monkeypatch, read_updates
):
    train(demos, tmp_path, (10, 40, 100))
    before = (tmp_path / "curve.csv").read_bytes()
    settings = SETTINGS.model_copy(update={"checkpoint_seconds": 1e-9})
    finite, looks = State.finite, []

    def dies(state):
        looks.append(state.update)
        if state.update == 15:
            raise MemoryError
        return finite(state)

    with monkeypatch.context() as patched:
        patched.setattr(State, "finite", dies)
        with pytest.raises(MemoryError):
            train(demos, tmp_path, (10, 20, 40, 100), settings)
        assert update_of(tmp_path) == 100
        patched.setattr(State, "finite", lambda state: looks.append(state.update) or finite(state))
        again = train(demos, tmp_path, (10, 20, 40, 100), settings)
    # Killed at update 15, it goes on from 14 and ends at 20, the last that is missing.
    assert read_updates == [0, 0, 14] and max(looks) == 20
    assert update_of(tmp_path) == 100 and (tmp_path / "curve.csv").read_bytes() == before
    assert again == train(demos, tmp_path / "at once", (10, 20, 40, 100))
    read_updates.clear()
    train(demos, tmp_path, (10, 20, 40, 100, 110))
    assert read_updates == [100]
    assert len(list(tmp_path.glob("state*"))) == 1


def test_a_run_is_the_same_on_another_gpu(demos):
    """`device: cuda:1` names a place, not another arithmetic."""
    split, of = store.open_split(demos, "train"), grid.Run("quadrants", "cnn", 2, 0)
    settings = SETTINGS.model_copy(update={"precision": "float32"})
    first, second, cpu = (
        run_record(split, settings, of, convention="exact", device=device)
        for device in ("cuda", "cuda:1", "cpu")
    )
    assert first == second and second.device == "cuda"
    assert cpu.digest == first.digest and cpu.device == "cpu"


def test_cells_of_another_policy_are_refused(demos, tmp_path):
    split = store.open_split(demos, "train")
    planned = cells(split, SETTINGS.model_copy(update={"frames": 2}), [1e9], family="cnn", size=2)
    with pytest.raises(TrainingError, match="were planned at"):
        run(split, SETTINGS, planned, tmp_path / "out")
    with pytest.raises(TrainingError, match="not those of one run"):
        run(split, SETTINGS, [], tmp_path / "out")
