"""The cells of a study: what each trains on and spends, and which are left out and why."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from ilscaling import flops, games, policies, schedules
from ilscaling.cells import Run, budget_name
from ilscaling.errors import ParamsError
from ilscaling.params import Params, Section


@dataclass(frozen=True)
class Cell:
    """One cell of the grid as planned.

    flops: training FLOPs that whole updates within the budget spend; added: what of them the grid
    spends for this cell, beside the cells before it; epochs: samples over
    `demonstrations.train_steps`; reason: empty for a declared cell, else why it is left out.
    """

    run: Run
    budget: float
    params: int
    batch: int
    rate: float
    per_sample: float
    updates: int
    samples: int
    flops: float
    added: float
    epochs: float
    reason: str

    @property
    def declared(self) -> bool:
        return not self.reason


def cells(params: Params) -> list[Cell]:
    """Every cell of every game, declared or left out, in the order of the results table.

    Raises ParamsError where a budget or a size has no possible cell at all.
    """
    found = []
    for name, game in params.games.items():
        of_game = list(_cells_of(name, game))
        _refuse_empty(name, game, of_game)
        found += of_game
    return found


def _cells_of(name: str, game: Section) -> Iterator[Cell]:
    spec = games.of(name, game)
    grid, train = game.grid, game.train
    shape = policies.shape(train, len(spec.actions), spec.observation)
    for size in sorted(grid.sizes):
        ledger = flops.ledger(grid.family, size, convention=grid.flops, **shape)
        batch = train.batch_of(size)
        for seed in sorted(grid.seeds):
            shared = 0  # updates that the run has gone already
            for budget in grid.budgets:
                updates = int(budget // (ledger.training * batch))
                samples = updates * batch
                epochs = samples / game.demonstrations.train_steps
                reason = ""
                if updates < 1:
                    reason = "budget is below one batch"
                elif updates < grid.min_updates:
                    reason = f"{updates} updates, fewer than min_updates ({grid.min_updates})"
                elif epochs > grid.max_epochs:
                    reason = f"{epochs:.1f} epochs, more than max_epochs ({grid.max_epochs:g})"
                added = 0 if reason else updates - shared
                shared = shared if reason else schedules.shared(train, updates)
                yield Cell(
                    run=Run(name, grid.family, size, seed),
                    budget=budget,
                    params=ledger.params,
                    batch=batch,
                    rate=train.rate(size),
                    per_sample=ledger.training,
                    updates=updates,
                    samples=samples,
                    flops=float(samples * ledger.training),
                    added=float(added * batch * ledger.training),
                    epochs=epochs,
                    reason=reason,
                )


def _refuse_empty(name: str, game: Section, planned: list[Cell]) -> None:
    for what, values, of in (
        ("budget", game.grid.budgets, lambda cell: cell.budget),
        ("size", game.grid.sizes, lambda cell: cell.run.size),
    ):
        for value in values:
            group = [cell for cell in planned if of(cell) == value]
            if not any(cell.declared for cell in group):
                reasons = "; ".join(
                    f"size {c.run.size} at {budget_name(c.budget)}: {c.reason}" for c in group[:3]
                )
                raise ParamsError(
                    f"{name}: no cell is possible at {what} {value:g} ({reasons})",
                    where=f"params: games.{name}.grid.{what}s",
                    fix="change sizes, budgets, train.batch, min_updates, max_epochs or "
                    "demonstrations.train_steps; 'ilscaling plan --cells' shows every cell",
                )


def buildable(name: str, game: Section, at_most: float) -> list[tuple[int, int]]:
    """Sizes of the game's family and their parameters, rising, up to the first with more than
    `at_most` parameters."""
    spec = games.of(name, game)
    shape = policies.shape(game.train, len(spec.actions), spec.observation)
    found: list[tuple[int, int]] = []
    for size in itertools.count(policies.smallest(game.grid.family)):
        ledger = flops.ledger(game.grid.family, size, convention=game.grid.flops, **shape)
        found.append((size, ledger.params))
        if ledger.params > at_most:
            return found


def by_run(planned: list[Cell]) -> dict[Run, list[Cell]]:
    """Declared cells of each run, budgets rising."""
    runs: dict[Run, list[Cell]] = {}
    for cell in planned:
        if cell.declared:
            runs.setdefault(cell.run, []).append(cell)
    return runs


def table(planned: list[Cell]) -> list[dict]:
    """The plan as rows for printing or CSV."""
    return [
        {
            "game": c.run.game,
            "family": c.run.family,
            "size": c.run.size,
            "seed": c.run.seed,
            "budget": c.budget,
            "params": c.params,
            "batch": c.batch,
            "rate": c.rate,
            "updates": c.updates,
            "samples": c.samples,
            "epochs": round(c.epochs, 3),
            "flops": c.flops,
            "added": c.added,
            "left_out": c.reason,
        }
        for c in planned
    ]
