"""Writes a store: streaming, complete or not there at all, the same bits for the same data."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from ilscaling.errors import StoreError
from ilscaling.files import seal
from ilscaling.store import checksums
from ilscaling.store.processes import spread
from ilscaling.store.split import COLUMNS, SPLITS, few

# Level of zstd: of the Breakout frames it was measured on, 9 saves 6 % over 7 and 15 % over 3 and
# still encodes 90,000 steps/s; 12 saves 1 % more and halves the speed. Decoding does not differ.
LEVEL = 9
# Chunks of zeros are written too: what is absent is then always an error. An array does not
# remember this; whoever opens it to write says it again.
CONFIG = {"write_empty_chunks": True}


def create_array(
    group: zarr.Group,
    name: str,
    shape,
    dtype,
    *,
    chunk: int,
    shard: int | None,
    level: int = LEVEL,
) -> zarr.Array:
    """A compressed array, chunked along axis 0 only, whose chunks carry a CRC-32C.

    Parameters
    ----------
    group
        Where it is made.
    name
        Its name there.
    shape
        All of it, axis 0 = step.
    dtype
        As it is stored; what is never written reads as 0.
    chunk, shard
        Steps that are compressed together, and steps of a file; shard None: a file a chunk.
    level
        Of zstd.
    """
    rest = tuple(shape[1:])
    return group.create_array(
        name,
        shape=shape,
        dtype=dtype,
        chunks=(chunk, *rest),
        shards=None if shard is None else (shard, *rest),
        # The checksum is of the compressed bytes: damage never reaches the decompressor.
        compressors=[ZstdCodec(level=level), Crc32cCodec()],
        fill_value=0,
        config=CONFIG,
    )


# (episode, start, stop) -> {field: (stop - start, ...)}: steps [start, stop) of the episode in a
# row of the table.
Source = Callable[[int, int, int], dict[str, np.ndarray]]


class Writer:
    """Fills a store split by split; made by `create`.

    Parameters
    ----------
    path
        Folder of the store.
    fields
        Name -> (shape of one step, dtype); `episode` is added.
    chunk_steps, shard_steps
        Steps that are compressed together, and steps of a file.
    """

    def __init__(self, path: Path, fields: dict, *, chunk_steps: int, shard_steps: int):
        self.path = path
        self.fields = {**fields, "episode": ((), np.dtype(np.int32))}
        self.chunk_steps, self.shard_steps = chunk_steps, shard_steps
        self.splits: dict[str, dict] = {}
        self._root = zarr.open_group(path, mode="w", zarr_format=3)
        self._rows: dict[str, list[np.ndarray]] = {name: [] for name in COLUMNS}

    def fill(
        self,
        splits: dict[str, np.ndarray],
        table: dict[str, np.ndarray],
        source: Source,
        *,
        processes: int = 1,
        progress: Callable[[int], object] | None = None,
    ) -> None:
        """Write all splits, shard by shard; the bytes do not depend on the number of processes.

        Parameters
        ----------
        splits
            Split -> its rows of `table`, in the order in which they are stored.
        table
            Columns seed, steps, return and truncated, each (episodes,).
        source
            Gives steps of the episode in a row; for several processes it must survive pickling.
        processes
            How many write at once; each holds one shard of steps in memory.
        progress
            Is called with the number of steps that were just written.
        """
        tasks = []
        starts = {}
        for split, rows in splits.items():
            self._declare(split, {name: column[rows] for name, column in table.items()})
            starts[split] = np.concatenate([[0], np.cumsum(table["steps"][rows])]).astype(np.int64)
            shards = range(0, int(starts[split][-1]), self.shard_steps)
            tasks += [(split, start) for start in shards]
        given = (self.path, self.fields, self.shard_steps, splits, starts, source)
        for steps in spread(_write_shard, tasks, given=given, processes=processes):
            if progress is not None:
                progress(steps)

    def _declare(self, split: str, table: dict[str, np.ndarray]) -> None:
        """Create a split's arrays; note its rows of the episode table and its summary."""
        steps, count = int(table["steps"].sum()), len(table["steps"])
        group = self._root.create_group(split)
        for name, (shape, dtype) in self.fields.items():
            chunk = self.shard_steps if few(shape, dtype) else self.chunk_steps
            whole = (steps, *shape)
            create_array(group, name, whole, dtype, chunk=chunk, shard=self.shard_steps)
        for name, dtype in COLUMNS.items():
            column = table[name] if name != "split" else np.full(count, SPLITS.index(split))
            self._rows[name].append(np.asarray(column, dtype))
        returns = np.asarray(table["return"], np.float64)
        self.splits[split] = {
            "steps": steps,
            "episodes": count,
            "return_mean": float(returns.mean()),
            "return_se": float(returns.std(ddof=1) / np.sqrt(count)) if count > 1 else None,
        }

    def finish(self, attributes: dict) -> None:
        """Write the episode table and the root attributes, digests of all files among them."""
        group = self._root.create_group("episodes")
        for name, parts in self._rows.items():
            column = np.concatenate(parts)
            array = create_array(
                group, name, column.shape, column.dtype, chunk=len(column), shard=None
            )
            array[:] = column
        whole = {
            "format": checksums.FORMAT,
            **attributes,
            "fields": list(self.fields),
            "chunk_steps": self.chunk_steps,
            "shard_steps": self.shard_steps,
            "splits": self.splits,
            "files": checksums.files(self.path),
        }
        self._root.update_attributes(seal(whole))


