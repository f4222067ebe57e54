"""Serves stacks of frames in a reproducible shuffled order, from shards, in bounded memory.

Decompressing is by chunks, so samples are shuffled in two levels: an epoch is a permutation of
blocks (a block = the steps of one chunk), the blocks of a buffer are read together, and the
samples of a buffer are permuted. A thread fills the next buffer while this one is served.
"""

import itertools
import threading
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from ilscaling.store.prefetch import Buffer, Prefetched, batch_sizes
from ilscaling.store.split import Split


def plan(
    steps: int,
    block: int,
    buffer_steps: int,
    *,
    seed: int,
    shuffle: bool,
    start: int,
    stop: int | None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The sequence of buffers that hold samples [start, stop): (blocks, order of their samples).

    Endless without `stop`. A pure function of its arguments; `start` only cuts off the beginning.
    """
    sizes = np.full(-(-steps // block), block)
    sizes[-1] = steps - block * (len(sizes) - 1)
    together = max(1, buffer_steps // block)
    first, skip = divmod(start, steps)
    planned = start
    for epoch in itertools.count(first):
        blocks = np.arange(len(sizes))
        if shuffle:
            blocks = np.random.default_rng([seed, epoch]).permutation(blocks)
        for number in range(0, len(blocks), together):
            if stop is not None and planned >= stop:
                return
            chosen = blocks[number : number + together]
            order = np.arange(sizes[chosen].sum())
            if skip >= len(order):
                skip -= len(order)
                continue
            if shuffle:
                # Every buffer has a generator of its own, so that a resumed run can start here.
                order = np.random.default_rng([seed, epoch, number + 1]).permutation(order)
            yield chosen, order[skip:]
            planned, skip = planned + len(order) - skip, 0


class Actions:
    """The actions of steps [start, stop), int64. They are compressed by the shard, a byte a step:
    those of a few shards are kept."""

    def __init__(self, split: Split):
        self.split = split
        self._shard = lru_cache(maxsize=128)(self._read)

    def _read(self, shard: int) -> np.ndarray:
        size = self.split.shard_steps
        return self.split.read("action", shard * size, (shard + 1) * size)

    def __call__(self, start: int, stop: int) -> np.ndarray:
        size = self.split.shard_steps
        first = start // size * size
        shards = [self._shard(n) for n in range(start // size, -(-stop // size))]
        return np.concatenate(shards)[start - first : stop - first].astype(np.int64)


class _Stacks(Buffer):
    """The decompressed steps of some blocks, each behind the few that its first stacks need."""

    def __init__(self, split: Split, frames: int, block: int, blocks: int):
        self.split, self.frames, self.block = split, frames, block
        capacity = blocks * (block + frames - 1)
        self.storage = {
            name: np.empty((capacity, *shape), dtype)
            for name, (shape, dtype) in split.fields.items()
            if name in split.observation
        }
        self.step = self.action = self.row = self.age = np.empty(0, np.int64)
        self._actions = Actions(split)

    def __len__(self) -> int:
        return len(self.step)

    def fill(self, content: tuple[np.ndarray, np.ndarray], stopped: threading.Event) -> None:
        """Read blocks and arrange their samples in an order (see `plan`)."""
        (blocks, order), split = content, self.split
        steps, actions, rows = [], [], []
        filled, behind = 0, -1
        for block in blocks:
            if stopped.is_set():
                return
            start = int(block) * self.block
            stop = min(start + self.block, split.steps)
            halo = 0 if start == behind else int(self._ages(np.array([start]))[0])
            size = stop - start + halo
            for name, storage in self.storage.items():
                split.read_into(name, start - halo, storage[filled : filled + size])
            steps.append(np.arange(start, stop))
            actions.append(self._actions(start, stop))
            rows.append(np.arange(filled + halo, filled + size))
            filled, behind = filled + size, stop
        self.step = np.concatenate(steps)[order]
        self.action = np.concatenate(actions)[order]
        self.row = np.concatenate(rows)[order]
        self.age = self._ages(self.step)

    def _ages(self, steps: np.ndarray) -> np.ndarray:
        """Steps since the episode's first, at most as many as a stack reaches back."""
        starts = self.split.starts
        first = starts[np.searchsorted(starts, steps, side="right") - 1]
        return np.minimum(steps - first, self.frames - 1)

    def gather(self, served: slice, into: dict[str, np.ndarray], at: slice) -> None:
        back = np.arange(self.frames - 1, -1, -1)
        rows = self.row[served, None] - np.minimum(self.age[served, None], back)
        for name, storage in self.storage.items():
            # mode="clip": numpy would otherwise gather into a temporary first.
            np.take(storage, rows, axis=0, out=into[name][at], mode="clip")
        into["action"][at] = self.action[served]
        into["index"][at] = self.step[served]


class Loader(Prefetched):
    """Endless iterator of batches {field: (B, frames, ...), action int64 (B,), index int64 (B,)}.

    `index` is the step's position in the split. A stack holds the `frames` observations up to
    and including the sample's own step, the newest last; at an episode's start its first one is
    repeated. The order of samples is a function of (split, buffer_steps, seed): of neither batch
    size nor history. `start` samples are passed over at once, which resumes a run exactly.

    Every epoch has each sample once, in an order of its own; batches run on across epochs.
    `shuffle=False` serves the steps in order. `stop`: sample number at which to end; the last
    batch may be short. `part`: as of `Prefetched`. Holds two buffers of `buffer_steps` in memory
    (rounded to whole chunks).

    Raises StoreError, at the batch that would need it, if a shard cannot be read.
    """

    def __init__(
        self,
        split: Split,
        *,
        frames: int,
        batch: int,
        seed: int = 0,
        start: int = 0,
        buffer_steps: int = 16_384,
        shuffle: bool = True,
        stop: int | None = None,
        part: tuple[int, int] = (0, 1),
    ):
        block = split.chunk_steps
        # A pass shorter than the buffer does not allocate more than it reads.
        wanted = split.steps if stop is None or shuffle else min(stop - start, split.steps)
        buffer_steps = min(buffer_steps, -(-wanted // block) * block)
        blocks = max(1, buffer_steps // block)
        fields = split.fields
        super().__init__(
            plan(
                split.steps, block, buffer_steps, seed=seed, shuffle=shuffle, start=start, stop=stop
            ),
            [_Stacks(split, frames, block, blocks) for _ in range(2)],
            {
                **{k: ((frames, *fields[k][0]), fields[k][1]) for k in split.observation},
                "action": ((), np.dtype(np.int64)),
                "index": ((), np.dtype(np.int64)),
            },
            batch_sizes(batch, start, stop),
            part,
        )
