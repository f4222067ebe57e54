"""Speed as ratios within one run, on this machine: python benchmarks/speed.py [--seconds 3]

Training: bfloat16 against float32 for each size. Reading: the loader against reading each sample's
frames on its own. Recording: a small policy's play against the bare emulator. One thread each.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from ilscaling import games, models, store, training  # noqa: E402
from ilscaling.experts.policy import ExpertPolicy  # noqa: E402
from ilscaling.games import play  # noqa: E402
from ilscaling.models.acting import probabilities  # noqa: E402
from ilscaling.params import Emulator  # noqa: E402


def rate(step, seconds: float) -> float:
    """Calls of `step` a second: the median of five stretches, after one call to warm up."""
    step()
    found = []
    for _ in range(5):
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds / 5:
            step()
            count += 1
        found.append(count / (time.perf_counter() - start))
    return float(np.median(found))


def training_speed(size: int, batch: int, seconds: float) -> dict:
    screens = torch.randint(0, 256, (batch, 4, 84, 84), dtype=torch.uint8)
    actions = torch.randint(0, 4, (batch,))
    row = {"size": size, "batch": batch}
    for precision in ("float32", "bfloat16"):
        policy = models.build("cnn", size, frames=4, actions=4)
        adam = torch.optim.Adam(policy.parameters(), fused=True)

        def step(policy=policy, adam=adam, precision=precision):
            with training.precision.autocast("cpu", precision):
                logits = policy(screens)
            torch.nn.functional.cross_entropy(logits.float(), actions).backward()
            adam.step()
            adam.zero_grad()

        row[f"{precision} samples/s"] = batch * rate(step, seconds)
    row["bfloat16 / float32"] = row["bfloat16 samples/s"] / row["float32 samples/s"]
    return row


def reading_speed(seconds: float) -> dict:
    """Samples a second of the loader and of naive random access, on made-up screens."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "demos.zarr"
        fields = {
            "screen": ((84, 84), np.dtype(np.uint8)),
            "action": ((), np.dtype(np.uint8)),
            "reward": ((), np.dtype(np.float32)),
        }
        attributes = {"game": "breakout", "domain": "atari", "actions": ["a", "b"]}
        lengths = [1500] * 20
        table = {
            "seed": np.arange(20),
            "steps": np.array(lengths),
            "return": np.zeros(20),
            "truncated": np.zeros(20, bool),
        }

        def episode(steps):
            # Mostly still screens with a moving spot compress about as a game's do.
            screen = np.zeros((steps, 84, 84), np.uint8)
            screen[np.arange(steps), np.arange(steps) % 84, rng.integers(0, 84, steps)] = 200
            return {
                "screen": screen,
                "action": rng.integers(0, 2, steps).astype(np.uint8),
                "reward": np.zeros(steps, np.float32),
            }

        with store.create(path, fields, attributes, chunk_steps=256, shard_steps=8192) as writer:
            writer.add("train", table, (episode(n) for n in lengths))
            for split in ("dev", "test"):
                few = {name: column[:1] for name, column in table.items()}
                writer.add(split, few, iter([episode(1500)]))
        split = store.open_split(path, "train")
        with store.Loader(split, frames=4, batch=64, seed=0) as loader:
            batches = iter(loader)
            loaded = 64 * rate(lambda: next(batches), seconds)

        def naive():
            at = int(rng.integers(3, split.steps))
            split.read("screen", at - 3, at + 1), split.read("action", at, at + 1)

        alone = rate(naive, seconds)
    return {"loader samples/s": loaded, "one by one samples/s": alone, "ratio": loaded / alone}


def recording_speed(seconds: float) -> dict:
    """Steps a second of eight lanes with a half-width expert, and without a policy."""
    policy = ExpertPolicy(0.5, 4).eval().requires_grad_(False)
    row = {}
    for name, act in (
        ("bare", play.uniform(4)),
        ("with the expert", lambda stacks, episode: probabilities(policy, stacks, 1.0)),
    ):
        game = games.make("atari", "breakout", 8, Emulator())
        moments = play.moments(game, act, seeds=range(10**6), frames=4)
        row[f"{name} steps/s"] = 8 * rate(lambda moments=moments: next(moments), seconds)
        game.close()
    row["ratio"] = row["with the expert steps/s"] / row["bare steps/s"]
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="a measurement")
    parser.add_argument("--sizes", type=int, nargs="+", default=[2, 8, 32, 64])
    parser.add_argument("--batch", type=int, default=32)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = [training_speed(s, arguments.batch, arguments.seconds) for s in arguments.sizes]
    for title, table in (
        ("training", rows),
        ("reading", [reading_speed(arguments.seconds)]),
        ("recording", [recording_speed(arguments.seconds)]),
    ):
        print(f"\n{title}\n{pd.DataFrame(table).to_string(index=False, float_format='%.2f')}")


if __name__ == "__main__":
    main()
