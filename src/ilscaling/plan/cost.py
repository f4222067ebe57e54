"""What each job of a study costs: time, disk, memory."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ilscaling import flops, policies, registry, schedules
from ilscaling.domains.costs import Steps
from ilscaling.errors import WorkflowError
from ilscaling.grid import Cell
from ilscaling.params import Section
from ilscaling.plan import memory
from ilscaling.plan.speed import REFERENCE, Pace, Speed

START_SECONDS = 6.0  # importing torch, opening the data
DEV_BATCH = 256  # steps that the dev loss takes at once
# What the held-out loss of a further policy of a run takes beside the first, on a CPU, where those
# that see stacks can be read together: of `cnn` a quarter (width 2) to two thirds (6 and 8).
TOGETHER = 0.5
LONGER = 2.5  # a policy's episodes than random play's, as measured in Breakout (docs/plans.md)


@dataclass(frozen=True)
class Cost:
    """What a job takes.

    Parameters
    ----------
    seconds
        On one thread, beside a device if the speed has one.
    bytes
        On disk.
    memory
        Bytes, at its largest.
    """

    seconds: float
    bytes: float
    memory: float = 0.0


def steps_of(name: str, game: Section) -> Steps:
    """An episode of a game of the study, within the emulator's limit.

    Parameters
    ----------
    name, game
        Name of the section, and its parameters.

    Returns
    -------
    Steps
        Steps of an episode, and compressed bytes of a step.
    """
    return registry.get("DOMAIN", game.domain).steps(name, game)


def expert_cost(game: Section, speed: Speed = REFERENCE) -> Cost:
    """Training an expert; nothing where one exists.

    Parameters
    ----------
    game
        The section.
    speed
        Of the machine.
    """
    return registry.get("DOMAIN", game.domain).expert_cost(game, speed) or Cost(0.0, 0.0)


def record_cost(game: Section, name: str, speed: Speed = REFERENCE) -> Cost:
    """One recording job; nothing where recordings of others are taken.

    Parameters
    ----------
    game, name
        The section, and its name.
    speed
        Of the machine.
    """
    domain = registry.get("DOMAIN", game.domain)
    if not domain.records(game):
        return Cost(0.0, 0.0)
    play, per = speed.game(game.domain), steps_of(name, game)
    steps = recorded_steps(game) / game.demonstrations.jobs
    seconds = steps * (play.record + play.restart / per.episode)
    return Cost(START_SECONDS + seconds, steps * per.bytes, domain.record_memory(name, game))


def shard_cost(game: Section, name: str, speed: Speed = REFERENCE) -> Cost:
    """Making a store of what was recorded; memory: of one process.

    Parameters
    ----------
    game, name
        The section, and its name.
    speed
        Of the machine.
    """
    wanted, play = game.demonstrations, speed.game(game.domain)
    steps = wanted.trained_steps + wanted.dev_steps + wanted.test_steps
    size = steps * steps_of(name, game).bytes
    return Cost(START_SECONDS + steps * play.shard, size, memory.shard(game, name))


def recorded_steps(game: Section) -> int:
    """Steps of demonstrations that a section asks for, in all splits."""
    wanted = game.demonstrations
    return wanted.train_steps + wanted.dev_steps + wanted.test_steps


def train_cost(
    game: Section, cells_of_run: Sequence[Cell], speed: Speed = REFERENCE, part: str = "run"
) -> Cost:
    """Training one run.

    Parameters
    ----------
    game
        The section.
    cells_of_run
        Its cells, by rising budget.
    speed
        Of the machine.
    part
        'run', or its 'trunk' or 'branches' alone.

    Returns
    -------
    Cost
        On disk: weights a cell, the resumable state and that of every branch.
    """
    last, ends = cells_of_run[-1], [cell.updates for cell in cells_of_run]
    own = sum(schedules.own(game.train, end) for end in ends)
    updates = {"run": sum(schedules.added(game.train, ends)), "branches": own}
    updates["trunk"] = updates["run"] - own
    samples = updates[part] * last.batch
    rate = _rate(game, speed)
    # An algorithm may show its policy more than the samples.
    passes = last.flops_learner / max(1, last.samples * last.per_sample) or 1.0
    seconds = START_SECONDS + passes * rate.seconds(samples, exact_flops(game, last), last.batch)
    seconds += updates[part] / last.updates * play_seconds(game, last, speed)
    weights = 0 if part == "trunk" else len(ends)
    states = 0 if part == "branches" else 1
    if states and schedules.of(game.train).branches:
        states += len(schedules.trunk(game.train, ends))
    size = 4.0 * last.params * (weights + 4 * states)
    return Cost(seconds, size, memory.train(game, last))


def play_seconds(game: Section, cell: Cell, speed: Speed = REFERENCE) -> float:
    """Seconds of a run's play up to a cell.

    An expert's answer takes about as long as a step of the game (docs/measurements.md), so half of
    what a recorded step takes.

    Parameters
    ----------
    game
        The section.
    cell
        What its algorithm has spent by then is in `spent`.
    speed
        Of the machine.
    """
    if cell.spent is None:
        return 0.0
    play = speed.game(game.domain)
    return cell.spent.env_steps * play.play + cell.spent.expert_labels * play.record / 2


def evaluate_cost(game: Section, cells_of_run: list[Cell], speed: Speed = REFERENCE) -> Cost:
    """Dev loss, test loss and return of one run's cells.

    Parameters
    ----------
    game
        The section.
    cells_of_run
        The run's cells, by rising budget.
    speed
        Of the machine.
    """
    last, rate = cells_of_run[-1], _rate(game, speed)
    # A forward pass is a third of the FLOPs, and half of the rest.
    half = Pace(rate.sample / 2, rate.flop / 3, rate.update / 2, rate.reading)
    steps = game.demonstrations.dev_steps + game.demonstrations.test_steps
    loss = half.seconds(steps, exact_flops(game, last), DEV_BATCH)
    returns = _returns(game, last, game.evaluation.episodes, speed)
    stacks = policies.get(game.grid.family).order is None
    further = TOGETHER if stacks and not speed.device else 1.0
    losses = loss * (1 + further * (len(cells_of_run) - 1))
    seconds = START_SECONDS + losses + len(cells_of_run) * returns
    return Cost(seconds, 4_000.0 * len(cells_of_run), memory.evaluate(game, cells_of_run))


def _returns(game: Section, cell: Cell, episodes: int, speed: Speed) -> float:
    """Seconds of a cell's episodes."""
    play, per = speed.game(game.domain), steps_of(cell.run.game, game)
    return episodes * (per.episode * play.play + play.restart)


