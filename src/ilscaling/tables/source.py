"""A table's file as a DataFrame: told by what it holds, never by its suffix, and bounded."""

import bz2
import gzip
import io
import lzma
import resource
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pandas as pd

from ilscaling.errors import FitError
from ilscaling.tables import text

# Bytes that a table may come to when it is unpacked: a hundred times the largest one that we know.
LARGEST = 2**29
# First bytes -> what it is that cannot be read, and what to do.
REFUSED = {
    b"\x80\x04": ("a pickle, which could run any code", "save it as CSV or Parquet"),
    b"\x80\x05": ("a pickle, which could run any code", "save it as CSV or Parquet"),
    b"\x89HDF": ("an HDF5 file", "save its table as CSV or Parquet"),
    b"\x93NUMPY": ("a NumPy array", "save it as CSV with a header"),
    b"SQLite format 3": ("a SQLite database", "export the table as CSV"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "save the sheet as CSV"),
    b"version https://git-lfs": ("a pointer of Git LFS, not the table", "git lfs pull"),
    b"FEA1": ("a Feather file of version 1", "save it as CSV or Parquet"),
    b"%PDF": ("a PDF", "save the table as CSV"),
}
# Files of one member that are archives: parts of workbooks.
WORKBOOKS = {"[Content_Types].xml": "an Excel workbook", "mimetype": "an OpenDocument sheet"}


def read(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Read a table as it is.

    Parameters
    ----------
    path : Path
        CSV with any usual separator and encoding, JSON (records, columns, lines), Parquet or
        Feather; also packed by gzip, bzip2, xz, zstd, zip or tar.

    Returns
    -------
    table : DataFrame
        Columns by their names without blanks around them; texts where not all are numbers.
    notes : list of str
        What was assumed.

    Raises
    ------
    FitError
        For whatever is no such table, is cut, or would be larger than LARGEST.
    """
    try:
        if not path.exists():
            raise FitError("there is no such table", where=str(path), fix=f"ls {path.parent}")
        if not path.is_file():
            raise FitError("a table is a file, this is none", where=str(path), fix=f"ls {path}")
        return _parsed(_unpacked(_bounded(path.open("rb"), str(path)), path), path)
    except FitError:
        raise
    except Exception as error:
        # One door for all that the libraries behind it may raise of a damaged file.
        what = " ".join(str(error).split())[:300] or type(error).__name__
        raise FitError(
            f"cannot read the table: {what}",
            where=str(path),
            fix="look at the file there, or save the table anew as CSV",
        ) from None


def _bounded(stream: BinaryIO, where: str) -> bytes:
    """All of a stream, which is closed then."""
    with stream:
        data = stream.read(LARGEST + 1)
    _refuse_large(len(data), where)
    return data


def _refuse_large(size: int, where: str) -> None:
    if size > LARGEST:
        raise FitError(
            f"the table is larger than {LARGEST / 2**20:.0f} MB when unpacked",
            where=where,
            fix="a row a run at one budget, without its learning curve, is enough",
        )


def _unpacked(data: bytes, path: Path) -> bytes:
    """What is inside of up to three packings, by their first bytes."""
    for _ in range(3):
        if data.startswith(b"PK\x03\x04"):
            data = _of_zip(data, path)
        elif data[257:262] == b"ustar":
            data = _of_tar(data, path)
        elif (stream := _decompressor(data)) is not None:
            try:
                data = _bounded(stream, str(path))
            except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
                raise FitError(
                    f"the compressed table is cut or damaged: {error}",
                    where=str(path),
                    fix="copy or download it anew",
                ) from None
        else:
            break
    return data


def _decompressor(data: bytes) -> BinaryIO | None:
    if data.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=io.BytesIO(data))
    if data.startswith(b"BZh"):
        return bz2.BZ2File(io.BytesIO(data))
    if data.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMAFile(io.BytesIO(data))
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        import pyarrow  # half a second, for the few that need it

        return pyarrow.CompressedInputStream(pyarrow.BufferReader(data), "zstd")
    return None


def _of_zip(data: bytes, path: Path) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name, what in WORKBOOKS.items():
            if name in archive.namelist():
                raise FitError(f"{what} is no table", where=str(path), fix="save the sheet as CSV")
        members = [m for m in archive.infolist() if _visible(m.filename) and not m.is_dir()]
        _single([m.filename for m in members], path)
        if members[0].flag_bits & 1:
            raise FitError("the archive is encrypted", where=str(path), fix="unpack it first")
        return _bounded(archive.open(members[0]), str(path))


def _of_tar(data: bytes, path: Path) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = [m for m in archive.getmembers() if _visible(m.name) and m.isfile()]
        _single([m.name for m in members], path)
        return _bounded(archive.extractfile(members[0]), str(path))


def _visible(name: str) -> bool:
    """Not what systems put beside the files of an archive."""
    return not name.startswith("__MACOSX") and not name.rpartition("/")[2].startswith(".")


def _single(names: list[str], path: Path) -> None:
    if len(names) != 1:
        some = ", ".join(names[:5]) + ", ..." * (len(names) > 5)
        raise FitError(
            f"the archive holds {len(names)} files{': ' * bool(names)}{some}",
            where=str(path),
            fix="unpack it and name one table",
        )


def _parsed(data: bytes, path: Path) -> tuple[pd.DataFrame, list[str]]:
    for start, (what, remedy) in REFUSED.items():
        if data.startswith(start):
            raise FitError(f"this is {what}", where=str(path), fix=remedy)
    if not data.strip():
        raise FitError("the table is empty", where=str(path))
    if data.startswith((b"PAR1", b"ARROW1")):
        table, notes = _columnar(data, path), []
    else:
        table, notes = text.parse(data, str(path))
    table.columns = [str(name).strip() for name in table.columns]
    twice = sorted(set(table.columns[table.columns.duplicated()]))
    if twice:
        raise FitError(f"several columns are called {', '.join(twice)}", where=str(path))
    return table.reset_index(drop=True), notes


def _columnar(data: bytes, path: Path) -> pd.DataFrame:
    """Parquet or Feather (Arrow's own file format)."""
    import pyarrow
    from pyarrow import dataset, parquet

    # Threads would start under the limit of memory.
    if data.startswith(b"PAR1"):
        file = parquet.ParquetFile(pyarrow.BufferReader(data))
        rows, columns, read = file.metadata.num_rows, file.metadata.num_columns, file.read
        options = {"use_threads": False}
    else:
        fragment = dataset.IpcFileFormat().make_fragment(pyarrow.BufferReader(data))
        file = pyarrow.ipc.open_file(
            pyarrow.BufferReader(data), options=pyarrow.ipc.IpcReadOptions(use_threads=False)
        )
        rows, columns, read = fragment.count_rows(), len(file.schema), file.read_all
        options = {}
    # What is packed may claim any size, and a million rows of one value take no bytes in the file.
    _refuse_large(8 * rows * columns, str(path))
    try:
        with _at_most(2 * LARGEST):
            arrow = read(**options)
            _refuse_large(arrow.nbytes, str(path))
            # A damaged length leads beyond the file: reading it would end the process.
            arrow.validate(full=True)
            table = arrow.to_pandas(use_threads=False)
    except MemoryError:
        _refuse_large(LARGEST + 1, str(path))
    named = [name for name in table.index.names if name is not None]
    return table.reset_index(level=named) if named else table


@contextmanager
def _at_most(size: int) -> Iterator[None]:
    """A limit to the memory that this process may add, where Linux tells what it has."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = pages * resource.getpagesize() + size
    if soft != resource.RLIM_INFINITY:
        limit = min(limit, soft)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
