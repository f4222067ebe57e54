"""The verb that records an expert's play."""

from pathlib import Path
from typing import Annotated

import typer

from ilscaling.cli import job as jobs
from ilscaling.cli.options import PARAMS, GameName, ParamsFile, Threads
from ilscaling.cli.sections import domain, section
from ilscaling.errors import ParamsError


def record(
    game: GameName,
    job: Annotated[int, typer.Option(help="Which of the recording jobs.", min=0)],
    out: Annotated[Path, typer.Option(help="The recording (.zip). NetHack, BabyAI: the folder.")],
    expert: Annotated[Path | None, typer.Option(help="Atari: expert (.safetensors).")] = None,
    path: ParamsFile = PARAMS,
    threads: Threads = 1,
) -> None:
    """Record one job's share of the demonstrations: whole episodes over seeds of its own.

    Atari: a trained expert plays. NetHack: the built-in bot plays and NetHack records it, in the
    layout of NLD, for 'ilscaling ingest'. An extension's expert may play any game.
    """
    jobs.begin(out)
    settings = section(path, game)
    count = settings.demonstrations.jobs
    if job >= count:
        raise ParamsError(
            f"there is no job {job} of {count}",
            where=f"{path}: games.{game}.demonstrations.jobs",
            fix=f"--job {count - 1}",
        )
    domain(settings).record(game, settings, job, out, expert=expert, threads=threads)
