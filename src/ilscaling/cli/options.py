"""Options that several verbs have, and the section of a study that they name."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ilscaling.errors import ParamsError

if TYPE_CHECKING:  # their import takes longer than all of `ilscaling --help`
    from ilscaling.domains.domain import Domain
    from ilscaling.params import Section

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


def section(path: Path, game: str) -> "Section":
    """The game's section of a parameter file; raises ParamsError for one that is not there."""
    from ilscaling import params

    study = params.read(path)
    if game not in study.games:
        raise ParamsError(
            f"no game {game!r} in the study",
            where=f"{path}: games",
            fix=f"--game {next(iter(study.games))}",
        )
    return study.games[game]


def domain(section: "Section") -> "Domain":
    """The domain of a section."""
    from ilscaling import registry

    return registry.get("DOMAIN", section.domain)
