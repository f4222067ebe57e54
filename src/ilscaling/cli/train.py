"""Verbs that train the runs of a grid."""

from pathlib import Path
from typing import Annotated

import typer

from ilscaling import files
from ilscaling.cli import job as jobs
from ilscaling.cli.options import (
    PARAMS,
    Demos,
    ExpertFile,
    GameName,
    Gpus,
    ParamsFile,
    TrainThreads,
)
from ilscaling.cli.sections import section
from ilscaling.errors import ParamsError

# What a budget's own part writes: names before the budget's.
BRANCH_FILES = ("", "state-", "curve-", "timing-", "algorithm-")


def _cells_of(path: Path, game: str, size: int, seed: int) -> tuple:
    """Settings of a game, and the declared cells of a run in its grid."""
    from ilscaling import grid, params

    study = params.read(path)
    settings = section(path, game)
    run = grid.Run(game, settings.grid.family, size, seed)
    only = study.model_copy(update={"games": {game: settings}})
    cells = grid.by_run(grid.cells(only)).get(run)
    if not cells:
        raise ParamsError(
            f"{run.name} has no cell in the grid of {game}",
            where=f"{path}: games.{game}.grid",
            fix="ilscaling plan",
        )
    return settings, cells


def train(
    game: GameName,
    size: Annotated[int, typer.Option(help="The family's size dial.", min=1)],
    demos: Demos,
    out: Annotated[Path, typer.Option(help="List of the run's cells; snapshots beside it.")],
    seed: Annotated[int, typer.Option(help="Of weights and sample order.", min=0)] = 0,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            help="Of these budgets alone, as their files are called (of a rate that falls)."
        ),
    ] = None,
    trunk: Annotated[
        Path | None, typer.Option(help="Folder by 'ilscaling trunk'; default: beside the list.")
    ] = None,
    path: ParamsFile = PARAMS,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    gpus: Gpus = 1.0,
    threads: TrainThreads = None,
    expert: ExpertFile = None,
) -> None:
    """Train one run by its algorithm, with a snapshot at every budget; resumes after a kill.

    On several devices: torchrun --standalone --nproc-per-node 2 -m ilscaling train ...
    """
    own = tuple(f"{kind}{name}" for name in budget or () for kind in BRANCH_FILES)
    jobs.begin(out, whole_folder=not budget, gpus=gpus, beside=own)
    from ilscaling import store
    from ilscaling.learning import precision, ranks
    from ilscaling.learning import run as learning

    settings, cells = _cells_of(path, game, size, seed)
    names = {cell.name for cell in cells}
    if unknown := set(budget or ()) - names:
        raise ParamsError(
            f"no cell of the run at {', '.join(sorted(unknown))}",
            where="--budget",
            fix=f"its budgets are: {', '.join(cell.name for cell in cells)}",
        )
    wanted = [cell for cell in cells if not budget or cell.name in budget]
    with ranks.join(precision.device(device)) as team:
        learning.run(
            store.open_split(demos, "train"),
            settings.train,
            wanted,
            out.parent,
            section=settings,
            device=device,
            threads=threads,
            team=team,
            expert=expert,
            **({} if trunk is None else {"trunk": trunk}),
        )
    if not team.first:
        return
    records = [f"{cell.name}.json" for cell in wanted]
    files.write_json(out, {name: files.sha256(out.parent / name) for name in records})


def trunk(
    game: GameName,
    size: Annotated[int, typer.Option(help="The family's size dial.", min=1)],
    demos: Demos,
    out: Annotated[Path, typer.Option(help="List of the states; they stand beside it.")],
    seed: Annotated[int, typer.Option(help="Of weights and sample order.", min=0)] = 0,
    path: ParamsFile = PARAMS,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    gpus: Gpus = 1.0,
    threads: TrainThreads = None,
    expert: ExpertFile = None,
) -> None:
    """What the cells of a run share, with a state wherever one branches off (schedule wsd)."""
    jobs.begin(out, whole_folder=True, gpus=gpus)
    from ilscaling import store
    from ilscaling.learning import precision, ranks
    from ilscaling.learning import run as learning

    settings, cells = _cells_of(path, game, size, seed)
    with ranks.join(precision.device(device)) as team:
        left = learning.run_trunk(
            store.open_split(demos, "train"),
            settings.train,
            cells,
            out.parent,
            section=settings,
            device=device,
            threads=threads,
            team=team,
            expert=expert,
        )
    if team.first:
        files.write_json(out, left)