def best_cost(game: Section, cells: Sequence[Cell], speed: Speed = REFERENCE) -> Cost:
    """Further episodes of the cells of each budget's best size: one job, of all seeds.

    Parameters
    ----------
    game
        The section.
    cells
        Its cells, of which any size may be the best.
    speed
        Of the machine.
    """
    wanted = game.evaluation
    more = wanted.model_copy(update={"episodes": wanted.further or wanted.episodes})
    largest = max((cell for cell in cells if cell.declared), key=lambda cell: cell.params)
    count = len({cell.budget for cell in cells}) * len(game.grid.seeds)
    seconds = START_SECONDS + count * _returns(game, largest, more.episodes, speed)
    needs = memory.evaluate(game.model_copy(update={"evaluation": more}), [largest] * count)
    return Cost(seconds, 4_000.0 * count, needs)


def random_cost(game: Section, name: str, speed: Speed = REFERENCE) -> Cost:
    """Measuring random play, whose episodes are short.

    Parameters
    ----------
    game, name
        The section, and its name.
    speed
        Of the machine.
    """
    play, steps = speed.game(game.domain), steps_of(name, game).episode / LONGER
    seconds = game.evaluation.random_episodes * (steps * play.record + play.restart)
    return Cost(START_SECONDS + seconds, 4_000.0, memory.RANDOM)


def _rate(game: Section, speed: Speed) -> Pace:
    return speed.rate(game.grid.family)


def exact_flops(game: Section, cell: Cell) -> int:
    """Training FLOPs a sample as PyTorch executes them, whatever the budgets' convention.

    Parameters
    ----------
    game
        The section.
    cell
        One of its cells.
    """
    if game.grid.flops == "exact":
        return int(cell.per_sample)
    return _exact(game.grid.family, cell.run.size, memory.shape(cell.run.game, game))


@lru_cache(maxsize=4096)
def _exact(family: str, size: int, shape: tuple) -> int:
    return flops.ledger(family, size, **dict(shape)).training


def refuse_without_space(
    folder: str | Path,
    wanted: float,
    what: str = "the study",
    fix: str = "free some space, or record less: demonstrations.train_steps",
) -> None:
    """Raise WorkflowError unless a disk has room.

    Parameters
    ----------
    folder
        Any that lies on the disk.
    wanted
        Bytes; a tenth more must be free.
    what, fix
        What needs it, and what to do without it, for the error.
    """
    free = shutil.disk_usage(folder).free
    if free < 1.1 * wanted:
        raise WorkflowError(
            f"{what} needs about {disk_size(1.1 * wanted)} on disk, {disk_size(free)} are free",
            where=str(Path(folder).resolve()),
            fix=fix,
        )


def disk_size(count: float) -> str:
    """Bytes in a unit in which they are not 0.0."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} bytes"
