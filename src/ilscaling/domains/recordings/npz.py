"""Recordings in NumPy's .npz: plain arrays alone, of a size that a recording can have.

NumPy's own reader takes the memory that a header claims before it reads; here the header is
compared with the archive first.
"""

import shlex
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from ilscaling.domains.recordings.episode import MAX_BYTES, Episode, cut
from ilscaling.domains.recordings.section import FIELDS
from ilscaling.errors import DamagedFile, StoreError
from ilscaling.files import sha256

# The most that an array may expand to, as a multiple of its size in the archive, as of NetHack's
# recordings: far above a game's, far below a bomb of zeros.
RATIO, SLACK = 5_000, 64 * 2**20
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
# What people call a field, beside our name and its plural.
OTHERS = {
    "terminated": ("terminations", "terminal", "terminals", "done", "dones"),
    "truncated": ("truncations", "timeout", "timeouts"),
}
WANTED = ("action", "reward")


def read(path: str | Path, fields: Mapping[str, str]) -> Iterator[Episode]:
    """Episodes of a file, or of all .npz of a folder by name, whatever its case.

    Parameters
    ----------
    path
        The file or folder.
    fields
        Our name of a field -> theirs, where it is another.

    Raises
    ------
    StoreError
        For what is no such file, lacks a field, holds other than numbers or is too large, and for
        two files that are the same.
    """
    path = Path(path).expanduser()
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".npz")
    if not files or not all(file.is_file() for file in files):
        raise StoreError("there is no such recording", where=str(path), fix="--npz FILE")
    known: dict[str, Path] = {}
    for file in files:
        if (first := known.setdefault(sha256(file), file)) is not file:
            raise StoreError(
                f"{file.name} is {first.name} once more, byte by byte",
                where=str(path),
                fix=f"rm {shlex.quote(str(file))}",
            )
        yield from cut(str(file), _arrays(file, fields))


def _arrays(path: Path, fields: Mapping[str, str]) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = {i.filename.removesuffix(".npy"): i for i in archive.infolist()}
            names = _names(members, fields, path)
            size = sum(members[name].file_size for name in names.values())
            if size > MAX_BYTES:
                raise DamagedFile(f"{size:,} bytes expanded, more than {MAX_BYTES:,}")
            return {ours: _array(archive, members[name]) for ours, name in names.items()}
    except StoreError:
        raise
    # Whatever zipfile, zlib and NumPy make of a damaged file.
    except Exception as error:
        what = error.what if isinstance(error, DamagedFile) else f"{type(error).__name__}: {error}"
        raise StoreError(f"cannot read this recording ({what:.300})", where=str(path)) from None


def _names(members: Mapping, fields: Mapping[str, str], path: Path) -> dict[str, str]:
    """Our name of each field that there is -> its name in the file."""
    names = {}
    for ours in FIELDS:
        known = (ours, f"{ours}s", *OTHERS.get(ours, ()))
        named = [fields[ours]] if ours in fields else [name for name in known if name in members]
        if (ours in fields and fields[ours] not in members) or (ours in WANTED and not named):
            raise StoreError(
                f"there is no array {named[0] if named else ours!r}; there are: "
                f"{', '.join(sorted(members))}",
                where=str(path),
                fix=f"--field {ours}=THEIRS names it, or expert.recordings.fields in the study",
            )
        if named:
            names[ours] = named[0]
    return names


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """An array of plain numbers; raises DamagedFile for another, or one that expands too far."""
    name = member.filename
    if member.file_size > SLACK + RATIO * member.compress_size:
        raise DamagedFile(f"{name} expands to {member.file_size:,} bytes")
    with archive.open(member) as file:
        header = HEADERS.get(npy.read_magic(file))
        if header is None:
            raise DamagedFile(f"{name} is of another version of NumPy's format")
        shape, fortran, dtype = header(file)
        if dtype.hasobject or dtype.kind not in "biuf":
            raise DamagedFile(f"{name} holds {dtype}, not numbers")
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if size > member.file_size:
            raise DamagedFile(f"{name} claims {size:,} bytes and has {member.file_size:,}")
        content = file.read(size + 1)
    if len(content) != size:
        raise DamagedFile(f"{name} has not the {size:,} bytes that it claims")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")
