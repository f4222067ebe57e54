"""Serves stretches of contiguous play, with what came before each frame, in bounded memory.

Stretch c of a split is its steps [c * context, (c + 1) * context): it may hold the end of one
game and the start of the next, which `first` tells. A policy takes the stretches shuffled, each
without what came before it, or as streams of play in order and carries its state along.
"""

import heapq
import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ilscaling.errors import StoreError
from ilscaling.store.loader import Column, block_steps, plan
from ilscaling.store.prefetch import Buffer, Prefetched, batch_sizes
from ilscaling.store.split import TAKEN, Split

FEWER = "lower train.context or train.batch, or record more games"


class Reader(Protocol):
    """Turns what a game shows into what a policy takes, once, in the loader's thread.

    fields: those of the split that it reads, beside `previous`.
    """

    fields: tuple[str, ...]

    def read(self, stretches: dict[str, np.ndarray], order: np.ndarray):
        """What the stretches say, in an order.

        Parameters
        ----------
        stretches
            {field: (S, T, ...)}, `previous` among them.
        order
            Numbers of stretches, int64 (B,).

        Returns
        -------
        named tuple
            Arrays of its own, with part(begin, end) -> that of the frames [begin, end), whole
            stretches.
        """
        ...

    def joined(self, pieces: list):
        """Such tuples one after the other."""
        ...


@dataclass(frozen=True)
class Content:
    """What a buffer is to hold.

    Parameters
    ----------
    pieces
        (row, start, stop), the steps [start, stop) of the split from that row on; rows that no
        piece covers are padding.
    resets
        Rows, none of a game's first, before which nothing may be seen.
    order
        Numbers of the stretches of rows as they are served, int64 (stretches,).
    """

    pieces: list[tuple[int, int, int]]
    resets: list[int]
    order: np.ndarray


def shuffled(
    split: Split, context: int, block: int, buffer: int, *, seed: int, start: int, stop: int | None
) -> Iterator[Content]:
    """The stretches [start, stop) in the two-level order of `store.loader.plan`.

    The steps after the last stretch are left out.

    Parameters
    ----------
    split
        What is served.
    context
        Steps of a stretch.
    block
        Stretches of a block.
    buffer
        Steps that a buffer has room for.
    seed
        Of the order.
    start, stop
        Numbers of stretches, counted through all epochs; `stop` None: endless.

    Yields
    ------
    Content
        Of each buffer.
    """
    count = split.steps // context
    stretches = plan(
        count, block, buffer // context, seed=seed, shuffle=True, start=start, stop=stop
    )
    for blocks, order in stretches:
        pieces, row = [], 0
        for first in blocks * block:
            begin, end = int(first) * context, min(int(first) + block, count) * context
            pieces.append((row, begin, end))
            row += end - begin
        yield Content(pieces, [], order)


