"""Serves stacks of frames in a reproducible shuffled order, from shards, in bounded memory.

Decompressing is by chunks, so samples are shuffled in two levels: an epoch is a permutation of
blocks (a block = the steps of one chunk), the blocks of a buffer are read together, and the
samples of a buffer are permuted. A thread fills the next buffer while this one is served.
"""

import itertools
import queue
import threading
import weakref
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

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


class Buffer:
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
        # A call to zarr costs as much as a third of a block's frames; actions are a byte a step.
        self._actions = lru_cache(maxsize=128)(self._read_actions)

    def _read_actions(self, shard: int) -> np.ndarray:
        size = self.split.shard_steps
        return self.split.read("action", shard * size, min((shard + 1) * size, self.split.steps))

    def fill(self, blocks: np.ndarray, order: np.ndarray, stopped: threading.Event) -> None:
        """Read `blocks` and arrange their samples in `order`; returns early when `stopped`."""
        split = self.split
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
                storage[filled : filled + size] = split.read(name, start - halo, stop)
            steps.append(np.arange(start, stop))
            shard, within = divmod(start, split.shard_steps)
            actions.append(self._actions(shard)[within : within + stop - start])
            rows.append(np.arange(filled + halo, filled + size))
            filled, behind = filled + size, stop
        self.step = np.concatenate(steps)[order]
        self.action = np.concatenate(actions).astype(np.int64)[order]
        self.row = np.concatenate(rows)[order]
        self.age = self._ages(self.step)

    def _ages(self, steps: np.ndarray) -> np.ndarray:
        """Steps since the episode's first, at most as many as a stack reaches back."""
        starts = self.split.starts
        first = starts[np.searchsorted(starts, steps, side="right") - 1]
        return np.minimum(steps - first, self.frames - 1)

    def gather(self, served: slice, into: dict[str, np.ndarray], at: slice) -> None:
        """Copy the samples `served` to the places `at` of a batch."""
        back = np.arange(self.frames - 1, -1, -1)
        rows = self.row[served, None] - np.minimum(self.age[served, None], back)
        for name, storage in self.storage.items():
            # mode="clip": numpy would otherwise gather into a temporary first.
            np.take(storage, rows, axis=0, out=into[name][at], mode="clip")
        into["action"][at] = self.action[served]
        into["index"][at] = self.step[served]


def _produce(buffers, free: queue.SimpleQueue, ready: queue.SimpleQueue, stopped) -> None:
    """Thread: fill free buffers until stopped. Knows no Loader, which can so be collected."""
    try:
        for blocks, order in buffers:
            buffer = free.get()
            if stopped.is_set():
                return
            buffer.fill(blocks, order, stopped)
            ready.put(buffer)
    except BaseException as error:  # whatever it is, the consumer must not wait for ever
        ready.put(error)


def _stop(free: queue.SimpleQueue, stopped: threading.Event) -> None:
    stopped.set()
    free.put(None)


class Loader:
    """Endless iterator of batches {field: (B, frames, ...), action int64 (B,), index int64 (B,)}.

    `index` is the step's position in the split. A stack holds the `frames` observations up to
    and including the sample's own step, the newest last; at an episode's start its first one is
    repeated. The order of samples is a function of (split, buffer_steps, seed): of neither batch
    size nor history. `start` samples are passed over at once, which resumes a run exactly.

    Every epoch has each sample once, in an order of its own; batches run on across epochs.
    `shuffle=False` serves the steps in order. `stop`: sample number at which to end; the last
    batch may be short. Holds two buffers of `buffer_steps` in memory (rounded to whole chunks).

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
    ):
        self.split, self.frames, self.batch = split, frames, batch
        self.position, self.stop = start, stop
        block = split.chunk_steps
        # A pass shorter than the buffer does not allocate more than it reads.
        wanted = split.steps if stop is None or shuffle else min(stop - start, split.steps)
        buffer_steps = min(buffer_steps, -(-wanted // block) * block)
        blocks = max(1, buffer_steps // block)
        buffers = plan(
            split.steps, block, buffer_steps, seed=seed, shuffle=shuffle, start=start, stop=stop
        )
        self._buffer: Buffer | None = None
        self._next = 0
        self._free: queue.SimpleQueue = queue.SimpleQueue()
        self._ready: queue.SimpleQueue = queue.SimpleQueue()
        for _ in range(2):
            self._free.put(Buffer(split, frames, block, blocks))
        stopped = threading.Event()
        self._thread = threading.Thread(
            target=_produce,
            args=(buffers, self._free, self._ready, stopped),
            name="ilscaling-loader",
            daemon=True,
        )
        self.close = weakref.finalize(self, _stop, self._free, stopped)
        self._thread.start()

    def __iter__(self) -> "Loader":
        return self

    def __next__(self) -> dict[str, np.ndarray]:
        size = self.batch if self.stop is None else min(self.batch, self.stop - self.position)
        if size <= 0 or not self.close.alive:
            self.close()
            raise StopIteration
        fields = self.split.fields
        batch = {
            name: np.empty((size, self.frames, *fields[name][0]), fields[name][1])
            for name in self.split.observation
        }
        batch["action"] = np.empty(size, np.int64)
        batch["index"] = np.empty(size, np.int64)
        filled = 0
        while filled < size:
            buffer = self._current()
            part = min(size - filled, len(buffer.step) - self._next)
            buffer.gather(slice(self._next, self._next + part), batch, slice(filled, filled + part))
            self._next += part
            filled += part
        self.position += size
        return batch

    def _current(self) -> Buffer:
        """The buffer that holds the next sample."""
        if self._buffer is None or self._next == len(self._buffer.step):
            if self._buffer is not None:
                self._free.put(self._buffer)
                self._buffer = None
            item = self._ready.get()
            if isinstance(item, BaseException):
                self.close()
                raise item
            self._buffer, self._next = item, 0
        return self._buffer

    def __enter__(self) -> "Loader":
        return self

    def __exit__(self, *_) -> None:
        self.close()
