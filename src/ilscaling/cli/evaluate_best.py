"""The verb that plays more episodes of the cells of each budget's best size."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ilscaling import files
from ilscaling.cli import job as jobs
from ilscaling.cli.options import PARAMS, Demos, ExpertFile, GameName, Gpus, ParamsFile, Threads
from ilscaling.cli.sections import domain, section
from ilscaling.errors import ParamsError


def evaluate_best(
    game: GameName,
    run: Annotated[
        list[Path], typer.Option(help="List of a run's cells, by 'ilscaling train'; of all runs.")
    ],
    measured: Annotated[
        list[Path],
        typer.Option(help="List of its measured cells, by 'ilscaling evaluate'; of all runs."),
    ],
    demos: Demos,
    out: Annotated[Path, typer.Option(help="List of the cells; records beside it.")],
    path: ParamsFile = PARAMS,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    gpus: Gpus = 1.0,
    threads: Threads = 1,
    expert: ExpertFile = None,
) -> None:
    """Measure the cells of the lowest dev loss at each budget by more episodes."""
    jobs.begin(out, whole_folder=True, gpus=gpus)
    from ilscaling.learning import precision
    from ilscaling.measuring import best

    settings = section(path, game)
    if not settings.evaluation.further:
        raise ParamsError(
            "the best cells are to play no more episodes than others",
            where=f"{path}: games.{game}.evaluation.best_episodes",
            fix=f"best_episodes: {4 * settings.evaluation.episodes}",
        )
    asked = partial(domain(settings).asked, game, settings, expert)
    listed = best.evaluate_best(
        [file for part in measured for file in files.read_list(part).values()],
        [file for part in run for file in files.read_list(part).values()],
        demos,
        settings.evaluation,
        settings.emulator,
        out.parent,
        device=precision.device(device),
        threads=threads,
        expert=asked if settings.evaluation.own_states else None,
    )
    files.write_json(out, listed)
