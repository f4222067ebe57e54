"""A small store of made-up NetHack play, in the format of the real one."""

from pathlib import Path

import numpy as np
import stores

from ilscaling import store
from ilscaling.domains.nethack.game import ACTIONS

FIELDS = {
    "tty_chars": ((24, 80), np.dtype(np.uint8)),
    "tty_colors": ((24, 80), np.dtype(np.int8)),
    "tty_cursor": ((2,), np.dtype(np.uint8)),
    "inventory": ((55,), np.dtype(np.int16)),
    "action": ((), np.dtype(np.uint8)),
    "reward": ((), np.dtype(np.float32)),
    "expert_probs": ((len(ACTIONS),), np.dtype(np.float16)),
}
# What stands right of the player, and the key for it.
TOLD = {"a": 3, "b": 17, "c": 40, "d": 80}


def game(rng: np.random.Generator, steps: int) -> dict[str, np.ndarray]:
    """A game whose keys are told by the screen, but that '?' asks for the key before once more."""
    chars = np.full((steps, 24, 80), ord(" "), np.uint8)
    colours = np.zeros((steps, 24, 80), np.int8)
    row, column = rng.integers(2, 20, steps), rng.integers(5, 70, steps)
    step = np.arange(steps)
    for k in range(1, 6):
        chars[step, row + rng.integers(-1, 2, steps), column - k] = rng.choice(
            list(b".#|-d"), steps
        )
        colours[step, row, column - k] = rng.integers(0, 16, steps)
    chars[step, row, column] = ord("@")
    signs = rng.choice(list(b"abcd?"), steps)
    signs[0] = ord("a")
    chars[step, row, column + 1] = signs
    action = np.zeros(steps, np.uint8)
    for t, sign in enumerate(map(chr, signs)):
        line = f"Dlvl:1 $:0 HP:{t % 14 + 1}(14) Pw:4(4) AC:4 Xp:1/0 T:{t + 1}"
        chars[t, 23, : len(line)] = list(line.encode())
        action[t] = TOLD.get(sign, action[t - 1])
    cursor = np.stack([row, column], 1).astype(np.uint8)
    reward = (rng.random(steps) < 0.1).astype(np.float32)
    return {
        "tty_chars": chars, "tty_colors": colours, "tty_cursor": cursor,
        "inventory": rng.integers(0, 5977, (steps, 55), np.int16),
        "action": action, "reward": reward,
        # As of a player who presses the key nine times of ten, and any at random once.
        "expert_probs": np.float16(0.9 * np.eye(len(ACTIONS))[action] + 0.1 / len(ACTIONS)),
    }  # fmt: skip


def write(path: Path, *, inventory: bool = False, said: bool = False, **lengths: list[int]) -> Path:
    """Make the store; `lengths`: split -> steps of each of its games."""
    rng = np.random.default_rng(0)
    attributes = {"game": "nethack", "domain": "nethack", "actions": list(ACTIONS)}
    left_out = {"inventory": not inventory, "expert_probs": not said}
    fields = {name: kind for name, kind in FIELDS.items() if not left_out.get(name, False)}
    splits = {}
    with store.create(path, fields, attributes, chunk_steps=32, shard_steps=256) as writer:
        for split, steps in lengths.items():
            games = [game(rng, n) for n in steps]
            table = {
                "seed": np.arange(len(steps)),
                "steps": np.array(steps),
                "return": np.array([g["reward"].sum() for g in games]),
                "truncated": np.zeros(len(steps), bool),
            }
            splits[split] = table, games
        stores.fill(writer, **splits)
    return path
