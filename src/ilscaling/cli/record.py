"""The verb that records an expert's play."""

from pathlib import Path
from typing import Annotated

import typer

from ilscaling.cli import job as jobs
from ilscaling.cli.options import PARAMS, GameName, ParamsFile, Threads
from ilscaling.cli.sections import section
from ilscaling.domains.gymnasium import section as gymnasium_section
from ilscaling.domains.nethack import section as nethack_section
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
    layout of NLD, for 'ilscaling ingest'. A game of an extension: the extension's expert plays.
    """
    from ilscaling.games.jobs import job as share

    jobs.begin(out)
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
