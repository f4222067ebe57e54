"""Verbs that make demonstrations of an expert's play."""

from pathlib import Path
from typing import Annotated

import typer

from ilscaling import files
from ilscaling.cli.options import PARAMS, GameName, ParamsFile, Threads, section
from ilscaling.domains.atari import section as atari_section
from ilscaling.domains.gymnasium import section as gymnasium_section
from ilscaling.domains.nethack import section as nethack_section
from ilscaling.errors import ParamsError


def record(
    game: GameName,
    job: Annotated[int, typer.Option(help="Which of the recording jobs.", min=0)],
    out: Annotated[Path, typer.Option(help="The part (.zip). NetHack: the folder.")],
    expert: Annotated[Path | None, typer.Option(help="Atari: expert (.safetensors).")] = None,
    path: ParamsFile = PARAMS,
    threads: Threads = 1,
) -> None:
    """Record one part of the demonstrations: whole episodes over seeds of its own.

    Atari: a trained expert plays. NetHack: the built-in bot plays and NetHack records it, in the
    layout of NLD, for 'ilscaling ingest'. A game of an extension: the extension's expert plays.
    """
    from ilscaling.games.jobs import job as share

    settings = section(path, game)
    wanted = settings.demonstrations
    if job >= wanted.jobs:
        raise ParamsError(
            f"there is no job {job} of {wanted.jobs}",
            where=f"{path}: games.{game}.demonstrations.jobs",
            fix=f"--job {wanted.jobs - 1}",
        )
    seeds, steps = share(wanted, settings.emulator.max_steps, job)
    if isinstance(settings, nethack_section.NetHack):
        from ilscaling.domains.nethack.recording import record_games

        record_games(settings.emulator, seeds=seeds, steps=steps, out=out)
        return
    if isinstance(settings, gymnasium_section.Gymnasium):
        from ilscaling.domains.gymnasium import record as gymnasium

        gymnasium.record(
            settings.expert,
            settings.game,
            settings.emulator,
            seeds=seeds,
            lanes=wanted.lanes,
            steps=steps,
            out=out,
        )
        return
    if expert is None:
        raise ParamsError("an Atari expert is wanted", where="--expert", fix="--expert FILE")
    from ilscaling import games
    from ilscaling.domains.atari import record as atari

    atari.record(
        expert,
        games.name(game, settings),
        settings.emulator,
        temperature=settings.expert.temperature,
        min_return=settings.expert.min_return,
        seeds=seeds,
        lanes=wanted.lanes,
        steps=steps,
        out=out,
        threads=threads,
    )


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
    from ilscaling.domains.nethack import ingest as reading

    settings = section(path, game, nethack_section.NetHack)
    summary = reading.ingest(
        nld,
        out,
        settings=settings.demonstrations,
        recordings=settings.expert.recordings,
        processes=processes,
    )
    if stamp:
        files.write_json(stamp, summary)


def shard(
    game: GameName,
    parts: Annotated[list[Path], typer.Argument(help="Parts by 'ilscaling record'.")],
    out: Annotated[Path, typer.Option(help="The store to write (demos.zarr).")],
    path: ParamsFile = PARAMS,
    stamp: Annotated[Path | None, typer.Option(help="Also write a summary to this file.")] = None,
) -> None:
    """Assemble parts into sharded Zarr demonstrations, split by whole episodes."""
    from ilscaling.store import shard as assembling

    settings = section(path, game, atari_section.Atari, gymnasium_section.Gymnasium).demonstrations
    attrs = assembling.shard(parts, out, settings=settings)
    if stamp:
        files.write_json(stamp, attrs)


def verify(demos: Annotated[Path, typer.Argument(help="Demonstrations (demos.zarr).")]) -> None:
    """Check every shard of a store against its recorded SHA-256."""
    from ilscaling import store

    store.verify(demos)
    print(f"{demos}: every shard is as it was written")
