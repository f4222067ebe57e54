"""The jobs that train a run.

At a constant rate it is one, for all budgets lie on its way. Where the rate falls, each budget has
a part of its own, and a long one is a job of its own, so that a cluster trains them side by side.
Those that take less than `ALONE` share a job: starting one costs seconds.
"""

from dataclasses import dataclass

from ilscaling import files, plan, schedules
from ilscaling.cells import Run, budget_name

ALONE = 60.0  # planned seconds


@dataclass(frozen=True)
class Training:
    """rule: the Snakemake rule; output: the list of what it makes; cells: whose part it trains;
    seconds: of one thread, as planned; flops: that it spends."""

    rule: str
    output: str
    run: Run
    cells: tuple[plan.Cell, ...]
    seconds: float
    flops: float

    @property
    def name(self) -> str:
        what = {"train": "training", "trunk": "trunk of", "branch": "branches of"}[self.rule]
        return f"{what} {self.run.name}"


def of(keys, run: Run) -> list[Training]:
    """The jobs of a run of `keys.Keys`."""
    game, planned = keys.params.games[run.game], tuple(keys.runs[run])
    train = game.train
    total = sum(cell.added for cell in planned)
    if train.schedule == "constant":
        seconds = plan.train_cost(game, planned).seconds
        return [Training("train", keys.run_manifest(run), run, planned, seconds, total)]
    found = []
    step = planned[0].batch * planned[0].per_sample
    own = {cell: step * schedules.own(train, cell.updates) for cell in planned}
    if stops := schedules.trunk(train, [cell.updates for cell in planned]):
        output = f"{keys.trunk_dir(run)}/states-{files.digest(stops)[:12]}.json"
        seconds = plan.train_cost(game, planned, "trunk").seconds
        spent = total - sum(own.values())
        found.append(Training("trunk", output, run, planned, seconds, spent))
    costs = {cell: plan.train_cost(game, [cell], "branches").seconds for cell in planned}
    short = tuple(cell for cell in planned if costs[cell] < ALONE)
    alone = [(cell,) for cell in planned if cell not in short]
    for group in ([short] if short else []) + alone:
        digest = files.digest([budget_name(cell.budget) for cell in group])[:12]
        output = f"{keys.run_dir(run)}/branches-{digest}.json"
        seconds = plan.train_cost(game, group, "branches").seconds
        spent = sum(own[cell] for cell in group)
        found.append(Training("branch", output, run, group, seconds, spent))
    return found
