"""Verbs that make demonstrations of an expert's play."""

from pathlib import Path
from typing import Annotated

import typer

from ilscaling import files
from ilscaling.cli.options import PARAMS, GameName, ParamsFile, Threads, domain, section
from ilscaling.errors import ParamsError


def record(
    game: GameName,
    job: Annotated[int, typer.Option(help="Which of the recording jobs.", min=0)],
    out: Annotated[Path, typer.Option(help="The recording (.zip). NetHack: the folder.")],
    expert: Annotated[Path | None, typer.Option(help="Atari: expert (.safetensors).")] = None,
    path: ParamsFile = PARAMS,
    threads: Threads = 1,
) -> None:
    """Record one job's share of the demonstrations: whole episodes over seeds of its own.

    Atari: a trained expert plays. NetHack: the built-in bot plays and NetHack records it, in the
    layout of NLD, for 'ilscaling ingest'. An extension's expert may play any game.
    """
    settings = section(path, game)
    jobs = settings.demonstrations.jobs
    if job >= jobs:
        raise ParamsError(
            f"there is no job {job} of {jobs}",
            where=f"{path}: games.{game}.demonstrations.jobs",
            fix=f"--job {jobs - 1}",
        )
    domain(settings).record(game, settings, job, out, expert=expert, threads=threads)


def ingest(
    nld: Annotated[Path, typer.Option(help="Folder of recorded games in the layout of NLD.")],
    out: Annotated[Path, typer.Option(help="The store to write (demos.zarr).")],
    game: GameName = "nethack",
    path: ParamsFile = PARAMS,
    processes: Annotated[int, typer.Option(help="Games are read in parallel.", min=1)] = 1,
    stamp: Annotated[Path | None, typer.Option(help="Also write a summary to this file.")] = None,
) -> None:
    """Make demonstrations of recorded NetHack games, the bot's, NLD-AA or anybody's.

    Beside the store stands ingest.json: every game, kept or left out and why.
    """
    settings = section(path, game)
    summary = domain(settings).ingest(settings, nld, out, processes=processes)
    if stamp:
        files.write_json(stamp, summary)


def shard(
    game: GameName,
    recordings: Annotated[list[Path], typer.Argument(help="Recordings by 'ilscaling record'.")],
    out: Annotated[Path, typer.Option(help="The store to write (demos.zarr).")],
    path: ParamsFile = PARAMS,
    stamp: Annotated[Path | None, typer.Option(help="Also write a summary to this file.")] = None,
) -> None:
    """Assemble recordings into sharded Zarr demonstrations, split by whole episodes."""
    from ilscaling.store import shard as assembling

    settings = section(path, game).demonstrations
    attrs = assembling.shard(recordings, out, settings=settings)
    if stamp:
        files.write_json(stamp, attrs)


def verify(demos: Annotated[Path, typer.Argument(help="Demonstrations (demos.zarr).")]) -> None:
    """Check every shard of a store against its recorded SHA-256."""
    from ilscaling import store

    store.verify(demos)
    print(f"{demos}: every shard is as it was written")
