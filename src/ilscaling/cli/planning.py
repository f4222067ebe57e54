"""Verbs that say what a study costs before it runs."""

import os
from pathlib import Path
from typing import Annotated

import typer

from ilscaling import files
from ilscaling.cli.options import PARAMS, ParamsFile, Study
from ilscaling.errors import ParamsError


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
    precision: Annotated[
        bool,
        typer.Option("--precision", help="Instead: what more seeds would buy, once it has run."),
    ] = False,
    table: Annotated[
        Path | None, typer.Option(help="Of --precision: another results table than the study's.")
    ] = None,
) -> None:
    """Print what the study costs before anything runs: cells, FLOPs, epochs, time, disk, memory."""
    from ilscaling import grid, params
    from ilscaling.plan import devices, speed, text

    _refuse_idle(device, gpus, mfu, precision, table)
    study_params = params.read(path, *(study or []))
    named = None if device is None else devices.device(device)
    planned = grid.cells(study_params)
    if csv or cells:
        import pandas as pd  # takes longer to import than all else here

        listed = pd.DataFrame(grid.table(planned))
    if csv:
        with files.atomic(csv) as temporary:
            listed.to_csv(temporary, index=False)
    if cells:
        shown = listed.drop(columns=["family", "rate"])
        print(shown.to_string(index=False, float_format="%.4g"), end="\n\n")
    here = speed_here(study_params, calibrate=calibrate)
    fast = here if named is None else speed.estimate(named, here, mfu or speed.MFU)
    # The machine that has the named GPUs is not this one.
    usual = gpus * text.CORES_A_GPU if named else len(os.sched_getaffinity(0))
    machine = text.Machine(cores or usual, gpus if named else 0, fast)
    made = text.make(study_params, planned, machine)
    if precision:
        print(
            bought(study_params, made, table or Path(f"results/{study_params.study}/results.csv"))
        )
    else:
        print(text.show(made))


def _refuse_idle(
    device: str | None, gpus: int, mfu: float | None, precision: bool, table: Path | None
) -> None:
    """Raise ParamsError for an option that would change nothing here."""
    idle = [
        (device is None and gpus != 1, "--gpus", "--device a100"),
        (device is None and mfu is not None, "--mfu", "--device a100"),
        (table is not None and not precision, "--table", "--precision"),
    ]
    for is_idle, option, needed in idle:
        if is_idle:
            raise ParamsError(
                f"{option} says nothing without {needed.split()[0]}", where="plan", fix=needed
            )


def bought(study, made, path: Path) -> str:
    """What more seeds would buy, for people.

    Parameters
    ----------
    study : params.Params
        Whose laws say how is fitted.
    made : plan.text.Plan
        What it costs.
    path
        A results table of it.

    Raises
    ------
    FitError
        If there is no table.
    """
    from ilscaling import tables
    from ilscaling.errors import FitError
    from ilscaling.laws.more_seeds import precision

    if not path.exists():
        raise FitError(
            "there is no table of this study, which says how much its runs deviate",
            where=str(path),
            fix="--table RUNS.csv   or, to run the study first, snakemake --cores all",
        )
    costs = {row["game"]: row for row in made.rows}
    lines = []
    known = precision(tables.read_table(path), study.laws)
    for game, rows in known.groupby("game", sort=False):
        lines.append(f"{game}: N_opt's exponent, by seeds of every size")
        lines.append(f"{'seeds':>7} {'runs':>6} {rows['level'].iloc[0]:>7.0%} interval  core-hours")
        for row in rows.itertuples():
            half = row.reason or f"+- {row.half:.3f}"
            hours = ""
            if game in costs:
                cost, now = costs[game], len(study.games[game].grid.seeds)
                each = (cost["train_h"] + cost["evaluate_h"]) / now
                hours = f"{cost['total_h'] + (row.seeds - now) * each:.1f}"
            mark = "  (now)" if game in costs and row.seeds == now else ""
            lines.append(f"{row.seeds:>7} {row.runs:>6} {half:>16}  {hours:>10}{mark}")
        lines.append("")
    lines.append(
        "as this table's runs deviate: with few runs that is itself known to a factor of two\n"
        f"core-hours: {made.machine.speed.origin}"
    )
    return "\n".join(lines)


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
