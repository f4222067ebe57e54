"""A recording: what one job has played, a Zarr v3 group an episode in one zip file.

One file a job is what workflow tools like; a group an episode lets the recorder write while it
plays, and the next step pick whole episodes. Zip entries carry no time of day. A recording lives
until its store is written, so it is compressed fast.

Chunks are compressed here, in the layout of `writer.create_array`: Zarr's own writer takes 1.5 ms
a chunk whatever is in it, and 1 ms to declare an array.
"""

import json
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import google_crc32c
import numpy as np
import zarr
from numcodecs.zstd import Zstd
from zarr.storage import MemoryStore, ZipStore

from ilscaling.errors import StoreError
from ilscaling.files import atomic
from ilscaling.store.writer import create_array

FORMAT = "ilscaling-recording-1"
LEVEL = 1  # of zstd
REMEDY = "delete it and record it again: 'snakemake' does"


class RecordingWriter:
    """Adds episodes to a recording in the order of their seeds; made by `create`."""

    def __init__(self, archive: zipfile.ZipFile, chunk: int):
        self._archive, self._chunk = archive, chunk
        self._codec = Zstd(level=LEVEL)
        self._described: dict[tuple, dict[str, bytes]] = {}
        self.episodes: dict[str, list] = {"seed": [], "steps": [], "return": [], "truncated": []}

    @property
    def steps(self) -> int:
        return sum(self.episodes["steps"])

    def add(self, seed: int, blocks: dict | Iterable[dict], truncated: bool) -> None:
        """Write one whole episode.

        If there is an error, nothing of the episode is written.

        Parameters
        ----------
        seed
            Of the episode.
        blocks
            {field: (steps, ...)}, with `reward`; or such blocks, one after the other, of which all
            but the last hold whole chunks of steps.
        truncated
            Whether a limit has cut the episode.

        Raises
        ------
        ValueError
            For a block that ends within a chunk.
        """
        chunks: dict[str, bytes] = {}
        fields: dict[str, tuple] = {}
        steps, total = 0, 0.0
        for block in [blocks] if isinstance(blocks, dict) else blocks:
            if steps % self._chunk:
                raise ValueError(f"a block ends within a chunk, at step {steps}")
            for name, values in block.items():
                rest = values.shape[1:]
                fields[name] = rest, values.dtype
                for start in range(0, len(values), self._chunk):
                    number = (steps + start) // self._chunk
                    packed = self._pack(values[start : start + self._chunk])
                    chunks[f"{name}/c/{number}{'/0' * len(rest)}"] = packed
            steps += len(block["reward"])
            total += float(block["reward"].sum(dtype=np.float64))
        self._dump({**self._declare(steps, fields), **chunks}, f"{len(self.episodes['seed'])}/")
        self.episodes["seed"].append(int(seed))
        self.episodes["steps"].append(steps)
        self.episodes["return"].append(total)
        self.episodes["truncated"].append(bool(truncated))

    def finish(self, attributes: dict) -> None:
        entries: dict = {}
        group = zarr.open_group(MemoryStore(entries), mode="w", zarr_format=3)
        group.update_attributes({"format": FORMAT, **attributes, "episodes": self.episodes})
        self._dump(_content(entries), "")

    def _declare(self, steps: int, fields: dict[str, tuple]) -> dict[str, bytes]:
        """The files that describe an episode of `steps` steps and its `fields`. Zarr makes them
        once; of other episodes only the steps differ."""
        known = tuple(fields.items())
        if known not in self._described:
            entries: dict = {}
            group = zarr.open_group(MemoryStore(entries), mode="w", zarr_format=3)
            layout = {"chunk": self._chunk, "shard": None, "level": LEVEL}
            for name, (rest, dtype) in fields.items():
                create_array(group, name, (0, *rest), dtype, **layout)
            self._described[known] = _content(entries)
        files = dict(self._described[known])
        for name, (rest, _) in fields.items():
            described = {**json.loads(files[f"{name}/zarr.json"]), "shape": (steps, *rest)}
            files[f"{name}/zarr.json"] = json.dumps(described, indent=2).encode()
        return files

    def _pack(self, values: np.ndarray) -> bytes:
        """A chunk as a file: its end filled with zeros, compressed, its CRC-32C behind it."""
        if len(values) < self._chunk:
            whole = np.zeros((self._chunk, *values.shape[1:]), values.dtype)
            whole[: len(values)] = values
            values = whole
        packed = self._codec.encode(np.ascontiguousarray(values))
        return packed + google_crc32c.value(packed).to_bytes(4, "little")

    def _dump(self, entries: dict[str, bytes], prefix: str) -> None:
        for key in sorted(entries):
            # A ZipInfo of one's own has a constant date; zarr's ZipStore would write today's.
            self._archive.writestr(zipfile.ZipInfo(prefix + key), entries[key])


def _content(entries: dict) -> dict[str, bytes]:
    """The files of a Zarr group in memory."""
    return {key: buffer.to_bytes() for key, buffer in entries.items()}


@contextmanager
def create(path: str | Path, attributes: dict, *, chunk: int) -> Iterator[RecordingWriter]:
    """A writer for a recording that appears at `path` when the block has succeeded.

    Parameters
    ----------
    path
        The file; one that is there is replaced.
    attributes
        What the recording says of itself, ready for JSON; may be added to until the block ends.
    chunk
        Steps that are compressed together.

    Yields
    ------
    RecordingWriter
        Adds episodes.
    """
    with atomic(path) as temporary, zipfile.ZipFile(temporary, "x") as archive:
        writer = RecordingWriter(archive, chunk)
        yield writer
        writer.finish(attributes)


class Recording:
    """A recording opened for reading: `attrs`, and its episodes by position.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    StoreError
        For a file that is missing, truncated or no recording.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        try:
            self._group = zarr.open_group(ZipStore(path, mode="r"), mode="r", zarr_format=3)
            self.attrs = dict(self._group.attrs)
        # Whatever zip, JSON and Zarr make of a damaged file: NotImplementedError, zlib.error ...
        except Exception as error:
            raise self._error(error) from None
        if self.attrs.get("format") != FORMAT:
            raise StoreError(
                f"format is {self.attrs.get('format')!r}, not {FORMAT!r}", where=str(path)
            )

    def read(self, episode: int, start: int = 0, stop: int | None = None) -> dict[str, np.ndarray]:
        """All fields of an episode's steps [start, stop).

        Parameters
        ----------
        episode
            Its position in the recording.
        start, stop
            Steps; stop None: to the end.

        Returns
        -------
        dict
            {field: (steps, ...)}.

        Raises
        ------
        StoreError
            For a damaged recording.
        """
        try:
            arrays = sorted(self._group[str(episode)].arrays())
            return {name: array[start:stop] for name, array in arrays}
        except Exception as error:
            raise self._error(error) from None

    def close(self) -> None:
        self._group.store.close()

    def _error(self, error: Exception) -> StoreError:
        return StoreError(
            f"cannot read this recording ({type(error).__name__}: {error})",
            where=str(self.path),
            fix=REMEDY,
        )
