"""What a verb may write over: its own earlier files, never what it reads or others made."""

import itertools
import os
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

import typer

from ilscaling import files
from ilscaling.errors import DamagedFile, WorkflowError

# Options of any verb that name what it writes.
WRITTEN = ("out", "metrics", "csv", "stamp")
# Verbs whose --out is a folder, or may be one.
FOLDERS = ("fit", "figures", "ingest", "keys", "record", "shard")


class Verb(typer.core.TyperCommand):
    """A verb, which is refused before it begins if it would write over what it reads, or a file in
    the place of a folder."""

    def invoke(self, ctx) -> object:
        """Look at the files that the options name, then run the verb."""
        given = {name: value for name, value in ctx.params.items() if value}
        written = {name: Path(given.pop(name)) for name in WRITTEN if name in given}
        for name, out in written.items():
            others = [path for of, path in written.items() if of != name]
            refuse_read(out, *others, *_named(given.values()), option=f"--{name}")
            if name != "out" or self.name not in FOLDERS:
                refuse_no_file(out, option=f"--{name}")
        return super().invoke(ctx)


def refuse_read(out: Path, *read: Path, option: str = "--out") -> None:
    """Raise WorkflowError if a file to write is one that is read, or the record beside an expert.

    Parameters
    ----------
    out
        To be written.
    read
        What the verb reads.
    option
        That names `out`.
    """
    if not out.is_file():
        return
    experts = (path for path in read if path.suffix == ".safetensors")
    for path in (*read, *(path.with_suffix(".json") for path in experts)):
        if path.is_file() and out.samefile(path):
            raise WorkflowError(
                "this would write over what it reads",
                where=str(out),
                fix=f"{option} {out.with_stem(out.stem + '_new')}",
            )


def refuse_no_file(out: Path, *, option: str = "--out") -> None:
    """Raise WorkflowError if what is there is no file.

    Parameters
    ----------
    out
        A file to be written.
    option
        That names it.
    """
    if out.is_file() or not out.exists():
        return
    if out.is_dir():
        raise WorkflowError(
            "a file is wanted, this is a folder", where=str(out), fix=f"{option} {out / 'NAME'}"
        )
    raise WorkflowError(
        "a file is wanted, this is a device or a pipe", where=str(out), fix=f"{option} out.csv"
    )


def refuse_foreign(out: Path, names: Sequence[str], mark: str, *read: Path) -> None:
    """Raise WorkflowError if a folder holds files of the names to write, but no earlier result.

    Parameters
    ----------
    out
        The folder.
    names
        Files and folders that will be written in it.
    mark
        The JSON file, a list of records with `game`, that says the folder to be an earlier result.
    read
        What the verb reads.
    """
    _refuse_file(out)
    there = [name for name in names if (out / name).exists()]
    is_read = any((out / name).samefile(path) for name in there for path in read if path.exists())
    if is_read or (there and not _is_ours(out / mark)):
        raise WorkflowError(
            f"this would write over what is not of an earlier fit: {', '.join(there[:5])}",
            where=str(out),
            fix=f"--out {_other(out)}",
        )


def refuse_folder(out: Path, mark: str, *read: Path) -> None:
    """Raise WorkflowError unless a folder is new, empty or of an earlier run of the verb.

    Parameters
    ----------
    out
        The folder, in which files of any name may be written.
    mark
        The file that the verb leaves there.
    read
        What the verb reads, which may not stand in it.
    """
    _refuse_file(out)
    if not out.exists():
        return
    is_read = any(path.exists() and path.resolve().parent == out.resolve() for path in read)
    if is_read or (any(out.iterdir()) and not (out / mark).is_file()):
        raise WorkflowError(
            "this may write over what is there",
            where=str(out),
            fix=shlex.join(["--out", str(out / "figures")]),
        )


def refuse_neighbour(store: Path) -> None:
    """Raise WorkflowError if another store stands in the folder, whose account beside it, one a
    folder, would be lost.

    Parameters
    ----------
    store
        To be written.
    """
    if not store.name:
        raise WorkflowError("a store has a name", where=str(store), fix="--out demos.zarr")
    account = store.parent / "ingest.json"
    others = [path for path in store.parent.glob("*.zarr") if path != store]
    if account.exists() and (others or not _is_account(account)):
        of = others[0].name if others else "another origin"
        raise WorkflowError(
            f"ingest.json of {of} is here, and a folder has one",
            where=str(store.parent),
            fix=f"--out {store.with_suffix('') / store.name}",
        )


def free(file: Path) -> Path:
    """A path that nothing stands at: `file`, or the first of file-2, file-3, ...

    Parameters
    ----------
    file
        A name that nobody gave.
    """
    tried = (file.with_stem(f"{file.stem}-{number}") for number in itertools.count(2))
    return file if not file.exists() else next(path for path in tried if not path.exists())


def _named(values: Iterable[object]) -> list[Path]:
    """What may be files among the values of options."""
    several = (value if isinstance(value, list | tuple) else [value] for value in values)
    texts = (text for value in several for text in value if isinstance(text, str | Path))
    return [Path(text) for text in texts if len(os.fsencode(Path(text).name)) < 256]


def _refuse_file(out: Path) -> None:
    """Raise WorkflowError for a file where a folder is to be."""
    if out.exists() and not out.is_dir():
        raise WorkflowError(
            "a folder is wanted, this is a file", where=str(out), fix=f"--out {_other(out)}"
        )


def _other(out: Path) -> str:
    return str(out / "laws") if out.is_dir() else f"{out}_laws"


def _is_account(path: Path) -> bool:
    try:
        return "splits" in files.read_json(path)
    except (OSError, DamagedFile):
        return False


def _is_ours(path: Path) -> bool:
    try:
        records = files.read_json(path, list)
    except (OSError, DamagedFile):
        return False
    return all(isinstance(record, dict) and "game" in record for record in records)
