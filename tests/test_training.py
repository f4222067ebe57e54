"""Training: it learns, and what it writes is a function of data, settings and seed alone."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ilscaling import flops, store
from ilscaling.errors import ParamsError, TrainingError
from ilscaling.files import read_json, sha256, write_json
from ilscaling.params import Rule, Train
from ilscaling.training import load_policy, precision, run

ACTIONS = ("NOOP", "FIRE", "RIGHT", "LEFT")
SETTINGS = Train(
    batch=Rule(value=16), rate=Rule(value=0.005), warmup_steps=10, buffer_steps=128, ema=0.1
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
        writer.add("train", table, episodes)
    return path


def train(demos, out, updates, settings=SETTINGS, **changes):
    """Run on budgets that end at `updates`."""
    arguments = {"family": "cnn", "size": 2, "seed": 0, "device": "cpu", **changes}
    budgets = [float(n * BATCH) for n in updates]
    return run(store.open_split(demos, "train"), settings, budgets=budgets, out=out, **arguments)


def files(out: Path) -> dict[str, str]:
    """Digests of what must not depend on history or machine."""
    apart = ("state.safetensors", "timing.json")
    return {p.name: sha256(p) for p in sorted(out.iterdir()) if p.name not in apart}


@pytest.fixture(scope="module")
def undisturbed(demos, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    return out, train(demos, out, (20, 60, 150))


def test_learns_a_planted_rule_and_says_what_it_did(undisturbed):
    out, records = undisturbed
    first, _, last = records
    assert first["train_loss"] > 1 and last["train_loss"] < 0.1
    assert (last["updates"], last["samples"], last["epochs"]) == (150, 2400, 2400 / 360)
    assert last["flops"] == last["budget"] == 150 * BATCH
    assert last["params"] == 1582
    policy, record = load_policy(out / "3.57e+08.safetensors" if False else snapshots(out)[-1])
    assert record == last
    screens = torch.zeros(4, 4, 84, 84, dtype=torch.uint8)
    for quadrant, screen in enumerate(screens):
        top, left = 42 * (quadrant // 2), 42 * (quadrant % 2)
        screen += 50
        screen[:, top : top + 42, left : left + 42] += 150
    assert policy(screens).argmax(1).tolist() == [0, 1, 2, 3]
    rows = (out / "curve.csv").read_text().splitlines()
    assert rows[0] == "update,samples,flops,loss,rate"
    assert rows[1].startswith(f"10,160,{10 * BATCH},1.") and rows[1].endswith(",0.005")
    timing = read_json(out / "timing.json")
    assert timing["samples"] == 2400 and timing["threads"] == 1


def snapshots(out: Path) -> list[Path]:
    """Snapshots of a run, budgets rising."""
    found = (p for p in out.glob("*.safetensors") if p.name != "state.safetensors")
    return sorted(found, key=lambda p: float(p.stem))
