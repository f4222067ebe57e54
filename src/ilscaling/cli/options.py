"""Options that several verbs have, and the section of a study that they name."""

from pathlib import Path
from typing import Annotated

import typer

from ilscaling import params
from ilscaling.errors import ParamsError

ParamsFile = Annotated[Path, typer.Option("--params", help="Parameter file.")]
Study = Annotated[
    list[Path] | None, typer.Option("--study", help="Overlay(s) of the parameter file.")
]
GameName = Annotated[str, typer.Option("--game", help="Game of the parameter file.")]
Demos = Annotated[Path, typer.Option("--demos", help="Demonstrations (demos.zarr).")]
Threads = Annotated[int, typer.Option(help="CPU threads.", min=1)]
TrainThreads = Annotated[
    int | None, typer.Option(help="CPU threads if train.threads is auto; all cores.", min=1)
]
PARAMS = Path("params.yaml")


def section(path: Path, game: str, *kinds: type[params.Model]) -> params.Section:
    """The game's section of a parameter file; raises ParamsError if it is of another kind."""
    study = params.read(path)
    if game not in study.games:
        raise ParamsError(
            f"no game {game!r} in the study",
            where=f"{path}: games",
            fix=f"--game {next(iter(study.games))}",
        )
    found = study.games[game]
    if kinds and not isinstance(found, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        fitting = [name for name, other in study.games.items() if isinstance(other, kinds)]
        raise ParamsError(
            f"this step is for games of {wanted}, {game!r} is of {type(found).__name__}",
            where=f"{path}: games.{game}.domain",
            fix=f"--game {fitting[0]}" if fitting else f"add a game of {wanted}",
        )
    return found
