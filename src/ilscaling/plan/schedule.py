"""All jobs of a study, and their makespan: how long they take side by side on a machine."""

import heapq
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from ilscaling import registry
from ilscaling.grid import Cell, Run, by_run
from ilscaling.params import Params, Section
from ilscaling.plan import cost
from ilscaling.plan.cost import Cost
from ilscaling.plan.part import parts
from ilscaling.plan.speed import REFERENCE, Speed

KINDS = ("expert", "record", "shard", "train", "evaluate", "random")
ON_DEVICE = {"expert", "train", "evaluate"}


@dataclass(frozen=True)
class Job:
    """One job of a study.

    Parameters
    ----------
    kind
        One of `KINDS`.
    game, name
        The section, and which of its jobs of that kind.
    cost
        What it takes.
    after
        Positions among the jobs of those that it waits for.
    """

    kind: str
    game: str
    name: str
    cost: Cost
    after: tuple[int, ...] = ()


def jobs(params: Params, planned: list[Cell], speed: Speed = REFERENCE) -> list[Job]:
    """The jobs of the whole study from nothing.

    Parameters
    ----------
    params
        The study.
    planned
        Its cells, declared or left out.
    speed
        Of the machine.

    Returns
    -------
    list of Job
        Every one stands behind those that it waits for.
    """
    todo: list[Job] = []
    recordings: dict[tuple, tuple[int, ...]] = {}
    stores: dict[tuple, int] = {}
    runs = of_games(planned)
    for name, game in params.games.items():
        source = _source(name, game)
        if source not in recordings:
            recordings[source] = _recordings(todo, name, game, speed)
        store = (*source, game.demonstrations.unique_steps)
        if store not in stores:
            stores[store] = len(todo)
            making = cost.shard_cost(game, name, speed)
            todo.append(Job("shard", name, "store", making, recordings[source]))
        measured: list[int] = []
        for run, cells in runs[name].items():
            behind, trained = (stores[store],), []
            for part in parts(game, cells, speed):
                trained.append(len(todo))
                todo.append(Job("train", name, run.name, part.cost, behind))
                if part.kind == "trunk":
                    behind = (trained[-1],)
            evaluate = cost.evaluate_cost(game, cells, speed)
            measured.append(len(todo))
            todo.append(Job("evaluate", name, run.name, evaluate, tuple(trained)))
        if game.evaluation.further:
            of_game = [cell for cell in planned if cell.run.game == name]
            best = cost.best_cost(game, of_game, speed)
            todo.append(Job("evaluate", name, "best", best, tuple(measured)))
    return todo


def of_games(planned: list[Cell]) -> dict[str, dict[Run, list[Cell]]]:
    """Declared cells of each run of each game, budgets rising."""
    runs: dict[str, dict[Run, list[Cell]]] = {}
    for run, cells in by_run(planned).items():
        runs.setdefault(run.game, {})[run] = cells
    return runs


def _source(name: str, game: Section) -> tuple:
    """What tells recordings apart: sections of a game may share theirs."""
    kept = registry.get("DOMAIN", game.domain).source(name, game)
    recorded = game.demonstrations.model_dump_json(exclude={"unique_steps"})
    return kept, game.emulator.model_dump_json(), game.expert.model_dump_json(), recorded


def _recordings(todo: list[Job], name: str, game: Section, speed: Speed) -> tuple[int, ...]:
    """Add the jobs that record a game; returns the positions of those that a store waits for."""
    before: tuple[int, ...] = ()
    expert = cost.expert_cost(game, speed)
    if expert.seconds:
        todo.append(Job("expert", name, "ppo", expert))
        before = (len(todo) - 1,)
    part, first = cost.record_cost(game, name, speed), len(todo)
    if part.seconds:
        count = game.demonstrations.jobs
        todo += [Job("record", name, f"part-{n}", part, before) for n in range(count)]
    recorded = tuple(range(first, len(todo))) or before
    todo.append(Job("random", name, "random", cost.random_cost(game, name, speed)))
    return recorded


@dataclass
class Makespan:
    """Jobs side by side.

    Parameters
    ----------
    seconds
        Until the last job has ended.
    memory
        Most bytes at once.
    """

    seconds: float = 0.0
    memory: float = 0.0


def makespan(todo: list[Job], cores: int, gpus: int = 0) -> Makespan:
    """How long jobs take side by side, one core a job.

    A job begins whenever a core is free, and a device for those that compute on one: of the jobs
    that may begin the longest first.

    Parameters
    ----------
    todo
        Jobs, each behind those that it waits for.
    cores
        Jobs at once.
    gpus
        Jobs at once that compute on a device; 0: those run on cores like all others.
    """
    children: list[list[int]] = [[] for _ in todo]
    waits = [len(job.after) for job in todo]
    for number, job in enumerate(todo):
        for other in job.after:
            children[other].append(number)
    # The longest first, and of equals the one that waits longer; those for devices wait in a line
    # of their own.
    lines: dict[bool, list[tuple[float, int, int]]] = {False: [], True: []}
    arrivals = itertools.count()

    def wait(number: int) -> None:
        on_device = bool(gpus) and todo[number].kind in ON_DEVICE
        heapq.heappush(lines[on_device], (-todo[number].cost.seconds, next(arrivals), number))

    for number, count in enumerate(waits):
        if not count:
            wait(number)
    running: list[tuple[float, int]] = []
    free = {"core": cores, "gpu": gpus}
    span, now, memory = Makespan(), 0.0, 0.0
    while any(lines.values()) or running:
        while free["core"]:
            open_lines = [on for on, line in lines.items() if line and (free["gpu"] or not on)]
            if not open_lines:
                break
            on_device = min(open_lines, key=lambda on: lines[on][0])
            _, _, number = heapq.heappop(lines[on_device])
            free["core"] -= 1
            free["gpu"] -= on_device
            memory += todo[number].cost.memory
            heapq.heappush(running, (now + todo[number].cost.seconds, number))
        span.memory = max(span.memory, memory)
        now, number = heapq.heappop(running)
        job = todo[number]
        memory -= job.cost.memory
        free["core"] += 1
        free["gpu"] += bool(gpus) and job.kind in ON_DEVICE
        for child in children[number]:
            waits[child] -= 1
            if not waits[child]:
                wait(child)
    span.seconds = now
    return span


def total(costs: Iterable[Cost]) -> Cost:
    """Sum of seconds and bytes, largest memory."""
    costs = list(costs)
    return Cost(
        sum(c.seconds for c in costs),
        sum(c.bytes for c in costs),
        max((c.memory for c in costs), default=0.0),
    )


def total_cost(params: Params, planned: list[Cell], speed: Speed = REFERENCE) -> Cost:
    """The whole study from nothing.

    Parameters
    ----------
    params
        The study.
    planned
        Its cells, declared or left out.
    speed
        Of the machine.

    Returns
    -------
    Cost
        Thread-seconds, bytes (recordings and stores at once), and memory of the largest job.
    """
    return total(job.cost for job in jobs(params, planned, speed))
