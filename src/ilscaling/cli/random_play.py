"""The verb that measures uniformly random play."""

from pathlib import Path
from typing import Annotated

import typer

from ilscaling import files
from ilscaling.cli import job as jobs
from ilscaling.cli.options import PARAMS, GameName, ParamsFile, Threads
from ilscaling.cli.sections import section


def random_play(
    game: GameName,
    out: Annotated[Path, typer.Option(help="JSON to write.")],
    path: ParamsFile = PARAMS,
    threads: Threads = 1,
) -> None:
    """Measure the return of uniformly random play."""
    from ilscaling import games
    from ilscaling.measuring.reference import random_play as play

    jobs.begin(out)
    settings = section(path, game)
    wanted = settings.evaluation
    summary = play(
        settings.domain,
        games.name(game, settings),
        settings.emulator,
        episodes=wanted.random_episodes,
        lanes=wanted.lanes,
        seed=wanted.seed,
        threads=threads,
    )
    files.write_json(out, files.seal(summary))
