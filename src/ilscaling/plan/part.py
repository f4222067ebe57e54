"""The jobs that train a run.

At a constant rate there is one, for all budgets lie on its way. Where the rate falls, each budget
has a part of its own, and a long one is a job of its own, so that a cluster trains them side by
side. Those that take less than `ALONE` share a job: starting one costs seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ilscaling import schedules
from ilscaling.grid import Cell
from ilscaling.params import Section
from ilscaling.plan.cost import Cost, train_cost
from ilscaling.plan.speed import REFERENCE, Speed

ALONE = 60.0  # planned seconds at the reference's speed, so that a grid has the same jobs anywhere


@dataclass(frozen=True)
class TrainingJob:
    """A job of a run's training.

    Parameters
    ----------
    kind
        'train', 'trunk' or 'branch'.
    cells
        Whose part it trains.
    cost
        What it takes.
    flops
        What it spends.
    """

    kind: str
    cells: tuple[Cell, ...]
    cost: Cost
    flops: float


def parts(section: Section, cells: Sequence[Cell], speed: Speed = REFERENCE) -> list[TrainingJob]:
    """The jobs that train a run; a trunk comes first.

    Parameters
    ----------
    section
        Of the run's game.
    cells
        The run's, budgets rising.
    speed
        Of the machine, for the jobs' costs; which jobs there are does not depend on it.
    """
    cells, train = tuple(cells), section.train
    total = sum(cell.added for cell in cells)
    if not schedules.of(train).branches:
        return [TrainingJob("train", cells, train_cost(section, cells, speed), total)]
    jobs = []
    if schedules.trunk(train, [cell.updates for cell in cells]):
        cost = train_cost(section, cells, speed, "trunk")
        jobs.append(TrainingJob("trunk", cells, cost, total - sum(cell.own for cell in cells)))
    seconds = [train_cost(section, [cell], part="branches").seconds for cell in cells]
    timed = list(zip(cells, seconds, strict=True))
    short = tuple(cell for cell, span in timed if span < ALONE)
    alone = [(cell,) for cell, span in timed if span >= ALONE]
    for group in ([short] if short else []) + alone:
        cost = train_cost(section, group, speed, "branches")
        jobs.append(TrainingJob("branch", group, cost, sum(cell.own for cell in group)))
    return jobs
