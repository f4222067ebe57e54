"""The plan for people: what a study holds, needs and takes, by game and in all."""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ilscaling import registry
from ilscaling.grid import Cell, by_run
from ilscaling.params import Params
from ilscaling.plan import forecast, schedule
from ilscaling.plan.cost import exact_flops, steps_of
from ilscaling.plan.schedule import Job, Makespan, makespan
from ilscaling.plan.speed import Speed

COLUMNS = {
    "runs": "training runs",
    "cells": "cells that are measured",
    "left_out": "cells that are left out",
    "flops": "training FLOPs, in the convention of the game's budgets",
    "flops_exact": "the same, counted exactly",
    "samples": "samples trained on, what cells share once",
    "steps": "steps of demonstrations",
    "epochs": "most epochs of a cell over its data",
    "disk_gb": "GB on disk",
    "memory_gb": "GB of memory of the largest job",
    **{f"{kind}_h": f"hours of {kind} jobs, one after the other" for kind in schedule.KINDS},
    "total_h": "hours of all jobs, one after the other",
}


# Of machines that are rented with GPUs, about; `ilscaling plan --cores` names another number.
CORES_A_GPU = 8
# Held-out episodes. By eleven games of NetHack and by sixteen others the exponent of the optimal
# parameters of the same runs was .42 and .27, each beside the other's interval (docs/findings.md).
FEWEST = 20


@dataclass(frozen=True)
class Machine:
    """Where the study is to run. A job on a device takes a core, too.

    Parameters
    ----------
    cores, gpus
        Jobs at once on CPU cores and on devices.
    speed
        How fast they are.
    """

    cores: int
    gpus: int
    speed: Speed


@dataclass(frozen=True)
class Plan:
    """A study's plan.

    Parameters
    ----------
    rows
        A row a game and a last one in all; columns: `COLUMNS`.
    left_out
        Game -> how many cells are left out for which reason.
    warnings
        What is worth a look before it runs.
    makespan
        Of the jobs side by side on `machine`.
    machine
        Where it is to run.
    forecast_hours
        What `snakemake forecast` adds, thread-hours.
    separate
        FLOPs of the cells as runs of their own, counted exactly.
    """

    rows: list[dict]
    left_out: dict[str, Counter]
    warnings: list[str]
    makespan: Makespan
    machine: Machine
    forecast_hours: float
    separate: float


def make(params: Params, planned: list[Cell], machine: Machine) -> Plan:
    """Sum up the cells and jobs of a study.

    Parameters
    ----------
    params
        The study.
    planned
        Its cells, declared or left out.
    machine
        Where it is to run.
    """
    todo = schedule.jobs(params, planned, machine.speed)
    rows = [_row(name, params, planned, todo) for name in params.games]
    rows.append({"game": "in all", **_all(rows)})
    left_out = {
        name: Counter(_kind(c.reason) for c in planned if c.run.game == name and not c.declared)
        for name in params.games
    }
    proposals = forecast.likely_proposals(params, planned)
    more = forecast.forecast_cost(params, proposals, machine.speed)
    return Plan(
        rows,
        left_out,
        [
            *_warnings(params, planned),
            *_not_foretold(proposals),
            *_too_large(todo, machine),
        ],
        makespan(todo, machine.cores, machine.gpus),
        machine,
        more.seconds / 3600,
        sum(
            c.flops / c.per_sample * exact_flops(params.games[c.run.game], c)
            for c in planned
            if c.declared
        ),
    )


def _row(name: str, params: Params, planned: list[Cell], todo: list[Job]) -> dict:
    game, mine = params.games[name], [c for c in planned if c.run.game == name]
    last = [cells[-1] for run, cells in by_run(planned).items() if run.game == name]
    costs = [job for job in todo if job.game == name]
    wanted = game.demonstrations
    hours = {
        f"{kind}_h": sum(job.cost.seconds for job in costs if job.kind == kind) / 3600
        for kind in schedule.KINDS
    }
    return {
        "game": name,
        "runs": len(last),
        "cells": sum(c.declared for c in mine),
        "left_out": sum(not c.declared for c in mine),
        "flops": sum(c.added for c in mine),
        "flops_exact": sum(c.added / c.per_sample * exact_flops(game, c) for c in mine),
        "samples": sum(c.added / c.per_sample for c in mine),
        "steps": wanted.train_steps + wanted.dev_steps + wanted.test_steps,
        "epochs": max(c.epochs for c in last),
        "disk_gb": sum(job.cost.bytes for job in costs) / 1e9,
        "memory_gb": max(job.cost.memory for job in costs) / 1e9,
        **hours,
        "total_h": sum(hours.values()),
    }


def _all(rows: list[dict]) -> dict:
    largest = {"epochs", "memory_gb"}
    totals = {
        name: (max if name in largest else sum)(row[name] for row in rows) for name in COLUMNS
    }
    # FLOPs of several conventions have no sum; counted exactly they have one.
    return {**totals, "flops": math.nan}


def _kind(reason: str) -> str:
    """Why a cell is left out, without its own numbers."""
    return "fewer than min_updates" if "min_updates" in reason else (
        "more than max_epochs" if "max_epochs" in reason else reason
    )  # fmt: skip


