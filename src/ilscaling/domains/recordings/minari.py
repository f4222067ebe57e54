"""Data sets of Minari, read by its own library: plain arrays in HDF5, no environment is made.

A data set may name an environment of any module, which Minari would import where the spaces are
missing: such a one is refused before.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ilscaling.domains.recordings.episode import MAX_BYTES, Episode
from ilscaling.errors import StoreError
from ilscaling.files import read_bytes

DATA, METADATA, MAIN = "data", "metadata.json", "main_data.hdf5"
MAX_METADATA = 2**24
INSTALL = "pip install 'ilscaling[minari]'"


def library():
    """Minari's package; StoreError where it is not installed."""
    try:
        import h5py  # noqa: F401
        import minari
    except ImportError:
        raise StoreError("Minari is not installed", fix=INSTALL) from None
    return minari


def folder_of(path: str | Path) -> Path:
    """The folder with the data of a data set, which is its own or `data` in it."""
    path = Path(path).expanduser()
    folder = path if (path / METADATA).is_file() else path / DATA
    if not (folder / METADATA).is_file():
        raise StoreError(
            f"no data set of Minari: there is no {METADATA}",
            where=str(path),
            fix="--minari FOLDER, such as ~/.minari/datasets/NAME-v0",
        )
    return folder


def read(path: str | Path, fields: Mapping[str, str]) -> Iterator[Episode]:
    """Episodes of a data set.

    Parameters
    ----------
    path
        Its folder.
    fields
        `observation` -> the field of an observation that is a dictionary; Minari names the rest.

    Raises
    ------
    StoreError
        For what is no such data set or too large, and where Minari is not installed.
    """
    folder = folder_of(path)
    if others := sorted(set(fields) - {"observation"}):
        raise StoreError(
            f"Minari itself names the field {others[0]}",
            where=str(path),
            fix="leave it out of --field, and of expert.recordings.fields",
        )
    library()
    from minari.dataset.minari_storage import MinariStorage

    try:
        described = json.loads(read_bytes(folder / METADATA, MAX_METADATA))
        if not {"observation_space", "action_space"} <= described.keys():
            raise ValueError("its metadata lack the spaces")
        if described.get("data_format") != "hdf5":
            raise ValueError(f"its format is {described.get('data_format')!r}; hdf5 is read")
        _refuse_large(folder / MAIN)
        storage = MinariStorage.read(folder)
        numbers = range(storage.total_episodes)
        known = list(storage.get_episode_metadata(numbers))
        episodes = storage.get_episodes(numbers)
        for number, (one, more) in enumerate(zip(episodes, known, strict=True)):
            yield _episode(f"{path}, episode {number}", one, more, fields)
    except StoreError:
        raise
    # Whatever HDF5, JSON and Minari make of a damaged file.
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        raise StoreError(f"cannot read this data set ({what:.300})", where=str(path)) from None


def _episode(place: str, one: dict, more: dict, fields: Mapping[str, str]) -> Episode:
    seen, named = one["observations"], fields.get("observation")
    if named is not None and not (isinstance(seen, dict) and named in seen):
        there = ", ".join(sorted(seen)) if isinstance(seen, dict) else "none, they are one array"
        raise StoreError(f"there is no field {named!r} of observations; there are: {there}",
                         where=place, fix="--field observation=THEIRS")  # fmt: skip
    if isinstance(seen, dict):
        seen = seen.get(named or "observation")
    actions = np.asarray(one["actions"])
    if actions.ndim != 1 or actions.dtype.kind not in "iu":
        raise StoreError(f"actions are {actions.dtype} {actions.shape}; one of a set is wanted",
                         where=place)  # fmt: skip
    return Episode(
        place=place,
        action=actions.astype(np.int64),
        reward=np.asarray(one["rewards"], np.float64),
        observation=None if seen is None else np.asarray(seen),
        ended=bool(one["terminations"][-1]) if len(one["terminations"]) else None,
        seed=more.get("seed"),
    )


def _refuse_large(path: Path) -> None:
    """Raise ValueError for arrays that would take more memory than a recording can."""
    import h5py

    sizes: dict[str, int] = {}

    def add(name: str, item) -> None:
        if isinstance(item, h5py.Dataset):
            if item.external:
                raise ValueError(f"{name} lies in another file")
            episode = name.partition("/")[0]
            sizes[episode] = sizes.get(episode, 0) + item.size * item.dtype.itemsize

    with h5py.File(path, "r") as file:
        file.visititems(add)
    for episode, size in sizes.items():
        if size > MAX_BYTES:
            raise ValueError(f"{episode} has {size:,} bytes, more than {MAX_BYTES:,}")
