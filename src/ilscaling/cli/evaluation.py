"""Verbs that measure policies and random play."""

from pathlib import Path
from typing import Annotated

import typer

from ilscaling import files
from ilscaling.cli.options import PARAMS, Demos, GameName, ParamsFile, Threads, section


def evaluate(
    game: GameName,
    run: Annotated[Path, typer.Option(help="List of a run's cells, by 'ilscaling train'.")],
    demos: Demos,
    out: Annotated[Path, typer.Option(help="List of the measured cells; records beside it.")],
    path: ParamsFile = PARAMS,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    threads: Threads = 1,
) -> None:
    """Measure loss on the dev and test splits, and return, of every cell of a run."""
    from ilscaling import measuring
    from ilscaling.learning import precision

    settings = section(path, game)
    names = list(files.read_json(run))
    measuring.evaluate_run(
        [run.parent / name for name in names],
        demos,
        settings.evaluation,
        settings.emulator,
        out.parent,
        device=precision.device(device),
        threads=threads,
    )
    files.write_json(out, {name: files.sha256(out.parent / name) for name in names})


def random_play(
    game: GameName,
    out: Annotated[Path, typer.Option(help="JSON to write.")],
    path: ParamsFile = PARAMS,
    threads: Threads = 1,
) -> None:
    """Measure the return of uniformly random play."""
    from ilscaling import games
    from ilscaling.measuring.reference import random_play as play

    settings = section(path, game)
    wanted = settings.evaluation
    found = play(
        settings.domain,
        games.name(game, settings),
        settings.emulator,
        episodes=wanted.random_episodes,
        lanes=wanted.lanes,
        seed=wanted.seed,
        threads=threads,
    )
    files.write_json(out, found)
