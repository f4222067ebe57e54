"""A stranger's policy family with a memory works like ours, for NetHack and for arrays."""

import dataclasses
from pathlib import Path

import gru
import nethack_store
import numpy as np
import pytest
import stores
import torch
from ladder import cells
from safetensors.torch import load_file

from ilscaling import flops, games, policies, registry, store
from ilscaling.domains.gymnasium.section import Options
from ilscaling.domains.nethack.section import NetHackEmulator
from ilscaling.errors import TrainingError
from ilscaling.learning import loop
from ilscaling.learning.run import run
from ilscaling.learning.snapshot import load_policy
from ilscaling.measuring.loss import held_out
from ilscaling.measuring.returns import all_episodes, play
from ilscaling.params import Rule, TrainSequences

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = TrainSequences(
    batch=Rule(value=64), rate=Rule(value=0.02), warmup_steps=5, buffer_steps=256, context=16
)


@pytest.fixture(autouse=True)
def brought():
    """The family, and the game of the worked example, as a study brings them."""
    registry.load([gru.__file__, str(ROOT / "extensions/foraging/game.py")])
    yield
    registry.load([])


def arrays(path: Path) -> Path:
    """Made-up play of the example's game: a row of the board tells the action."""
    rng, game = np.random.default_rng(0), games.make("gymnasium", "foraging", 1, Options())
    spec, lengths = game.spec, [60, 90, 40]
    fields = {
        **spec.observation,
        "action": ((), np.dtype(np.uint8)),
        "reward": ((), np.dtype(np.float32)),
    }
    attributes = {"game": "foraging", "domain": "gymnasium", "actions": list(spec.actions)}

    def split() -> tuple[dict, list[dict]]:
        episodes = []
        for n in lengths:
            action = rng.integers(0, 4, n, np.uint8)
            seen = np.zeros((n, 2, 8, 8), np.uint8)
            seen[np.arange(n), 0, action] = 100
            reward = np.zeros(n, np.float32)
            episodes.append({"observation": seen, "action": action, "reward": reward})
        table = {
            "seed": np.arange(3), "steps": np.array(lengths), "return": np.zeros(3),
            "truncated": np.zeros(3, bool),
        }  # fmt: skip
        return table, episodes

    with store.create(path, fields, attributes, chunk_steps=16, shard_steps=64) as writer:
        stores.fill(writer, train=split(), dev=split())
    return path


GAMES = {
    "nethack": (
        lambda path: nethack_store.write(path, train=[150, 37, 5, 90], dev=[40, 33]),
        NetHackEmulator(max_steps=30),
    ),
    "foraging": (arrays, Options(max_steps=30)),
}


@pytest.mark.parametrize("name", GAMES)
def test_it_is_trained_resumed_measured_and_played(name, tmp_path, monkeypatch):
    record, emulator = GAMES[name]
    demos = record(tmp_path / "demos.zarr")
    split, dev = (store.open_split(demos, part) for part in ("train", "dev"))
    observation = {field: split.fields[field] for field in split.observation}
    shape = policies.shape(SETTINGS, len(split.actions), observation)
    update = 64 * flops.ledger("gru", 12, **shape).training

    def train(out: Path) -> list[dict]:
        budgets = [20.0 * update, 60.0 * update]
        of = cells(split, SETTINGS, budgets, family="gru", size=12)
        return run(split, SETTINGS, of, out, device="cpu")

    first, last = train(tmp_path / "whole")
    assert last.train_loss < 0.9 * first.train_loss
    step = loop.step

    def dies(state, learner, batch):
        if state.update == 37:
            state.save(tmp_path / "cut/state.safetensors", last.run.digest, learner)
            raise MemoryError
        step(state, learner, batch)

    with monkeypatch.context() as patched:
        patched.setattr(loop, "step", dies)
        with pytest.raises(MemoryError):
            train(tmp_path / "cut")
    assert train(tmp_path / "cut") == [first, last]
    whole, cut = (load_file(tmp_path / f / "state.safetensors") for f in ("whole", "cut"))
    assert "carried/hidden" in whole and all(torch.equal(v, cut[n]) for n, v in whole.items())

    policy, made = load_policy(tmp_path / "whole" / f"{last.budget:.6g}.safetensors")
    assert made == last
    loss, alone = (held_out(policy, dev, lanes=n).estimates["loss"].mean for n in (8, 1))
    assert loss < np.log(len(split.actions)) and loss == pytest.approx(alone)

    def scores(lanes: int) -> list[float]:
        game = games.make(name if name == "nethack" else "gymnasium", name, lanes, emulator)
        try:
            played = dict(play([policy], game, all_episodes(1, 3), seed=5))
        finally:
            game.close()
        return [float(played[k].returns[0]) for k in range(3)]

    assert scores(1) == scores(3)


def test_one_that_miscounts_is_refused(tmp_path, monkeypatch):
    demos = arrays(tmp_path / "demos.zarr")

    def wrong(size, **shape):
        return gru.layers(size, **shape)[:-1]

    entry = dataclasses.replace(registry.get("FAMILY", "gru"), layers=wrong)
    monkeypatch.setattr(policies, "get", lambda family: entry)
    with pytest.raises(TrainingError, match="PyTorch counts"):
        split = store.open_split(demos, "train")
        of = cells(split, SETTINGS, [1e8], family="gru", size=12)
        run(split, SETTINGS, of, tmp_path / "out", device="cpu")
