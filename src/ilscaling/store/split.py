"""One split of a store, opened for reading."""

from functools import cached_property
from pathlib import Path

import numpy as np
import zarr

from ilscaling.errors import StoreError
from ilscaling.store import checksums
from ilscaling.store.reader import ArrayReader

SPLITS = ("train", "dev", "test")
# What the expert says of every action at a step, where it says so: float16 (T, actions).
EXPERT_PROBS = "expert_probs"
# The action that was taken, where another is to be learned (`action`); absent: they are the same.
TAKEN = "taken"
# The fields of a step that no policy sees.
LABELS = ("action", "reward", "episode", EXPERT_PROBS, TAKEN)
# The columns of the episode table; `split` is a position in SPLITS.
COLUMNS = {
    "seed": np.int64,
    "steps": np.int64,
    "return": np.float64,
    "truncated": np.bool_,
    "split": np.uint8,
}


def few(shape: tuple[int, ...], dtype: np.dtype) -> bool:
    """Whether a field has so few bytes a step that the steps of a shard are one chunk of it.

    Parameters
    ----------
    shape
        Of one step.
    dtype
        As it is stored.

    Returns
    -------
    bool
        True for at most one axis and 8 bytes a step.
    """
    return len(shape) < 2 and np.prod(shape) * np.dtype(dtype).itemsize <= 8


class Split:
    """Steps of whole episodes; holds the episode table in memory and no step.

    Parameters
    ----------
    path
        The store.
    name
        Of the split.

    Attributes
    ----------
    actions
        Names of the actions.
    table
        Columns of the episode table (`COLUMNS`), each (episodes,).
    starts
        First step of each episode, and the end of the last: int64 (episodes + 1,).
    steps, episodes
        How many there are.
    attrs
        Of the store's root.

    Raises
    ------
    StoreError
        See `open_split`.
    """

    def __init__(self, path: str | Path, name: str):
        self.path, self.name = Path(path), name
        self.attrs = checksums.attributes(path)
        if name not in self.attrs["splits"]:
            raise StoreError(
                f"no split {name!r}; there are {', '.join(self.attrs['splits'])}", where=str(path)
            )
        self.actions: tuple[str, ...] = tuple(self.attrs["actions"])
        self._files = self.attrs["files"]
        for file, expected in self._files.items():
            if file.startswith((f"{name}/", "episodes/")):
                checksums.check_size(self.path, file, expected)
        try:
            root = zarr.open_group(self.path, mode="r", zarr_format=3)
            self._arrays = {key: root[name][key] for key in self.attrs["fields"]}
            mine = root["episodes"]["split"][:] == SPLITS.index(name)
            self.table = {key: root["episodes"][key][:][mine] for key in COLUMNS}
        except Exception as error:
            checksums.verify(self.path, [f for f in self._files if f.endswith("zarr.json")])
            checksums.verify(self.path, [f for f in self._files if f.startswith("episodes/")])
            raise self._error(error, str(self.path / name)) from error
        self._readers = {
            key: ArrayReader(self.path / name / key, array) for key, array in self._arrays.items()
        }
        self.starts = np.concatenate([[0], np.cumsum(self.table["steps"])]).astype(np.int64)
        self.steps, self.episodes = int(self.starts[-1]), len(self.starts) - 1
        for key, array in self._arrays.items():
            if array.shape[0] != self.steps:
                raise StoreError(
                    f"{key} holds {array.shape[0]} steps, its episodes {self.steps}",
                    where=str(self.path / name / key),
                    fix=checksums.remedy(self.path),
                )

    @property
    def fields(self) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
        """Array name -> (shape of one step, dtype)."""
        return {key: (array.shape[1:], array.dtype) for key, array in self._arrays.items()}

    @property
    def observation(self) -> tuple[str, ...]:
        """Names of the fields that a policy sees."""
        return tuple(k for k in self._arrays if k not in LABELS)

    @property
    def says_distribution(self) -> bool:
        """Whether the expert's distribution is stored with each step, as `expert_probs`."""
        return EXPERT_PROBS in self.fields

    def refuse_missing(self, labels: tuple[str, ...]) -> None:
        """Raise StoreError if a field that a batch is to hold is not stored."""
        for name in labels:
            if name not in self.fields:
                raise StoreError(
                    f"the demonstrations hold no {name}"
                    + (": their expert says its actions alone" if name == EXPERT_PROBS else ""),
                    where=str(self.path),
                    fix="choose what needs none, such as algorithm: cloning, or an expert that "
                    "says its distribution (docs/extending.md)",
                )

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the fields of few bytes a step, which are compressed by the shard."""
        whole = [k for k, array in self._arrays.items() if array.chunks[0] == array.shards[0]]
        return tuple(k for k in whole if few(*self.fields[k]))

    @cached_property
    def chunk_steps(self) -> int:
        """Steps that are decompressed together."""
        return min(self._arrays[name].chunks[0] for name in self.observation)

    @cached_property
    def shard_steps(self) -> int:
        """Steps that are stored in one file an array."""
        return self._arrays["action"].shards[0]

    def read(self, field: str, start: int, stop: int) -> np.ndarray:
        """Steps [start, stop) of a field.

        Parameters
        ----------
        field
            One of `fields`.
        start, stop
            Steps of the split; what is beyond its last one is left out.

        Returns
        -------
        np.ndarray
            (steps, ...), as stored.

        Raises
        ------
        StoreError
            Naming a missing or corrupted shard.
        """
        shape, dtype = self.fields[field]
        out = np.empty((min(stop, self.steps) - start, *shape), dtype)
        self.read_into(field, start, out)
        return out

    def read_into(self, field: str, start: int, out: np.ndarray) -> None:
        """Fill memory with the steps of a field from `start` on.

        Parameters
        ----------
        field
            One of `fields`.
        start
            First step.
        out
            (n, ...) in the field's type, contiguous; written here.

        Raises
        ------
        StoreError
            Naming a missing or corrupted shard.
        """
        reader = self._readers[field]
        try:
            reader.read(start, out)
        # A failed checksum is a ValueError, an unreadable disk an OSError.
        except Exception as error:
            names = [f"{self.name}/{field}/{n}" for n in reader.names(start, start + len(out))]
            checksums.verify(self.path, names)
            raise self._error(error, ", ".join(str(self.path / n) for n in names)) from error

    def _error(self, error: Exception, where: str) -> StoreError:
        return StoreError(
            f"cannot read split {self.name!r} ({type(error).__name__}: {error})",
            where=where,
            fix=checksums.remedy(self.path),
        )

    def action_counts(self) -> np.ndarray:
        """How often each action was taken: int64 (actions,)."""
        counts = np.zeros(len(self.actions), np.int64)
        for start in range(0, self.steps, self.shard_steps):
            taken = self.read("action", start, min(start + self.shard_steps, self.steps))
            counts += np.bincount(taken, minlength=len(counts))
        return counts

    def returns(self) -> np.ndarray:
        """The game's own score of each episode: float64 (episodes,)."""
        return self.table["return"]


def open_split(path: str | Path, split: str) -> Split:
    """Open a split of a store.

    Content is checked when it is read, and all of it by `verify`.

    Parameters
    ----------
    path
        The store.
    split
        'train', 'dev' or 'test'; a round of DAgger has 'train' alone.

    Raises
    ------
    StoreError
        If the store is missing, of another format or changed in its attributes, has no such split,
        or has a file of the split that is missing or of a wrong size.
    """
    return Split(path, split)
