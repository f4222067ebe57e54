"""The parts of the recording jobs become one store: train, dev and test of whole episodes."""

from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np

from ilscaling import store
from ilscaling.errors import StoreError
from ilscaling.params import Recorded
from ilscaling.progress import tqdm
from ilscaling.store.part import Part


def assign(
    steps: np.ndarray,
    *,
    seed: int,
    train_steps: int,
    dev_steps: int,
    test_steps: int,
    fix: str = "record more: raise the steps of the recording jobs",
) -> dict[str, np.ndarray]:
    """Positions of each split's episodes, in rising order; `steps`: length of each episode.

    The episodes are permuted by `seed`; from the first on they go to dev until it has
    `dev_steps`, then to test, the rest to train. The permutation knows no length, and where dev
    and test end depends on nothing after it, so that by Wald's identity their expected steps are
    their expected episodes times the mean length: long episodes are not favoured.

    Raises StoreError if less than `train_steps` are left to train on.
    """
    order = np.random.default_rng([seed, 2]).permutation(len(steps))
    reached = np.cumsum(steps[order])
    dev = int(np.searchsorted(reached, dev_steps)) + 1
    before = reached[min(dev, len(order)) - 1]
    test = int(np.searchsorted(reached, before + test_steps)) + 1
    splits = {"train": order[test:], "dev": order[:dev], "test": order[dev:test]}
    left = int(steps[splits["train"]].sum())
    if left < train_steps or not left:
        raise StoreError(
            f"{int(steps.sum())} steps were recorded: dev and test take whole episodes of at "
            f"least {dev_steps} and {test_steps} steps, which leaves {left} of the {train_steps} "
            "steps to train on",
            fix=fix,
        )
    return {name: np.sort(chosen) for name, chosen in splits.items()}


class Source:
    """Steps of episodes in parts: `store.writer.Source` over `places`, (part, position) each."""

    def __init__(self, places: Sequence[tuple[str | Path, int]]):
        self.places = [(str(path), position) for path, position in places]

    def __call__(self, episode: int, start: int, stop: int) -> dict[str, np.ndarray]:
        path, position = self.places[episode]
        return _opened(path).read(position, start, stop)


@lru_cache(maxsize=16)
def _opened(path: str) -> Part:
    return Part(path)


def shard(
    parts: Sequence[str | Path],
    out: str | Path,
    *,
    settings: Recorded,
    processes: int = 1,
) -> dict:
    """Assemble the store `out` from `parts`; returns its splits' steps, episodes and returns.

    The store is a function of the parts' content and `settings`, not of the order of `parts` or
    the number of `processes`. Every process holds one shard in memory. Raises StoreError for
    parts that are damaged, differ in game, expert or emulator, or share an episode, and if they
    hold too few steps.
    """
    opened = [Part(path) for path in parts]
    try:
        same = _common(opened)
        rows = sorted(
            (seed, number, position)
            for number, part in enumerate(opened)
            for position, seed in enumerate(part.attrs["episodes"]["seed"])
        )
        for (seed, first, _), (other, second, _) in pairwise(rows):
            if seed == other:
                raise StoreError(
                    f"episode {seed} is in two parts",
                    where=f"{opened[first].path}, {opened[second].path}",
                    fix="give every recording job seeds of its own",
                )
        table = {
            name: np.array([opened[n].attrs["episodes"][name][k] for _, n, k in rows])
            for name in ("seed", "steps", "return", "truncated")
        }
    finally:
        for part in opened:
            part.close()
    places = [(parts[number], position) for _, number, position in rows]
    return assemble(places, table, same, out, settings=settings, processes=processes)[0]


def assemble(
    places: Sequence[tuple[str | Path, int]],
    table: dict[str, np.ndarray],
    attributes: dict,
    out: str | Path,
    *,
    settings: Recorded,
    processes: int = 1,
    **remedy: str,
) -> tuple[dict, dict[str, np.ndarray]]:
    """Write a store of episodes in parts; returns its splits' summary and their episodes.

    `places`: part and position of each episode; `table`: columns seed, steps, return, truncated
    (episodes,); `attributes`: the root's, versions among them; `remedy`: `fix` of `assign`.
    """
    splits = assign(
        table["steps"],
        seed=settings.seed,
        train_steps=settings.train_steps,
        dev_steps=settings.dev_steps,
        test_steps=settings.test_steps,
        **remedy,
    )
    source = Source(places)
    fields = {name: (v.shape[1:], v.dtype) for name, v in source(0, 0, 1).items()}
    attributes = {
        **attributes,
        "versions": {**attributes["versions"], "zarr": version("zarr")},
        "seeds": {
            "first": int(table["seed"][0]),
            "last": int(table["seed"][-1]),
            "split": settings.seed,
        },
    }
    bar = tqdm(
        total=int(table["steps"].sum()), unit="step", unit_scale=True, desc="shards", mininterval=10
    )
    sizes = {"chunk_steps": settings.chunk_steps, "shard_steps": settings.shard_steps}
    try:
        with bar, store.create(out, fields, attributes, **sizes) as writer:
            chosen = {name: splits[name] for name in store.SPLITS}
            writer.fill(chosen, table, source, processes=processes, progress=bar.update)
    finally:
        _opened.cache_clear()
    return writer.splits, splits


def _common(parts: list[Part]) -> dict:
    """What the parts have in common, which must be all but the episodes."""
    first, *others = [{k: v for k, v in p.attrs.items() if k != "episodes"} for p in parts]
    for part, other in zip(parts[1:], others, strict=True):
        different = sorted(k for k in {*first, *other} if first.get(k) != other.get(k))
        if different:
            raise StoreError(
                f"parts of different recordings: {', '.join(different)} differ",
                where=f"{parts[0].path}, {part.path}",
                fix="record all parts with the same expert and parameters",
            )
    return {k: v for k, v in first.items() if k != "format"}
