"""Verbs of a store of demonstrations: its making of recorded parts, its verification."""

from pathlib import Path
from typing import Annotated

import typer

from ilscaling import files
from ilscaling.cli import job as jobs
from ilscaling.cli.options import PARAMS, GameName, ParamsFile
from ilscaling.cli.sections import section


def shard(
    game: GameName,
    recordings: Annotated[list[Path], typer.Argument(help="Recordings by 'ilscaling record'.")],
    out: Annotated[Path, typer.Option(help="The store to write (demos.zarr).")],
    path: ParamsFile = PARAMS,
    stamp: Annotated[Path | None, typer.Option(help="Also write a summary to this file.")] = None,
) -> None:
    """Assemble recordings into sharded Zarr demonstrations, split by whole episodes."""
    from ilscaling.store import shard as assembling

    jobs.begin(out)
    settings = section(path, game).demonstrations
    attrs = assembling.shard(recordings, out, settings=settings)
    if stamp:
        files.write_json(stamp, attrs)


def verify(demos: Annotated[Path, typer.Argument(help="Demonstrations (demos.zarr).")]) -> None:
    """Check every shard of a store against its recorded SHA-256."""
    from ilscaling import store

    store.verify(demos)
    print(f"{demos}: every shard is as it was written")
