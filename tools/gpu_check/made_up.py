"""Made-up play: screens whose action can be learned, and NetHack's screens."""

from pathlib import Path

import numpy as np
import torch

from ilscaling import policies, store

ACTIONS = {"cnn": 4, "transformer": 121, "lstm": 121}


def frames(batch: int) -> torch.Tensor:
    """Stacks of screens."""
    return torch.randint(0, 256, (batch, 4, 84, 84), dtype=torch.uint8)


def screens(steps: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The action is the bright quadrant of the screen."""
    screen = rng.integers(0, 100, (steps, 84, 84), np.uint8)
    action = rng.integers(0, 4, steps, np.uint8)
    for step, quadrant in enumerate(action):
        top, left = 42 * (quadrant // 2), 42 * (quadrant % 2)
        screen[step, top : top + 42, left : left + 42] += 150
    return {"screen": screen, "action": action}


def nethack(steps: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The sign beside the player tells the key."""
    chars = np.full((steps, 24, 80), ord(" "), np.uint8)
    colours = np.zeros((steps, 24, 80), np.int8)
    row, column, step = rng.integers(2, 20, steps), rng.integers(5, 70, steps), np.arange(steps)
    for k in range(1, 6):
        chars[step, row, column - k] = rng.choice(list(b".#|-d"), steps)
        colours[step, row, column - k] = rng.integers(0, 16, steps)
    signs = rng.integers(0, 4, steps)
    chars[step, row, column], chars[step, row, column + 1] = ord("@"), ord("a") + signs
    for t in range(steps):
        line = f"Dlvl:1 $:0 HP:{t % 14 + 1}(14) Pw:4(4) AC:4 Xp:1/0 T:{t + 1}".encode()
        chars[t, 23, : len(line)] = list(line)
    return {
        "tty_chars": chars, "tty_colors": colours,
        "tty_cursor": np.stack([row, column], 1).astype(np.uint8),
        "inventory": rng.integers(0, 5977, (steps, 55), np.int16),
        "action": (20 * signs).astype(np.uint8),
    }  # fmt: skip


def stretches(lanes: int, steps: int) -> dict:
    """A batch of NetHack as a policy of the CPU takes it, arrays."""
    from ilscaling.policies.reading import read

    play = nethack(lanes * steps, np.random.default_rng(lanes))
    batch = {n: v.reshape(lanes, steps, *v.shape[1:]) for n, v in play.items() if n != "action"}
    batch |= {"previous": np.full((lanes, steps), 121), "first": np.zeros((lanes, steps), bool)}
    batch["first"][:, 0] = True
    return read(policies.reader("transformer", actions=121, inventory=True), batch)


def demos(folder: Path, family: str, lengths: dict[str, list[int]]) -> Path:
    """A store of made-up games."""
    kind = "screens" if family == "cnn" else "nethack"
    path = folder / f"{kind}-{sum(lengths['train'])}.zarr"
    if path.exists():
        return path
    rng, make = np.random.default_rng(0), screens if family == "cnn" else nethack
    episodes = {split: [make(n, rng) for n in steps] for split, steps in lengths.items()}
    one = next(iter(episodes.values()))[0]
    fields = {name: (values.shape[1:], values.dtype) for name, values in one.items()}
    fields["reward"] = ((), np.dtype(np.float32))
    about = {
        "game": kind, "domain": "atari" if family == "cnn" else "nethack",
        "actions": [f"a{n}" for n in range(ACTIONS[family])],
    }  # fmt: skip
    table, rows, every = [], {}, []
    for split, games in episodes.items():
        rows[split] = np.arange(len(table), len(table) + len(games))
        table += [len(next(iter(game.values()))) for game in games]
        every += games
    columns = {
        "seed": np.arange(len(table)), "steps": np.array(table), "return": np.zeros(len(table)),
        "truncated": np.zeros(len(table), bool),
    }  # fmt: skip

    def steps(episode: int, start: int, stop: int) -> dict[str, np.ndarray]:
        game = {name: values[start:stop] for name, values in every[episode].items()}
        return game | {"reward": np.zeros(stop - start, np.float32)}

    with store.create(path, fields, about, chunk_steps=32, shard_steps=1_024) as writer:
        writer.fill(rows, columns, steps)
    return path
