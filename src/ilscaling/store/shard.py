"""The recordings of all jobs become one store: train, dev and test of whole episodes."""

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
from ilscaling.store.recording import Recording


def assign(
    steps: np.ndarray,
    *,
    seed: int,
    train_steps: int,
    dev_steps: int,
    test_steps: int,
    unique_steps: int | None = None,
    fix: str = "record more: raise the steps of the recording jobs",
) -> dict[str, np.ndarray]:
    """Draw whole episodes for dev and test; the rest, or its first ones, are for training.

    The episodes are permuted by `seed`; from the first on they go to dev until it has
    `dev_steps`, then to test, the rest to train. The permutation knows no length, and where dev
    and test end depends on nothing after it, so that by Wald's identity their expected steps are
    their expected episodes times the mean length: long episodes are not favoured.

    Parameters
    ----------
    steps
        Length of each episode, int (episodes,).
    seed
        Of the permutation.
    train_steps, dev_steps, test_steps
        Steps that each split has at least.
    unique_steps
        Train on the first episodes of the permutation that have so many steps: those of a smaller
        number are among those of a larger one, and dev and test are the same. None: on all.
    fix
        What the error tells to do.

    Returns
    -------
    dict
        Split -> positions of its episodes, int (episodes of the split,), rising.

    Raises
    ------
    StoreError
        If less than `train_steps` are left to train on.
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
    if unique_steps is not None:
        held = np.cumsum(steps[splits["train"]])
        splits["train"] = splits["train"][: int(np.searchsorted(held, unique_steps)) + 1]
    return {name: np.sort(chosen) for name, chosen in splits.items()}


class Source:
    """Steps of episodes in recordings, for `store.Writer.fill`.

    Parameters
    ----------
    places
        File and position in it of each episode.
    """

    def __init__(self, places: Sequence[tuple[str | Path, int]]):
        self.places = [(str(path), position) for path, position in places]

    def __call__(self, episode: int, start: int, stop: int) -> dict[str, np.ndarray]:
        path, position = self.places[episode]
        return _opened(path).read(position, start, stop)


@lru_cache(maxsize=16)
def _opened(path: str) -> Recording:
    return Recording(path)


def shard(
    recordings: Sequence[str | Path],
    out: str | Path,
    *,
    settings: Recorded,
    processes: int = 1,
) -> dict:
    """Assemble a store from the recordings of all jobs.

    The store is a function of their content and `settings`.

    Parameters
    ----------
    recordings
        Files by `games.episodes.write`, in any order.
    out
        The store to write.
    settings
        Sizes of splits, chunks and shards; seed of the splits.
    processes
        How many write at once; each holds one shard in memory.

    Returns
    -------
    dict
        Split -> its steps, episodes, and mean return with standard error.

    Raises
    ------
    StoreError
        If recordings are damaged, differ in game, expert or emulator, or share an episode, or if
        they hold too few steps.
    """
    opened = [Recording(path) for path in recordings]
    try:
        same = _common(opened)
        rows = sorted(
            (seed, number, position)
            for number, recording in enumerate(opened)
            for position, seed in enumerate(recording.attrs["episodes"]["seed"])
        )
        for (seed, first, _), (other, second, _) in pairwise(rows):
            if seed == other:
                raise StoreError(
                    f"episode {seed} is in two recordings",
                    where=f"{opened[first].path}, {opened[second].path}",
                    fix="give every recording job seeds of its own",
                )
        table = {
            name: np.array([opened[n].attrs["episodes"][name][k] for _, n, k in rows])
            for name in ("seed", "steps", "return", "truncated")
        }
    finally:
        for recording in opened:
            recording.close()
    places = [(recordings[number], position) for _, number, position in rows]
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
    """Write a store of episodes that lie in recordings.

    Parameters
    ----------
    places
        File and position in it of each episode.
    table
        Columns seed, steps, return and truncated, each (episodes,).
    attributes
        Of the store's root, versions among them.
    out, settings, processes
        As for `shard`.
    remedy
        `fix` of `assign`.

    Returns
    -------
    tuple
        What `shard` returns, and the episodes of each split, rows of the table.
    """
    splits = assign(
        table["steps"],
        seed=settings.seed,
        train_steps=settings.train_steps,
        dev_steps=settings.dev_steps,
        test_steps=settings.test_steps,
        unique_steps=settings.unique_steps,
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
    total = sum(int(table["steps"][chosen].sum()) for chosen in splits.values())
    bar = tqdm(total=total, unit="step", unit_scale=True, desc="shards", mininterval=10)
    sizes = {"chunk_steps": settings.chunk_steps, "shard_steps": settings.shard_steps}
    try:
        with bar, store.create(out, fields, attributes, **sizes) as writer:
            chosen = {name: splits[name] for name in store.SPLITS}
            writer.fill(chosen, table, source, processes=processes, progress=bar.update)
    finally:
        _opened.cache_clear()
    return writer.splits, splits


def _common(recordings: list[Recording]) -> dict:
    """What the recordings have in common, which must be all but the episodes."""
    first, *others = [{k: v for k, v in p.attrs.items() if k != "episodes"} for p in recordings]
    for recording, other in zip(recordings[1:], others, strict=True):
        different = sorted(k for k in {*first, *other} if first.get(k) != other.get(k))
        if different:
            raise StoreError(
                f"recordings that do not belong together: {', '.join(different)} differ",
                where=f"{recordings[0].path}, {recording.path}",
                fix="record them all with the same expert and parameters",
            )
    return {k: v for k, v in first.items() if k != "format"}
