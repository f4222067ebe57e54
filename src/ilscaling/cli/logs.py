"""The verb that passes a study's curves on to the loggers that people have."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from ilscaling.cli.options import PARAMS, ParamsFile, Study
from ilscaling.errors import WorkflowError

PAUSE = 10.0  # seconds


def logs(
    tensorboard: Annotated[
        Path | None, typer.Option(help="Folder for TensorBoard's event files.")
    ] = None,
    wandb: Annotated[
        Path | None,
        typer.Option(help="Folder for runs of Weights & Biases: offline, or as WANDB_MODE says."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on until the study has ended, or until Ctrl-C.")
    ] = False,
    path: ParamsFile = PARAMS,
    study: Study = None,
) -> None:
    """Show learning curves and measurements of a study in TensorBoard or Weights & Biases."""
    if tensorboard is None and wandb is None:
        raise WorkflowError("no logger is named", fix="--tensorboard DIR   or --wandb DIR")
    from ilscaling import params
    from ilscaling.pipeline import loggers
    from ilscaling.pipeline.keys import Keys

    keys = Keys(params.read(path, *(study or [])))
    wanted = [loggers.TensorBoard(tensorboard)] if tensorboard else []
    wanted += [loggers.WandB(wandb, project=keys.params.study)] if wandb else []
    follower = loggers.Follower(keys, wanted)
    try:
        rows = follower.step()
        while follow and not follower.complete:
            time.sleep(PAUSE)
            rows += follower.step()
        # What came between the last step and the end of the study.
        rows += follower.step() if follow else 0
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    finally:
        runs = len(follower.opened)
        follower.close()
    if not runs:
        raise WorkflowError(
            f"the study {keys.params.study} has no learning curve yet",
            where="data/runs",
            fix="snakemake --cores all, and --follow beside it",
        )
    print(f"{rows} rows of {runs} runs")
    if tensorboard:
        print(f"    tensorboard --logdir {tensorboard}")
    if wandb:
        print(f"    wandb sync {wandb}/wandb/offline-run-*")
