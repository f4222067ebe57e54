"""The default study's training stage against the sum of its ideal step times.

The stage itself takes minutes. Its runs are made of a process each (start, imports, opening the
data, snapshots, states) and their steps: both are measured, a whole job of UPDATES updates by the
command line and steps in this process, and put together for all runs of the study.
"""

import sys
from collections.abc import Iterator

import numpy as np
import step
import yaml
from demonstrations import Study
from measure import Line, line, rounds
from pipeline import spent

from ilscaling import flops, plan

UPDATES = 200


def lines(study: Study) -> Iterator[Line]:
    """CPU time of all runs over their ideal steps, in all and of each game."""
    whole, ideal = 0.0, 0.0
    for game in ("breakout", "nethack"):
        mine, best, process = stage(study, game)
        whole, ideal = whole + mine, ideal + best
        yield line(
            "grid", f"{game}: training stage", mine / best,
            "its steps on a batch in memory", goal="<= 1.3",
            note=f"{best:.0f} s of steps; {process:.1f} s a process beside them",
        )  # fmt: skip
    yield line(
        "grid", "both games: training stage", whole / ideal, "its steps on a batch in memory",
        goal="<= 1.3", note=f"{whole:.0f} s of CPU in all",
    )  # fmt: skip


def stage(study: Study, game: str) -> tuple[float, float, float]:
    """CPU seconds of all runs of a game, of their ideal steps, and of a process without steps."""
    section = study.params.games[game]
    only = study.params.model_copy(update={"games": {game: section}})
    longest = {cell.run.size: cell for cell in plan.cells(only) if cell.declared}
    fed, best, process = 0.0, 0.0, []
    for size, cell in longest.items():
        run = step.Run(study, game, size)
        still = run.still(run.next())
        times = np.median(rounds(run.fed, still, least=3, budget=2), 0) / run.many
        run.batches.close()
        ledger = flops.ledger(run.family, size, **run.shape, convention=section.grid.flops)
        updates = cell.flops / ledger.training / run.batch
        fed, best = fed + updates * times[0], best + updates * times[1]
        if size in (min(longest), max(longest)):
            process.append(max(0.0, job(study, game, size, ledger.training) - UPDATES * times[0]))
    each = sum(process) / len(process)
    return fed + each * len(longest), best, each


def job(study: Study, game: str, size: int, per_sample: int) -> float:
    """CPU seconds of one training job of UPDATES updates by the command line."""
    values = study.params.model_dump(mode="json")
    section = study.params.games[game]
    last = float(UPDATES * section.train.batch_of(size) * per_sample)
    values["games"] = {game: values["games"][game]}
    values["games"][game]["grid"] |= {
        "sizes": [size], "budgets": [last / 2, last], "min_updates": 1, "max_epochs": 1e9,
    }  # fmt: skip
    file = study.work / f"{game}-{size}.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    out = study.work / f"{game}-{size}" / "cells.json"
    return spent(
        sys.executable, "-m", "ilscaling", "train", "--params", str(file), "--game", game,
        "--size", str(size), "--demos", str(study.store(game)), "--out", str(out), calls=1,
    )  # fmt: skip
