"""Serves stacks of frames in a reproducible shuffled order, from shards, in bounded memory.

Decompressing is by chunks, so samples are shuffled in two levels: an epoch is a permutation of
blocks (of whole chunks), the blocks of a buffer are read together, and the samples of a buffer are
permuted. A thread fills the next buffer while this one is served.
"""

import itertools
import threading
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np

from ilscaling.store.memory import HOST, Memory
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

    Parameters
    ----------
    steps
        Samples of an epoch.
    block
        Samples of a block; the last block may have fewer.
    buffer_steps
        Samples that a buffer has room for: it gets as many whole blocks, at least one.
    seed
        Of the shuffling.
    shuffle
        Whether blocks and samples are permuted; otherwise all come in order.
    start
        Number of the first sample, counted through all epochs.
    stop
        Sample number from which on no further buffer begins; None: never.

    Yields
    ------
    tuple
        Numbers of the blocks, int64 (blocks,), and places among their samples, which lie one block
        after the other, in the order in which they are served: int64 (samples,).
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


def block_steps(chunk: int, buffer_steps: int) -> int:
    """Steps of a block: 64 blocks a buffer, of 256 steps at most, unless a chunk is longer.

    Before each block a chunk is read for what its first stacks hold.

    Parameters
    ----------
    chunk
        Steps that are decompressed together.
    buffer_steps
        Steps of a buffer.

    Returns
    -------
    int
        A multiple of `chunk`, at least one.
    """
    return max(1, min(256, buffer_steps // 64) // chunk) * chunk


class Column:
    """Reads steps [start, stop) of a field of few bytes a step.

    Such a field is compressed by the shard: those of a few shards are kept.

    Parameters
    ----------
    split
        What is read.
    field
        One of its `columns`.
    """

    def __init__(self, split: Split, field: str):
        self.split, self.field, self.size = split, field, split.shard_steps
        self._shard = lru_cache(maxsize=128)(self._read)

    def _read(self, shard: int) -> np.ndarray:
        return self.split.read(self.field, shard * self.size, (shard + 1) * self.size)

    def __call__(self, start: int, stop: int) -> np.ndarray:
        shard, begin = divmod(start, self.size)
        if begin + stop - start <= self.size:
            return self._shard(shard)[begin : begin + stop - start]
        shards = [self._shard(n) for n in range(shard, -(-stop // self.size))]
        return np.concatenate(shards)[begin : begin + stop - start]


def reading(split: Split, field: str) -> Callable[[int, int], np.ndarray]:
    """A function that reads steps of a field, in the way that its chunks ask for.

    Parameters
    ----------
    split
        What is read.
    field
        One of its fields.

    Returns
    -------
    callable
        (start, stop) -> the steps [start, stop), (stop - start, ...) in the field's type. Shards of
        a field of few bytes a step are kept (see `Column`).
    """
    if field in split.columns:
        return Column(split, field)
    return lambda start, stop: split.read(field, start, stop)


class _Stacks(Buffer):
    """The decompressed steps of some blocks, each behind the few that its first stacks need; with
    `held`, all steps of the split as its memory holds them, their numbers alone.

    labels: further fields, one value a sample.
    """

    def __init__(
        self,
        split: Split,
        frames: int,
        block: int,
        blocks: int,
        labels: tuple[str, ...],
        memory: Memory,
        held=None,
    ):
        self.split, self.frames, self.block = split, frames, block
        self.memory, self.held, self._placed = memory, held, None
        capacity = 0 if held is not None else blocks * (block + frames - 1)
        self.storage = {
            name: memory.empty((capacity, *shape), dtype)
            for name, (shape, dtype) in split.fields.items()
            if name in split.observation
        }
        self.step = self.action = self.stacks = np.empty(0, np.int64)
        self._actions = Column(split, "action")
        self._labels = {name: reading(split, name) for name in labels}
        self.labels: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self.step)

    def fill(self, content: tuple[np.ndarray, np.ndarray], stopped: threading.Event) -> None:
        """Read blocks and arrange their samples in an order (see `plan`)."""
        (blocks, order), split = content, self.split
        self.memory.settle(self._placed)
        self._placed = self.held
        starts = blocks * self.block
        stops = np.minimum(starts + self.block, split.steps)
        follows = starts[1:] == stops[:-1]
        # Steps before a block that its first stacks reach back to.
        halos = np.where(np.append(False, follows), 0, self._ages(starts))
        sizes, actions = stops - starts, []
        labels: dict[str, list[np.ndarray]] = {name: [] for name in self._labels}
        ends = np.cumsum(sizes + halos)
        for start, stop, halo, end in np.stack([starts, stops, halos, ends], 1).tolist():
            if stopped.is_set():
                return
            rows = slice(end - (stop - start) - halo, end)
            for name, storage in self.storage.items() if self.held is None else ():
                split.read_into(name, start - halo, storage[rows])
            actions.append(self._actions(start, stop))
            for name, read in self._labels.items():
                labels[name].append(read(start, stop))
        step = np.arange(sizes.sum()) + np.repeat(stops - np.cumsum(sizes), sizes)
        row = step if self.held is not None else step + np.repeat(ends - stops, sizes)
        back = np.minimum(self._ages(step)[:, None], np.arange(self.frames - 1, -1, -1))
        # Arrays of their own, that batches may be part of: only `storage` is written to again.
        self.stacks = (row[:, None] - back)[order]
        self.action = np.concatenate(actions)[order].astype(np.int64)
        self.labels = {name: np.concatenate(parts)[order] for name, parts in labels.items()}
        self.step = step[order]

    def _ages(self, steps: np.ndarray) -> np.ndarray:
        """Steps since the episode's first, at most as many as a stack reaches back."""
        starts = self.split.starts
        first = starts[np.searchsorted(starts, steps, side="right") - 1]
        return np.minimum(steps - first, self.frames - 1)

    def rows(self, served: slice) -> dict[str, np.ndarray]:
        if self._placed is None:
            self._placed = self.memory.put(self.storage)
        batch = self.memory.take(self._placed, self.stacks[served])
        batch |= {name: values[served] for name, values in self.labels.items()}
        return batch | {"action": self.action[served], "index": self.step[served]}

    def joined(self, pieces: list[dict]) -> dict[str, np.ndarray]:
        together = {name: [piece[name] for piece in pieces] for name in pieces[0]}
        return {
            name: self.memory.join(values) if name in self.storage else np.concatenate(values)
            for name, values in together.items()
        }


class Loader(Prefetched):
    """Endless iterator of batches {field: (B, frames, ...), action int64 (B,), index int64 (B,)}.

    `index` is the step's position in the split. A stack holds the `frames` observations up to
    and including the sample's own step, the newest last; at an episode's start its first one is
    repeated. The order of samples is a function of (split, buffer_steps, seed): of neither batch
    size nor history. Every epoch has each sample once, in an order of its own; batches run on
    across epochs. Two buffers are held in memory.

    Parameters
    ----------
    split
        What is served.
    frames
        Observations of a stack.
    batch
        Samples of a batch, B.
    seed
        Of the order.
    start
        Samples that are passed over at once, which resumes a run exactly.
    buffer_steps
        Steps of each buffer, rounded to whole chunks.
    shuffle
        False: the steps in order.
    stop
        Sample number at which to end, None: never; the last batch may be short.
    part
        As of `Prefetched`.
    labels
        Further fields of a step that a batch is to hold, as they are stored, such as `expert_probs`
        float16 (B, actions); what is not named is not read.
    memory
        Where a batch is gathered; its fields are then what that gives.

    Raises
    ------
    StoreError
        For labels that the split lacks, and, at the batch that would need it, if a shard cannot be
        read.
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
        labels: tuple[str, ...] = (),
        memory: Memory = HOST,
    ):
        split.refuse_missing(labels)
        block = block_steps(split.chunk_steps, buffer_steps)
        # A pass shorter than the buffer does not allocate more than it reads.
        wanted = split.steps if stop is None or shuffle else min(stop - start, split.steps)
        buffer_steps = min(buffer_steps, -(-wanted // block) * block)
        blocks, held = max(1, buffer_steps // block), memory.hold(split)
        super().__init__(
            plan(
                split.steps, block, buffer_steps, seed=seed, shuffle=shuffle, start=start, stop=stop
            ),
            [_Stacks(split, frames, block, blocks, labels, memory, held) for _ in range(2)],
            batch_sizes(batch, start, stop),
            part,
        )
