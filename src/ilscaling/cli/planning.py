"""Verbs that say what a study costs before it runs."""

import os
from pathlib import Path
from typing import Annotated

import typer

from ilscaling import files
from ilscaling.cli.options import PARAMS, ParamsFile, Study


def plan(
    path: ParamsFile = PARAMS,
    study: Study = None,
    csv: Annotated[Path | None, typer.Option(help="Also write the cells to this file.")] = None,
    cells: Annotated[bool, typer.Option("--cells", help="Also list every cell.")] = False,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Measure this machine first, unless it was.")
    ] = False,
    device: Annotated[
        str | None, typer.Option(help="Estimate for this GPU, such as a100, from its peak.")
    ] = None,
    gpus: Annotated[int, typer.Option(help="GPUs at once.", min=1)] = 1,
    mfu: Annotated[
        float | None, typer.Option(help="Share of the peak that is reached.", min=1e-4, max=1.0)
    ] = None,
    cores: Annotated[
        int | None,
        typer.Option(help="CPU jobs at once; default: all here, with --device 8 a GPU.", min=1),
    ] = None,
) -> None:
    """Print what the study costs before anything runs: cells, FLOPs, epochs, time, disk, memory."""
    from ilscaling import grid, params
    from ilscaling.plan import devices, speed, text

    study_params = params.read(path, *(study or []))
    named = devices.device(device) if device else None
    planned = grid.cells(study_params)
    if csv or cells:
        import pandas as pd  # takes longer to import than all else here

        table = pd.DataFrame(grid.table(planned))
    if csv:
        with files.atomic(csv) as temporary:
            table.to_csv(temporary, index=False)
    if cells:
        shown = table.drop(columns=["family", "rate"])
        print(shown.to_string(index=False, float_format="%.4g"), end="\n\n")
    here = speed_here(study_params, calibrate=calibrate)
    fast = here if named is None else speed.estimate(named, here, mfu or speed.MFU)
    # The machine that has the named GPUs is not this one.
    usual = gpus * text.CORES_A_GPU if named else len(os.sched_getaffinity(0))
    machine = text.Machine(cores or usual, gpus if named else 0, fast)
    print(text.show(text.make(study_params, planned, machine)))


def speed_here(study, *, calibrate: bool):
    """The speed of this machine, as far as it was measured.

    Parameters
    ----------
    study : params.Params
        For which speeds are wanted.
    calibrate
        Measure first, unless it was.
    """
    from ilscaling.plan import speed

    if not calibrate and not any(speed.FOLDER.glob("*.json")):
        return speed.REFERENCE  # without torch, which takes longer to import than all of the plan
    from ilscaling import calibration

    return calibration.here(study, calibrate=calibrate)


def calibrate(
    path: ParamsFile = PARAMS,
    study: Study = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Measure how fast this machine plays, records and trains (half a minute), for the plan."""
    from ilscaling import calibration, params

    print(calibration.measure(params.read(path, *(study or [])), device=device))
