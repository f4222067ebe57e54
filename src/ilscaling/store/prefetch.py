"""Batches from buffers that a thread fills while others are served."""

import queue
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np


class Buffer(ABC):
    """Items in memory, ready to be served in order."""

    @abstractmethod
    def __len__(self) -> int:
        """Items that it holds."""

    @abstractmethod
    def fill(self, content, stopped: threading.Event) -> None:
        """Read `content`, an entry of a plan; may return early when `stopped`."""

    @abstractmethod
    def rows(self, served: slice) -> dict[str, np.ndarray | tuple]:
        """The items `served`, in memory that nothing is written to."""

    def joined(self, pieces: list[dict]) -> dict[str, np.ndarray | tuple]:
        """Items of several buffers, one after the other."""
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def _produce(plan, free: queue.SimpleQueue, ready: queue.SimpleQueue, stopped) -> None:
    """Thread: fill free buffers until stopped. Knows no loader, which can so be collected."""
    try:
        for content in plan:
            buffer = free.get()
            if stopped.is_set():
                return
            buffer.fill(content, stopped)
            ready.put(buffer)
    except BaseException as error:  # whatever it is, the consumer must not wait for ever
        ready.put(error)


def _stop(free: queue.SimpleQueue, stopped: threading.Event) -> None:
    stopped.set()
    free.put(None)


class Prefetched:
    """Iterator of batches, dicts of arrays whose axis 0 runs over items; a context manager.

    Whatever reading raises is raised at the batch that would need it.

    Parameters
    ----------
    plan
        What each buffer is to hold, in order.
    buffers
        So many are in memory.
    sizes
        Items of each batch; the end of either ends the iterator.
    part
        (number, parts), which of the equal parts of each batch is served; the others are passed
        over without a copy.
    """

    def __init__(
        self,
        plan: Iterator,
        buffers: list[Buffer],
        sizes: Iterator[int],
        part: tuple[int, int] = (0, 1),
    ):
        self._sizes, self._part = sizes, part
        self._buffer: Buffer | None = None
        self._next = 0
        self._free: queue.SimpleQueue = queue.SimpleQueue()
        self._ready: queue.SimpleQueue = queue.SimpleQueue()
        for buffer in buffers:
            self._free.put(buffer)
        stopped = threading.Event()
        self._thread = threading.Thread(
            target=_produce,
            args=(plan, self._free, self._ready, stopped),
            name="ilscaling-loader",
            daemon=True,
        )
        self.close = weakref.finalize(self, _stop, self._free, stopped)
        self._thread.start()

    def __iter__(self) -> "Prefetched":
        return self

    def __next__(self) -> dict[str, np.ndarray | tuple]:
        size = next(self._sizes, 0) if self.close.alive else 0
        if size <= 0:
            self.close()
            raise StopIteration
        number, parts = self._part
        first, last = number * size // parts, (number + 1) * size // parts
        buffer = self._current()
        begin, self._next = self._next, self._next + size
        if self._next <= len(buffer):
            return buffer.rows(slice(begin + first, begin + last))
        self._next = begin
        return self._joined(size, first, last)

    def _joined(self, size: int, first: int, last: int) -> dict[str, np.ndarray | tuple]:
        """The items [first, last) of a batch that lies in several buffers."""
        pieces, passed = [], 0
        while passed < size:
            buffer = self._current()
            held = min(size - passed, len(buffer) - self._next)
            begin, end = max(first, passed), min(last, passed + held)
            at = self._next - passed
            if begin < end:
                pieces.append(buffer.rows(slice(at + begin, at + end)))
            self._next += held
            passed += held
        return buffer.joined(pieces)

    def _current(self) -> Buffer:
        """The buffer that holds the next item."""
        if self._buffer is None or self._next == len(self._buffer):
            if self._buffer is not None:
                self._free.put(self._buffer)
                self._buffer = None
            item = self._ready.get()
            if isinstance(item, BaseException):
                self.close()
                raise item
            self._buffer, self._next = item, 0
        return self._buffer

    def __enter__(self) -> "Prefetched":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def batch_sizes(batch: int, start: int, stop: int | None) -> Iterator[int]:
    """Sizes of batches of the items [start, stop), the last as short as it must be.

    Parameters
    ----------
    batch
        Items of a whole batch.
    start
        Number of the first item.
    stop
        Number at which to end; None: never.

    Yields
    ------
    int
        Items of each batch.
    """
    while stop is None or start < stop:
        size = batch if stop is None else min(batch, stop - start)
        yield size
        start += size
