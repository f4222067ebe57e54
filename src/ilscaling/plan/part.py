"""The parts in which a run is trained, each a job.

At a constant rate there is one, for all budgets lie on its way. Where the rate falls, each budget
has a part of its own, and a long one is a job of its own, so that a cluster trains them side by
side. Those that take less than `ALONE` share a job: starting one costs seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ilscaling import schedules
from ilscaling.params import Section
from ilscaling.plan.cost import Cost, train_cost
from ilscaling.plan.grid import Cell
from ilscaling.plan.speed import REFERENCE, Speed

ALONE = 60.0  # planned seconds at the reference's speed, so that a grid has the same jobs anywhere


@dataclass(frozen=True)
class Part:
    """kind: 'train', 'trunk' or 'branch'; cells: whose part it trains; flops: that it spends."""

    kind: str
    cells: tuple[Cell, ...]
    cost: Cost
    flops: float


def parts(game: Section, cells: Sequence[Cell], speed: Speed = REFERENCE) -> list[Part]:
    """The parts of a run with these cells, budgets rising; a trunk comes first."""
    cells, train = tuple(cells), game.train
    total = sum(cell.added for cell in cells)
    if train.schedule == "constant":
        return [Part("train", cells, train_cost(game, cells, speed), total)]
    step = cells[0].batch * cells[0].per_sample
    own = {cell: float(step * schedules.own(train, cell.updates)) for cell in cells}
    found = []
    if schedules.trunk(train, [cell.updates for cell in cells]):
        cost = train_cost(game, cells, speed, "trunk")
        found.append(Part("trunk", cells, cost, total - sum(own.values())))
    known = {cell: train_cost(game, [cell], part="branches").seconds for cell in cells}
    short = tuple(cell for cell in cells if known[cell] < ALONE)
    alone = [(cell,) for cell in cells if cell not in short]
    for group in ([short] if short else []) + alone:
        cost = train_cost(game, group, speed, "branches")
        found.append(Part("branch", group, cost, sum(own[cell] for cell in group)))
    return found