def _buffer(fields: dict, steps: int) -> dict[str, np.ndarray]:
    return {name: np.empty((steps, *shape), dtype) for name, (shape, dtype) in fields.items()}


def _write_shard(
    path: Path,
    fields: dict,
    shard_steps: int,
    splits: dict[str, np.ndarray],
    starts: dict[str, np.ndarray],
    source: Source,
    split: str,
    begin: int,
) -> int:
    """Write the shards of all arrays of a split that begin at step `begin`; returns the steps."""
    edges = starts[split]
    end = min(begin + shard_steps, int(edges[-1]))
    buffer = _buffer(fields, end - begin)
    number = int(np.searchsorted(edges, begin, side="right")) - 1
    at = begin
    while at < end:
        stop = min(end, int(edges[number + 1]))
        place = slice(at - begin, stop - begin)
        if at < stop:
            first = int(edges[number])
            steps = source(int(splits[split][number]), at - first, stop - first)
            for name in fields:
                buffer[name][place] = number if name == "episode" else steps[name]
        at, number = stop, number + 1
    for name, values in buffer.items():
        array = zarr.open_array(path / split / name, mode="r+", zarr_format=3)
        array.with_config(CONFIG)[begin:end] = values
    return end - begin


@contextmanager
def create(
    path: str | Path, fields: dict, attributes: dict, *, chunk_steps: int, shard_steps: int
) -> Iterator[Writer]:
    """A `Writer` for a new store at `path`, which appears when the block has succeeded.

    Parameters
    ----------
    path
        The folder; a store that is already there is replaced.
    fields
        Name -> (shape of one step, dtype) of observations, action, reward and further labels.
    attributes
        Of the store's root, ready for JSON.
    chunk_steps, shard_steps
        Steps that are compressed together, and steps of a file.

    Yields
    ------
    Writer
        Fills the splits.

    Raises
    ------
    StoreError
        If something that is no complete store is at `path`.
    """
    path = Path(path)
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        try:
            checksums.attributes(path)
        except StoreError:
            raise StoreError(
                "something that is no complete store of demonstrations is in the way",
                where=str(path),
                fix=f"look at it, then: rm -r {path}",
            ) from None
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        writer = Writer(temporary, fields, chunk_steps=chunk_steps, shard_steps=shard_steps)
        yield writer
        writer.finish(attributes)
        if path.exists():
            old = temporary.with_suffix(".old.tmp")
            os.rename(path, old)
            os.rename(temporary, path)
            shutil.rmtree(old)
        else:
            os.rename(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
