"""The verb that trains an expert."""

from pathlib import Path
from typing import Annotated

import typer

from ilscaling.cli import job as jobs
from ilscaling.cli.experts import section_of
from ilscaling.cli.options import PARAMS, GameName, Gpus, ParamsFile, Study, Threads
from ilscaling.cli.sections import domain


def train_expert(
    game: GameName,
    out: Annotated[Path, typer.Option(help="The policy to write (.safetensors).")],
    work: Annotated[Path, typer.Option(help="Checkpoints and TensorBoard log; resumed from.")],
    path: ParamsFile = PARAMS,
    study: Study = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    gpus: Gpus = 1.0,
    threads: Threads = 1,
) -> None:
    """Train an Atari expert by PPO and export its policy."""
    jobs.begin(work / "work", whole_folder=True, gpus=gpus)
    settings = section_of(game, path, study)
    domain(settings).train_expert(game, settings, out, work, device=device, threads=threads)
    print(out)
