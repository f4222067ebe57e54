"""Atomic files and digests: whatever has its final name is complete."""

import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ilscaling.errors import DamagedFile, remake

SEAL = "digest"
MAX_JSON = 2**28  # bytes; the list of the games of all of NLD-AA is below 2**26


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary sibling of `path`; rename it to `path` if the block succeeds.

    The temporary name is unique, so that two writers of one file never share it: the last
    rename wins, and a reader only ever sees a complete file. Whoever may read any new file may
    read this one, too: a store can be several people's.

    Parameters
    ----------
    path
        The file to be; its folder is made if it is not there, and a file at `path` is replaced.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last: writers such as matplotlib choose their format by it.
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.tmp{path.suffix}")
    try:
        yield temporary
        # safetensors makes files for their owner alone.
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def write_json(path: str | Path, value: object) -> None:
    """Write a value as indented JSON with a final newline, atomically.

    Parameters
    ----------
    path
        The file; one that is there is replaced.
    value
        What JSON knows.

    Raises
    ------
    ValueError
        For NaN and infinity.
    """
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_bytes(path: str | Path, most: int) -> bytes:
    """The content of a regular file.

    Parameters
    ----------
    path
        The file.
    most
        Bytes that it may have.

    Raises
    ------
    OSError
        For a file that cannot be opened.
    DamagedFile
        For a larger one, and for what is no file: opening a pipe would wait for a writer, reading a
        device never end.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        kind = "a folder" if path.is_dir() else "a pipe, a socket or a device"
        raise DamagedFile(f"not a file but {kind}", where=str(path))
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise DamagedFile(f"larger than such a file can be ({most:,} bytes)", where=str(path))
    return content


def read_json(path: str | Path, kind: type = dict) -> Any:
    """Read a JSON object, or a list if `kind` says so.

    Parameters
    ----------
    path
        The file, of at most `MAX_JSON` bytes.
    kind
        Type that the value must have.

    Raises
    ------
    OSError
        For a file that cannot be opened.
    DamagedFile
        For anything else than such a value: too large, not UTF-8, no JSON, nested without end, a
        number that is not finite, another type. It is a ValueError, too.
    """
    path = Path(path)

    def refuse(what: str) -> DamagedFile:
        return DamagedFile(what, where=str(path), fix=remake(path))

    def constant(name: str):
        raise ValueError(f"it holds {name}")

    content = read_bytes(path, MAX_JSON)
    try:
        value = json.loads(content.decode("utf-8"), parse_constant=constant)
    except (ValueError, RecursionError) as error:
        raise refuse(f"not a JSON record ({error})") from None
    if not isinstance(value, kind):
        raise refuse(f"not a JSON record (a {type(value).__name__}, not a {kind.__name__})")
    return value


def read_list(path: str | Path) -> dict[str, Path]:
    """The files that a job's list names; they stand beside it.

    Parameters
    ----------
    path
        The list: name -> SHA-256.

    Returns
    -------
    dict
        Name -> path.

    Raises
    ------
    DamagedFile
        For a list that is damaged or names nothing, and for a file that is not, bit by bit, what
        the list says.
    """
    path = Path(path)
    listed = read_json(path)
    if not listed or not all(
        isinstance(digest, str) and name and Path(name).name == name
        for name, digest in listed.items()
    ):
        raise DamagedFile("not a list of files", where=str(path), fix=remake(path))
    for name, digest in listed.items():
        file = path.parent / name
        if not file.is_file():
            raise DamagedFile("a listed file is missing", where=str(file), fix=remake(path))
        if sha256(file) != digest:
            raise DamagedFile(
                f"changed since it was made: its SHA-256 is not the one in {path.name}",
                where=str(file),
                fix=remake(path, file),
            )
    return {name: path.parent / name for name in listed}


def seal(values: dict) -> dict:
    """Values with a digest of themselves: what is changed by hand no longer fits it.

    Parameters
    ----------
    values
        Ready for JSON.

    Returns
    -------
    dict
        The same, and their digest as `digest`.
    """
    return {**values, SEAL: digest(json.loads(json.dumps(values, allow_nan=False)))}


def refuse_broken_seal(values: dict, path: Path, fix: str) -> None:
    """Raise DamagedFile unless the values read from a file are as `seal` left them.

    Parameters
    ----------
    values
        What was read.
    path
        The file, for the error.
    fix
        What the error tells to do.
    """
    rest = {name: value for name, value in values.items() if name != SEAL}
    if values.get(SEAL) != digest(rest):
        raise DamagedFile(
            "changed since it was made: it does not fit its own digest", where=str(path), fix=fix
        )


def read_sealed(path: str | Path, fix: str) -> dict:
    """The values in a file of sealed ones, their digest among them.

    Parameters
    ----------
    path
        The file.
    fix
        What the error for a broken seal tells to do.

    Raises
    ------
    OSError
        For a file that cannot be opened.
    DamagedFile
        As of `read_json` and `refuse_broken_seal`.
    """
    values = read_json(path)
    refuse_broken_seal(values, Path(path), fix)
    return values


def sha256(path: str | Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(value: object) -> str:
    """Hex SHA-256 of `value` as canonical JSON (sorted keys, no spaces)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
