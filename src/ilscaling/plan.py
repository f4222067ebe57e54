"""The plan of a study: its cells, what each costs, and which are left out, before anything runs."""

import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ilscaling import flops, games, models, schedules
from ilscaling.cells import Run, budget_name
from ilscaling.errors import ParamsError, WorkflowError
from ilscaling.params import Game, NetHack, Params


@dataclass(frozen=True)
class Speed:
    """What things take on one thread of a shared server (docs/measurements.md); for orientation
    elsewhere. Seconds, or bytes; a sample is a step."""

    record: float  # a step of the expert in its game
    restart: float  # starting an episode
    shard: float  # a step from recording to store
    sample: float  # training on a sample, apart from its FLOPs
    flop: float  # a training FLOP on top, bfloat16
    play: float  # a step of a policy in the game, many episodes side by side
    episode: float  # steps of a half-good policy's episode
    bytes: float  # a step's compressed demonstrations


SPEEDS = {
    "atari": Speed(8.0e-4, 0.1, 1 / 30_000, 1 / 6_500, 1 / 1.5e11, 8.0e-4, 500, 40),
    "nethack": Speed(1.6e-4, 0.005, 1 / 15_000, 1 / 30_000, 1 / 5.0e10, 8.5e-4, 3_000, 28),
    "gymnasium": Speed(5.0e-5, 1e-4, 1 / 50_000, 1 / 100_000, 1 / 2.0e10, 5.0e-5, 200, 20),
}
START_SECONDS = 6.0  # importing torch, opening the data


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


def _cells_of(name: str, game: Game) -> Iterator[Cell]:
    spec = games.of(name, game)
    grid, train = game.grid, game.train
    shape = models.shape(train, len(spec.actions), spec.observation)
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


def _refuse_empty(name: str, game: Game, planned: list[Cell]) -> None:
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
                    "demonstrations.train_steps; 'ilscaling plan' shows every cell",
                )


def buildable(name: str, game: Game, at_most: float) -> list[tuple[int, int]]:
    """Sizes of the game's family and their parameters, rising, up to the first with more than
    `at_most` parameters."""
    spec = games.of(name, game)
    shape = models.shape(game.train, len(spec.actions), spec.observation)
    found: list[tuple[int, int]] = []
    for size in itertools.count(models.smallest(game.grid.family)):
        ledger = flops.ledger(game.grid.family, size, convention=game.grid.flops, **shape)
        found.append((size, ledger.params))
        if ledger.params > at_most:
            return found


@dataclass(frozen=True)
class Cost:
    """Seconds on one thread, and bytes on disk."""

    seconds: float
    bytes: float


def record_cost(game: Game) -> Cost:
    """One recording job; nothing where recordings of others are taken."""
    if isinstance(game, NetHack) and game.expert.recordings is not None:
        return Cost(0.0, 0.0)
    wanted, speed = game.demonstrations, SPEEDS[game.domain]
    steps = (wanted.train_steps + wanted.dev_steps + wanted.test_steps) / wanted.jobs
    seconds = steps * (speed.record + speed.restart / speed.episode)
    return Cost(START_SECONDS + seconds, steps * speed.bytes)


def shard_cost(game: Game) -> Cost:
    """Making a store of what was recorded."""
    wanted, speed = game.demonstrations, SPEEDS[game.domain]
    steps = wanted.train_steps + wanted.dev_steps + wanted.test_steps
    return Cost(START_SECONDS + steps * speed.shard, steps * speed.bytes)


def train_cost(game: Game, cells_of_run: list[Cell], part: str = "run") -> Cost:
    """One run, all of it or its 'trunk' or 'branches' alone; disk: weights a cell, the resumable
    state and that of every branch."""
    last, speed = cells_of_run[-1], SPEEDS[game.domain]
    ends = [cell.updates for cell in cells_of_run]
    own = sum(schedules.own(game.train, end) for end in ends)
    updates = {"run": sum(schedules.added(game.train, ends)), "branches": own}
    updates["trunk"] = updates["run"] - own
    samples = updates[part] * last.batch
    seconds = START_SECONDS + samples * (speed.sample + last.per_sample * speed.flop)
    states = 1 + len(schedules.trunk(game.train, ends)) * (game.train.schedule == "wsd")
    return Cost(seconds, 4.0 * last.params * (len(cells_of_run) + 4 * states))


def evaluate_cost(game: Game, cells_of_run: list[Cell]) -> Cost:
    """Dev loss and return of one run's cells."""
    last, speed = cells_of_run[-1], SPEEDS[game.domain]
    # A forward pass is a third of the FLOPs, and half of the rest.
    loss = game.demonstrations.dev_steps * (speed.sample / 2 + last.per_sample / 3 * speed.flop)
    play = game.evaluation.episodes * (speed.episode * speed.play + speed.restart)
    return Cost(START_SECONDS + len(cells_of_run) * (loss + play), 4_000.0 * len(cells_of_run))


def by_run(planned: list[Cell]) -> dict[Run, list[Cell]]:
    """Declared cells of each run, budgets rising."""
    runs: dict[Run, list[Cell]] = {}
    for cell in planned:
        if cell.declared:
            runs.setdefault(cell.run, []).append(cell)
    return runs


def total_cost(params: Params, planned: list[Cell]) -> Cost:
    """The whole study from nothing: thread-seconds and bytes (parts and shards at once)."""
    costs = []
    for name, game in params.games.items():
        costs += [record_cost(game)] * game.demonstrations.jobs + [shard_cost(game)]
        for run, of_run in by_run(planned).items():
            if run.game == name:
                costs += [train_cost(game, of_run), evaluate_cost(game, of_run)]
    return Cost(sum(c.seconds for c in costs), sum(c.bytes for c in costs))


def forecast_cost(params: Params, planned: list[Cell]) -> Cost:
    """What `snakemake forecast` adds, if its sizes lie amid those of the largest budget."""
    factor, costs = params.laws.forecast.factor, []
    for name, game in params.games.items():
        largest = max(game.grid.budgets)
        runs = [c for run, c in by_run(planned).items() if run.game == name]
        runs = [cells for cells in runs if cells[-1].budget == largest]
        middle = runs[len(runs) // 2]
        train, evaluate = train_cost(game, middle), evaluate_cost(game, middle[-1:])
        seconds = len(game.grid.seeds) * (factor * train.seconds + evaluate.seconds)
        costs.append(Cost(seconds, train.bytes + evaluate.bytes))
    return Cost(sum(c.seconds for c in costs), sum(c.bytes for c in costs))


def refuse_without_space(folder: str | Path, wanted: float) -> None:
    """Raise WorkflowError unless `folder`'s disk has `wanted` bytes and a tenth more free."""
    free = shutil.disk_usage(folder).free
    if free < 1.1 * wanted:
        raise WorkflowError(
            f"the study needs about {wanted / 1e9:.1f} GB on disk, {free / 1e9:.1f} GB are free",
            where=str(Path(folder).resolve()),
            fix="free some space, or record less: demonstrations.train_steps",
        )


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
