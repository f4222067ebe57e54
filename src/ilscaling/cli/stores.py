"""Demonstrations that a person names: nobody is told to remove what is not ours."""

import shlex
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from ilscaling import files
from ilscaling.errors import DamagedFile, StoreError


def verify(demos: Annotated[Path, typer.Argument(help="Demonstrations (demos.zarr).")]) -> None:
    """Check every shard of a store against its recorded SHA-256."""
    from ilscaling.cli import shard

    refuse_other(demos, "verify")
    shard.verify(demos)


def refuse_other(path: Path, verb: str) -> None:
    """Raise StoreError for what is no store of ours, whole or damaged.

    Parameters
    ----------
    path
        What a person named.
    verb
        Which may be meant for a store inside.
    """
    if not path.exists():
        raise StoreError(
            "there are no demonstrations", where=str(path), fix=shlex.join(["ls", str(path.parent)])
        )
    if not path.is_dir():
        raise StoreError(
            "demonstrations are a folder, such as demos.zarr, not this",
            where=str(path),
            fix="ls -d data/demonstrations/*/demos.zarr",
        )
    if path.parent.parent.name == "demonstrations" or _is_ours(path / "zarr.json"):
        return
    # As deep as from a project to a store, and no deeper: a disk may be what was named.
    levels = (sorted(path.glob(f"{'*/' * depth}demos.zarr")) for depth in range(4))
    inside = next(chain.from_iterable(levels), None)
    raise StoreError(
        "no demonstrations of ours: its zarr.json is missing or another's",
        where=str(path),
        fix=shlex.join(["ilscaling", verb, str(inside)])
        if inside
        else shlex.join(["ls", str(path)]),
    )


def _is_ours(root: Path) -> bool:
    try:
        attributes = files.read_json(root)["attributes"]
        return str(attributes["format"]).startswith("ilscaling-demos")
    except (OSError, DamagedFile, KeyError, TypeError):
        return False
