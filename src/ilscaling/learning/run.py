"""Trains a run: every missing cell, from the furthest state that serves it.

A run folder holds, for each budget, `<budget>.safetensors` and `<budget>.json`; `curve.csv`, the
learning curve; `state.safetensors`, from which a killed or extended run goes on; and `timing.json`.
Where the rate falls, each cell has a `curve-<budget>.csv` and `timing-<budget>.json` of the way
there from the run's start. All but states and times are, on one CPU and thread count, a function of
data, settings and seed: the same bytes whether or not the run was interrupted.
"""

from collections.abc import Sequence
from pathlib import Path

from ilscaling import schedules
from ilscaling.grid import Cell
from ilscaling.learning import ranks
from ilscaling.learning.record import CellRecord
from ilscaling.learning.segments import leave
from ilscaling.learning.training_run import TrainingRun
from ilscaling.params import Section, Training
from ilscaling.store import Split


def run(
    split: Split,
    settings: Training,
    cells: Sequence[Cell],
    out: str | Path,
    *,
    section: Section | None = None,
    trunk: str | Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    team: ranks.Ranks = ranks.ALONE,
    expert: Path | None = None,
) -> list[CellRecord]:
    """Train one policy and write its snapshot at every budget.

    Complete cells of the same run are kept. At a constant rate training goes on from the saved
    state if no missing cell lies before it, and ends at the last missing one; a falling rate has a
    branch a budget (see `segments`).

    Parameters
    ----------
    split
        Demonstrations to train on.
    settings
        The section `train`.
    cells
        Of one run, by `grid`, budgets rising: their budgets, family, size and seed, which sets
        weights and sample order.
    out
        Folder of the run.
    section
        The whole section, for algorithms that play or have settings; None: behaviour cloning.
    trunk
        Folder of the trunk's states, `out`/trunk by default; those that are missing are made.
    device
        auto, cpu or cuda.
    threads
        CPU threads where the settings say 'auto', None: all cores; those of a team together.
    team
        See `ranks`: each member calls this and computes on its part of every batch; the first
        writes.
    expert
        File of the expert, for algorithms that ask it.

    Returns
    -------
    list of CellRecord
        In the order of `cells`. A loss that is not finite ends the run: cells that are missing and
        not reached get status 'failed'.

    Raises
    ------
    SystemExit
        On SIGTERM or SIGINT, with 128 + the signal's number; the state is saved.
    TrainingError
        Before any work, for budgets below one batch, cells of another run or policy, or a split
        without what the family sees.
    StoreError
        Where the data cannot be read or are fewer than the family needs.
    """
    training = TrainingRun(
        split, settings, cells, Path(out), section, device, threads, team, expert
    )
    if schedules.of(settings).branches:
        return training.branches(Path(trunk or training.out / "trunk"))
    return training.way()


def run_trunk(
    split: Split,
    settings: Training,
    cells: Sequence[Cell],
    out: str | Path,
    *,
    section: Section | None = None,
    device: str = "auto",
    threads: int | None = None,
    team: ranks.Ranks = ranks.ALONE,
    expert: Path | None = None,
) -> dict[str, int]:
    """Train what the cells of a run share and leave its state in `out` wherever one branches off.

    Stopping and errors are as of `run`. A loss that is not finite ends the trunk before the others.

    Parameters
    ----------
    split, settings, cells
        As of `run`.
    out
        Folder of the trunk.
    section, device, threads, team, expert
        As of `run`.

    Returns
    -------
    dict
        The states that there are: file -> update.
    """
    training = TrainingRun(
        split, settings, cells, Path(out), section, device, threads, team, expert
    )
    stops = schedules.trunk(settings, [cell.updates for cell in cells])
    training.trunk(stops, training.out)
    team.meet()
    files = {leave(training.out, stop): stop for stop in stops}
    return {file.name: stop for file, stop in files.items() if file.is_file()}
