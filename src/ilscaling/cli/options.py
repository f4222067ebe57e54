"""Options that several verbs have."""

from pathlib import Path
from typing import Annotated

import typer

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
Gpus = Annotated[float, typer.Option(help="GPUs, or the share of one.", min=0)]
ExpertFile = Annotated[
    Path | None, typer.Option(help="File of the expert, if it is asked and reads one.")
]
