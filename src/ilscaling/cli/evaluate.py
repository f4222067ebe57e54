"""The verb that measures the cells of a run."""

from pathlib import Path
from typing import Annotated

import typer

from ilscaling import files
from ilscaling.cli import job as jobs
from ilscaling.cli.options import PARAMS, Demos, ExpertFile, GameName, Gpus, ParamsFile, Threads
from ilscaling.cli.sections import domain, section


def evaluate(
    game: GameName,
    run: Annotated[
        list[Path], typer.Option(help="List of a run's cells, by 'ilscaling train'; or several.")
    ],
    demos: Demos,
    out: Annotated[Path, typer.Option(help="List of the measured cells; records beside it.")],
    path: ParamsFile = PARAMS,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    gpus: Gpus = 1.0,
    threads: Threads = 1,
    expert: ExpertFile = None,
) -> None:
    """Measure loss on the dev and test splits, and return, of every cell of a run."""
    jobs.begin(out, whole_folder=True, gpus=gpus)
    from ilscaling import measuring
    from ilscaling.learning import precision

    settings = section(path, game)
    wanted = settings.evaluation.own_states
    asked = domain(settings).asked(game, settings, expert) if wanted else None
    cells = {name: file for part in run for name, file in files.read_list(part).items()}
    names = sorted(cells, key=lambda name: float(name.removesuffix(".json")))
    measuring.evaluate_run(
        [cells[name] for name in names],
        demos,
        settings.evaluation,
        settings.emulator,
        out.parent,
        device=precision.device(device),
        threads=threads,
        expert=asked,
    )
    files.write_json(out, {name: files.sha256(out.parent / name) for name in names})
