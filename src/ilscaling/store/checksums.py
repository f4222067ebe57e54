"""Size and SHA-256 of every file of a store, and the errors that name a bad one."""

import shlex
from collections.abc import Iterable
from pathlib import Path

import zarr

from ilscaling.errors import DamagedFile, StoreError, remake
from ilscaling.files import refuse_broken_seal, sha256

FORMAT = "ilscaling-demos-2"


def remedy(path: str | Path) -> str:
    """What to type to have a store whole again: it is made anew, or linked from DVC's view if that
    one is whole."""
    path = Path(path)
    if path.parent.parent.name == "demonstrations":  # data/demonstrations/NAME-KEY/demos.zarr
        return remake(path.parent)
    return f"rm -r {shlex.quote(str(path))}   and then 'ilscaling shard', or ingest, as before"


def files(path: str | Path) -> dict[str, dict]:
    """Relative path -> {bytes, sha256} of every file below `path` but the root's own metadata,
    which holds this table."""
    root = Path(path)
    paths = sorted(f for f in root.rglob("*") if f.is_file() and f != root / "zarr.json")
    return {
        f.relative_to(root).as_posix(): {"bytes": f.stat().st_size, "sha256": sha256(f)}
        for f in paths
    }


def attributes(path: str | Path) -> dict:
    """Root attributes of a store.

    They name the game and its actions, and hold the digests of all else.

    Parameters
    ----------
    path
        The store.

    Raises
    ------
    StoreError
        For anything that is no store, and for attributes that were changed.
    """
    path = Path(path)
    if not path.exists():
        raise StoreError("there are no demonstrations", where=str(path), fix=remedy(path))
    try:
        attrs = dict(zarr.open_group(path, mode="r", zarr_format=3).attrs)
    # Zarr raises whatever the damage leads to: KeyError, JSONDecodeError, TypeError ...
    except Exception as error:
        raise StoreError(
            f"not a Zarr group ({type(error).__name__}: {error})",
            where=str(path / "zarr.json"),
            fix=remedy(path),
        ) from None
    if attrs.get("format") != FORMAT:
        raise StoreError(
            f"format is {attrs.get('format')!r}, not {FORMAT!r}", where=str(path), fix=remedy(path)
        )
    try:
        refuse_broken_seal(attrs, path / "zarr.json", remedy(path))
    except DamagedFile as error:
        raise StoreError(error.what, where=error.where, fix=error.fix) from None
    return attrs


def check_size(path: Path, name: str, expected: dict) -> None:
    """Raise StoreError if a file is missing or has another size than it was written with.

    Zarr itself reads a missing shard as zeros, without a word.

    Parameters
    ----------
    path
        The store.
    name
        The file, relative to it.
    expected
        Its entry in the table of files: `bytes`, its size, and `sha256`.
    """
    try:
        size = (path / name).stat().st_size
    except FileNotFoundError:
        raise StoreError("shard is missing", where=str(path / name), fix=remedy(path)) from None
    if size != expected["bytes"]:
        raise StoreError(
            f"shard is truncated or was changed: {size} bytes, {expected['bytes']} were written",
            where=str(path / name),
            fix=remedy(path),
        )


def check_content(path: Path, name: str, expected: dict) -> None:
    """Raise StoreError if a file is not, bit by bit, what was written.

    Parameters
    ----------
    path, name, expected
        As of `check_size`.
    """
    check_size(path, name, expected)
    if sha256(path / name) != expected["sha256"]:
        raise StoreError(
            "shard is corrupted: its SHA-256 is not the recorded one",
            where=str(path / name),
            fix=remedy(path),
        )


def verify(path: str | Path, names: Iterable[str] | None = None) -> int:
    """Check every file of a store (or those in `names`) against its SHA-256.

    Parameters
    ----------
    path
        The store.
    names
        Files, relative to it; None: all that its root attributes list.

    Returns
    -------
    int
        Number of files that were checked.

    Raises
    ------
    StoreError
        Naming the first bad file, or for anything that is no store.
    """
    path = Path(path)
    table = attributes(path)["files"]
    names = list(table if names is None else names)
    for name in names:
        check_content(path, name, table[name])
    return len(names)