def streams(
    split: Split, context: int, count: int, buffer: int, *, seed: int, start: int, mine: range
) -> Iterator[Content]:
    """The streams `mine` of `count` of equal shares, from the update `start` on, endless.

    In each epoch the games are put one after the other in a new order and cut into the shares;
    the rest at the end, shorter than one update, is left out. A share may begin within a game, as
    if it had begun there.

    Parameters
    ----------
    split
        What is served.
    context
        Steps of a stretch, which is what a stream gives an update.
    count
        Streams of all processes together.
    buffer
        Steps that a buffer of all streams has room for.
    seed
        Of the order of games.
    start
        Update that is served first, from 0 on.
    mine
        Numbers of the streams that are read here.

    Yields
    ------
    Content
        Of each buffer: stretches by update, then by stream.
    """
    share = split.steps // (count * context)
    together = max(1, buffer // (count * context))
    epoch, done = divmod(start, share)
    for number in itertools.count(epoch):
        games = np.random.default_rng([seed, number]).permutation(split.episodes)
        while done < share:
            each = min(together, share - done) * context
            pieces = []
            for place, stream in enumerate(mine):
                begin = (stream * share + done) * context
                pieces += _pieces(split, games, begin, begin + each, place * each)
            resets = [] if done else list(range(0, len(mine) * each, each))
            order = np.arange(len(mine) * each // context).reshape(len(mine), -1).T.ravel()
            yield Content(pieces, resets, order)
            done += each // context
        done = 0


def whole(split: Split, context: int, count: int, buffer: int) -> tuple[Iterator[Content], list]:
    """Every game once, each in one of `count` lanes.

    The longest game goes first, each to the lane that has least to do. Lanes are served together,
    one stretch a pass, and leave when they have no more; the last stretch of a lane may end in
    padding.

    Parameters
    ----------
    split
        What is served.
    context
        Steps of a stretch.
    count
        Lanes, at most as many as there are games.
    buffer
        Steps that a buffer of all lanes has room for.

    Returns
    -------
    tuple
        An iterator over what each buffer holds, and the number of stretches of each pass.
    """
    lengths, queue = np.diff(split.starts), [(0, lane) for lane in range(count)]
    games: list[list[int]] = [[] for _ in range(count)]
    for game in np.argsort(-lengths, kind="stable"):
        steps, lane = heapq.heappop(queue)
        games[lane].append(int(game))
        heapq.heappush(queue, (steps + int(lengths[game]), lane))
    games.sort(key=lambda lane: -lengths[lane].sum())
    steps = [int(lengths[lane].sum()) for lane in games]
    passes = [sum(s > k * context for s in steps) for k in range(-(-steps[0] // context))]

    def contents() -> Iterator[Content]:
        together = max(1, buffer // (count * context))
        for done in range(0, len(passes), together):
            pieces, row, stretches = [], 0, []
            for lane, total in zip(games, steps, strict=True):
                begin = done * context
                end = min(begin + together * context, total)
                if begin < end:
                    pieces += _pieces(split, np.array(lane), begin, end, row)
                    number = -((begin - end) // context)
                    stretches += [(k, row // context + k) for k in range(number)]
                    row += number * context
            # By pass, then by lane: sorting is stable and the lanes come in order.
            order = [place for _, place in sorted(stretches, key=lambda pair: pair[0])]
            yield Content(pieces, [], np.array(order))

    return contents(), passes


def _pieces(
    split: Split, games: np.ndarray, begin: int, end: int, row: int
) -> list[tuple[int, int, int]]:
    """Pieces for the steps [begin, end) of `games`, one after the other, from `row` on."""
    ends = np.cumsum(np.diff(split.starts)[games])
    pieces = []
    for position in range(int(np.searchsorted(ends, begin, side="right")), len(games)):
        if begin >= end:
            break
        # Where the game's first step would lie if its steps were numbered as in the split.
        offset = int(split.starts[games[position] + 1] - ends[position])
        stop = min(end, int(ends[position]))
        pieces.append((row, begin + offset, stop + offset))
        row, begin = row + stop - begin, stop
    return pieces


class _Stretches(Buffer):
    """Frames in memory, served by stretches. steps: field -> memory of `capacity` steps that they
    are read to."""

    def __init__(self, split: Split, steps: dict, context: int, reader: Reader | None):
        self.split, self.steps, self.context, self.reader = split, steps, context, reader
        self.none = len(split.actions)
        self.order = np.empty(0, np.int64)
        # What is served in this order: small fields, and what the reader has made of the others.
        self.arranged: dict[str, np.ndarray] = {}
        self.frames = None
        self._stored = [name for name in split.fields if name in steps and name != "action"]
        self._columns = {name: Column(split, name) for name in split.columns}
        self._taken = self._columns.get(TAKEN, self._columns["action"])

    def __len__(self) -> int:
        return len(self.order)

    def fill(self, content: Content, stopped: threading.Event) -> None:
        split, steps = self.split, self.steps
        steps["index"][:] = -1
        steps["action"][:] = 0
        steps["previous"][:] = self.none
        steps["first"][:] = False
        begins = np.searchsorted(split.starts, np.array(content.pieces)[:, 1:]).tolist()
        for (row, start, stop), games in zip(content.pieces, begins, strict=True):
            if stopped.is_set():
                return
            rows = slice(row, row + stop - start)
            for name in self._stored:
                if name in self._columns:
                    steps[name][rows] = self._columns[name](start, stop)
                else:
                    split.read_into(name, start, steps[name][rows])
            before = max(start - 1, 0)
            steps["index"][rows] = np.arange(start, stop)
            steps["action"][rows] = self._columns["action"](start, stop)
            if before < stop - 1:
                taken = self._taken(before, stop - 1)
                steps["previous"][row + before - start + 1 : rows.stop] = taken
            for game in range(*games):
                first = row + split.starts[game] - start
                steps["first"][first] = True
                steps["previous"][first] = self.none
        steps["first"][content.resets] = True
        stretches = {k: v.reshape(-1, self.context, *v.shape[1:]) for k, v in steps.items()}
        self.order, read = content.order, ()
        if self.reader is not None:
            self.frames = self.reader.read(stretches, content.order)
            read = (*self.reader.fields, "previous")
        self.arranged = {n: v[content.order] for n, v in stretches.items() if n not in read}

    def rows(self, served: slice) -> dict[str, np.ndarray | tuple]:
        batch = {name: values[served] for name, values in self.arranged.items()}
        if self.reader is None:
            return batch
        part = self.frames.part(served.start * self.context, served.stop * self.context)
        return batch | {"frames": part}

    def joined(self, pieces: list[dict]) -> dict[str, np.ndarray | tuple]:
        if self.reader is None:
            return super().joined(pieces)
        frames = self.reader.joined([piece.pop("frames") for piece in pieces])
        return super().joined(pieces) | {"frames": frames}


class _Sequences(Prefetched):
    def __init__(
        self, split: Split, contents, context: int, capacity: int, inventory: bool,
        reader: Reader | None, sizes, part: tuple[int, int] = (0, 1),
        labels: tuple[str, ...] = (),
    ):  # fmt: skip
        split.refuse_missing(labels)
        names = [name for name in split.observation if inventory or name != "inventory"]
        if reader is not None:
            names = reader.fields
        if (inventory or "inventory" in names) and "inventory" not in split.fields:
            raise StoreError(
                "the demonstrations hold no inventory",
                where=str(split.path),
                fix="set train.inventory to false, or record with it",
            )
        fields = {
            **{name: split.fields[name] for name in (*names, *labels)},
            "action": ((), np.dtype(np.int64)),
            "previous": ((), np.dtype(np.int64)),
            "first": ((), np.dtype(bool)),
            "index": ((), np.dtype(np.int64)),
        }
        # What is served is a copy in order, so that both buffers are read to the same memory.
        steps = {n: np.zeros((capacity, *shape), dtype) for n, (shape, dtype) in fields.items()}
        buffers = [_Stretches(split, steps, context, reader) for _ in range(2)]
        super().__init__(contents, buffers, sizes, part)


class SequenceLoader(_Sequences):
    """Endless iterator of batches of B = batch // context stretches.

    A batch holds the game's fields (B, context, ...) and, each (B, context):

    - action int64;
    - previous int64, the action before the frame's own in the same game, at a game's first frame
      the number of actions;
    - first bool: before this frame nothing may be seen; a game begins or, in streams, an epoch;
    - index int64, the step's position in the split.

    With a `reader` there are `frames`, what it makes of the fields and of `previous`, in place of
    these. Shuffled stretches are a function of (split, seed, position, buffer_steps), streams of
    (split, seed, position, B); row b of all batches is stream b. Stretches longer than a game are
    allowed. In memory are `buffer_steps` (of streams its part of them), and twice what is served of
    so many.

    Parameters
    ----------
    split
        What is served.
    context
        Steps of a stretch.
    batch
        Frames of a batch, a multiple of `context`.
    seed
        Of the order.
    start
        Frame at which to begin, which resumes a run exactly.
    buffer_steps
        Steps of a buffer.
    order
        'shuffled' or 'streams': see the functions of these names.
    inventory
        Without a reader: whether the batch holds the inventory.
    stop
        Frame at which to end; None: never.
    part
        As of `Prefetched`; the other parts' streams are not read.
    reader
        What reads the fields; None: they are served as they are.
    labels
        Further fields of a step, as of `store.loader.Loader`.

    Raises
    ------
    StoreError
        For a batch of no whole stretches, for labels or an inventory that the split lacks, for one
        of fewer steps than one stretch ('streams': one batch), and at the batch that would need it
        if a shard cannot be read.
    """

    def __init__(
        self,
        split: Split,
        *,
        context: int,
        batch: int,
        seed: int = 0,
        start: int = 0,
        buffer_steps: int = 16_384,
        order: str = "shuffled",
        inventory: bool = False,
        stop: int | None = None,
        part: tuple[int, int] = (0, 1),
        reader: Reader | None = None,
        labels: tuple[str, ...] = (),
    ):
        count, rest = divmod(batch, context)
        if rest or not count:
            raise StoreError(
                f"a batch of {batch} frames does not hold whole stretches of {context}",
                fix="make train.batch a multiple of train.context",
            )
        least = batch if order == "streams" else context
        if split.steps < least:
            what = f"one batch of {count} streams" if order == "streams" else "one stretch"
            raise StoreError(
                f"split {split.name!r} holds {split.steps} steps, fewer than {what} of {context}",
                where=str(split.path),
                fix=FEWER,
            )
        buffer = max(buffer_steps // least, 1) * least
        end = None if stop is None else stop // context
        if order == "streams":
            buffer = min(buffer, split.steps // batch * batch)
            number, parts = part
            mine = range(number * count // parts, (number + 1) * count // parts)
            contents = streams(
                split, context, count, buffer, seed=seed, start=start // batch, mine=mine
            )
            # Its own streams are all that it holds, and every row of them is its own.
            buffer, count, part = buffer // count * len(mine), len(mine), (0, 1)
        else:
            block = max(1, block_steps(split.chunk_steps, buffer_steps) // context)
            # `plan` takes at least one block, whatever the buffer.
            blocks = max(min(buffer, split.steps // context * context) // (block * context), 1)
            buffer, first = blocks * block * context, start // context
            contents = shuffled(split, context, block, buffer, seed=seed, start=first, stop=end)
        stretches = batch_sizes(count, start // context, end)
        super().__init__(
            split, contents, context, buffer, inventory, reader, stretches, part, labels
        )


class GameLoader(_Sequences):
    """One pass over all games of a split, each whole and in order within one lane.

    Batches are as of `SequenceLoader`, row b being lane b; there are at most `lanes` rows, and
    fewer from batch to batch as lanes run out. index is -1 where the end of a lane is padded.

    Parameters
    ----------
    split
        What is served.
    context
        Steps of a stretch, of which each lane gives one a batch.
    lanes
        Games side by side, at most.
    buffer_steps
        Steps of a buffer.
    inventory, reader, labels
        As of `SequenceLoader`.
    """

    def __init__(
        self,
        split: Split,
        *,
        context: int,
        lanes: int,
        buffer_steps: int = 16_384,
        inventory: bool = False,
        reader: Reader | None = None,
        labels: tuple[str, ...] = (),
    ):
        lanes = min(lanes, split.episodes)
        contents, passes = whole(split, context, lanes, buffer_steps)
        together = min(max(1, buffer_steps // (lanes * context)), len(passes))
        capacity = together * lanes * context
        super().__init__(
            split, contents, context, capacity, inventory, reader, iter(passes), labels=labels
        )