def _warnings(params: Params, planned: list[Cell]) -> Iterable[str]:
    for name, game in params.games.items():
        twice = [c for c in planned if c.run.game == name and c.declared and c.epochs > 1]
        if twice:
            most = max(c.epochs for c in twice)
            wanted = game.demonstrations
            data = "train_steps" if wanted.unique_steps is None else "unique_steps"
            yield (
                f"{name}: {len(twice)} cells see their data more than once, up to {most:.1f} times"
                f" ({wanted.trained_steps:,} steps: demonstrations.{data})"
            )
        expert, labels = game.expert, registry.get("ALGORITHM", game.algorithm).labels
        if "expert_probs" in labels and expert.temperature == 0 and expert.noise == 0:
            yield (
                f"{name}: {game.algorithm} learns the expert's distribution, which is its action at"
                " expert.temperature 0: it is cloning to the last digit"
            )
        for split in ("dev", "test"):
            held_out = getattr(game.demonstrations, f"{split}_steps")
            few = held_out / steps_of(name, game).demonstration
            if few < FEWEST:
                yield (
                    f"{name}: about {few:.0f} episodes to measure the {split} loss on"
                    f" (demonstrations.{split}_steps): they widen every interval"
                )


def _not_foretold(proposals: list[dict]) -> Iterable[str]:
    for proposed in proposals:
        if proposed["breach"]:
            yield (
                f"{proposed['breach']}: snakemake forecast may leave it out"
                " (laws.forecast.factor, demonstrations.train_steps)"
            )


def _too_large(todo: list[Job], machine: Machine) -> Iterable[str]:
    device = machine.speed.device
    if device is None:
        return
    jobs = [job for job in todo if job.kind in schedule.ON_DEVICE]
    for job in jobs:
        # What a run holds is the same there as on a CPU, but for the buffers that stay outside.
        if job.cost.memory > device.memory:
            yield (
                f"{job.game}, {job.kind} {job.name}: {job.cost.memory / 1e9:.0f} GB do not fit on"
                f" {device.name} ({device.memory / 1e9:.0f} GB): lower train.batch"
            )


def show(plan: Plan) -> str:
    """The plan as text."""
    names = list(plan.rows[0])[1:]
    hours = [name for name in names if name.endswith("_h")]
    counts = {name: (name, FORMATS[name]) for name in names if name not in hours}
    spans = {name: (name.removesuffix("_h"), _span) for name in hours}
    lines = [*_aligned(plan.rows, counts), ""]
    spent = plan.rows[-1]["flops_exact"]
    lines.append(f"{spent / plan.separate:.0%} of the FLOPs of a run for every cell")
    lines += [f"{name}: left out {_list(why)}" for name, why in plan.left_out.items() if why]
    lines += [f"warning: {warning}" for warning in plan.warnings]
    lines += ["", "time of the jobs one after the other", *_aligned(plan.rows, spans), ""]
    machine, span = plan.machine, plan.makespan
    where = f"{machine.cores} jobs at once, one a core"
    if machine.gpus:
        where += f", of which at most {min(machine.gpus, machine.cores)} on a GPU"
    lines.append(
        f"side by side ({where}): about {_span(span.seconds / 3600)}, at most"
        f" {span.memory / 1e9:.1f} GB of memory"
    )
    lines.append(f"times: {machine.speed.origin}")
    if plan.forecast_hours:
        more = _span(plan.forecast_hours)
        lines.append(f"snakemake forecast, once the laws are fitted: {more} more")
    return "\n".join(lines)


def _aligned(rows: list[dict], columns: dict[str, tuple[str, Callable]]) -> list[str]:
    """Lines of a table: of each row its game and, right-aligned, the columns by their names here
    and formats; NaN is empty."""
    cells = [["", *(name for name, _ in columns.values())]]
    for row in rows:
        values = [(row[key], write) for key, (_, write) in columns.items()]
        texts = ("" if math.isnan(value) else write(value) for value, write in values)
        cells.append([row["game"], *texts])
    wide = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join([line[0].ljust(wide[0]), *map(str.rjust, line[1:], wide[1:])]) for line in cells
    ]


def _list(why: Counter) -> str:
    return ", ".join(f"{count} cells ({reason})" for reason, count in why.most_common())


def _span(hours: float) -> str:
    """'40 s', '12 min', '5.2 h', '30 d'."""
    if hours == 0:
        return "-"
    for limit, unit, size in ((1 / 60, "s", 3600), (1, "min", 60), (72, "h", 1)):
        if hours < limit:
            value = hours * size
            return f"{value:.1f} {unit}" if unit == "h" and value < 10 else f"{value:.0f} {unit}"
    return f"{hours / 24:,.0f} d"


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _exponent(value: float) -> str:
    return f"{value:.2e}"


FORMATS = {
    **dict.fromkeys(("runs", "cells", "left_out"), _count),
    **dict.fromkeys(("flops", "flops_exact", "samples", "steps"), _exponent),
    "epochs": "{:.2f}".format,
    **dict.fromkeys(("disk_gb", "memory_gb"), "{:.2f}".format),
}
