"""Losses of two sets of policies on the same held-out games, of which neither was trained on any.

    python benchmarks/same_games.py SMALLER.zarr LARGER.zarr --before SNAPSHOT... --after OTHER...

`before` learned from the smaller demonstrations, `after` from the larger ones of the same expert,
which hold out other games, and some that the smaller ones train on. This takes the dev and test
games of the larger ones that the smaller ones' training split lacks. Games are told apart by steps
and score, which takes a few too many out. It prints Markdown.
"""

import argparse
from pathlib import Path

import numpy as np
from equal_flops import markdown

from ilscaling.learning.snapshot import load_policy
from ilscaling.measuring.loss import PARTS, held_out_together
from ilscaling.store import Split, open_split


def games(split: Split) -> list[tuple[int, float]]:
    """Steps and score of each game."""
    return list(zip(np.diff(split.starts).tolist(), split.returns().tolist(), strict=True))


def losses(snapshots: list[Path], splits: list[Split], seen: set) -> tuple[np.ndarray, int]:
    """Mean loss of each snapshot over the games that were not seen, and how many these are."""
    policies, records = zip(*map(load_policy, snapshots), strict=True)
    sums, steps, count = np.zeros(len(policies)), 0, 0
    for split in splits:
        other = [n for n, game in enumerate(games(split)) if game not in seen]
        measured = held_out_together(policies, split, frames=records[0].run.shape["frames"])
        sums += [sum(np.prod(of.losses[n]) for n in other) for of in measured]
        steps += sum(measured[0].losses[n][0] for n in other)
        count += len(other)
    return sums / steps, count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("smaller", type=Path)
    parser.add_argument("larger", type=Path)
    parser.add_argument("--before", type=Path, nargs="+", required=True)
    parser.add_argument("--after", type=Path, nargs="+", required=True)
    given = parser.parse_args()
    seen = set(games(open_split(given.smaller, "train")))
    splits = [open_split(given.larger, name) for name in ("dev", "test")]
    if max(split.episodes for split in splits) > PARTS:
        raise SystemExit(f"{given.larger}: a loss of each game is known of {PARTS} games at most")
    before, count = losses(given.before, splits, seen)
    after, _ = losses(given.after, splits, seen)
    row = [f"{count}", f"{before.mean():.4f}", f"{after.mean():.4f}"]
    row += [f"{after.mean() / before.mean():.3f}"]
    print(markdown(["games", "before", "after", "after / before"], [row]))


if __name__ == "__main__":
    main()
