"""Which files of the stages' folders a study names, and whether what is finished is whole.

A run's folder serves studies with other budgets, too, so the folder's name does not tell which of
its cells this study needs. Pruning, restoring and mending all ask here.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from keys import Keys

from ilscaling import schedules
from ilscaling.grid import Run, budget_name

STAGES = ("demonstrations", "runs", "evaluations")
STATE = "state.safetensors"
# What a run's folder holds of the run as a whole, each written before the next.
COURSE = ("curve.csv", "timing.json", STATE)
DONE = "done.json"
# Lists of what a job of training or evaluation has made, each written after all that it names.
LISTS = ("cells-", "states-", "branches-")


@dataclass(frozen=True)
class Named:
    """A keyed folder (or file) that a study names.

    `last`: the file that says that the folder is complete, written after all others.
    `cells`: updates at which each cell of a run, or state of a trunk, is due, by its file.
    `names`: the files that the study needs, None for all that the folder holds.
    """

    path: Path
    last: str
    cells: dict[str, int]
    names: frozenset[str] | None

    @property
    def finished(self) -> Path:
        return self.path / self.last if self.last else self.path

    def wants(self, name: str) -> bool:
        return self.names is None or name in self.names


def named(keys: Keys, *stages: str, root: Path = Path()) -> Iterator[Named]:
    """Every folder or file that the study names below the folders of `stages`; those of its
    forecast, once it is proposed, may be folders of the study over again."""
    if "demonstrations" in stages:
        for stamp in sorted({keys.demos_stamp(game) for game in keys.params.games}):
            yield Named(root / Path(stamp).parent, DONE, {}, None)
    if "evaluations" in stages:
        for path in sorted({keys.random(game) for game in keys.params.games}):
            yield Named(root / path, "", {}, None)
    for run, planned in keys.runs.items():
        cells = {f"{budget_name(cell.budget)}.json": cell.updates for cell in planned}
        records = set(cells)
        last = f"cells-{keys.ladder(run)}.json"
        if "runs" in stages:
            weights = {name.replace(".json", ".safetensors") for name in cells}
            yield from _trainings(keys, run, {last, *records, *weights}, cells, root)
        if "evaluations" in stages:
            names = frozenset({last, *records})
            yield Named(root / keys.evaluation_dir(run), last, cells, names)
    beyond = [stage for stage in stages if stage != "demonstrations"]
    if beyond and (forecast := keys.forecast()):
        yield from named(forecast, *beyond, root=root)


def _trainings(keys: Keys, run: Run, names: set[str], cells: dict, root: Path) -> Iterator[Named]:
    """A run's folder, and that of its trunk if it has one; `names`: of lists and cells."""
    made = {Path(job.output): job for job in keys.trainings(run)}
    folder, last = root / keys.run_dir(run), f"cells-{keys.ladder(run)}.json"
    if keys.schedule(run) == "constant":
        yield Named(folder, last, cells, frozenset({*names, *COURSE}))
        return
    for path, job in made.items():
        if job.part.kind == "trunk":
            train = keys.params.games[run.game].train
            stops = schedules.trunk(train, [cell.updates for cell in job.part.cells])
            states = {f"update-{stop}.safetensors": stop for stop in stops}
            kept = frozenset({path.name, "failed.json", *states, *COURSE})
            yield Named(root / path.parent, path.name, states, kept)
            continue
        budgets = [budget_name(cell.budget) for cell in job.part.cells]
        own = {name: update for name, update in cells.items() if name[:-5] in budgets}
        beside = {f"curve-{b}.csv" for b in budgets} | {f"timing-{b}.json" for b in budgets}
        names = names | beside
        yield Named(folder, path.name, own, frozenset({path.name, *names}))
    yield Named(folder, last, cells, frozenset(names))


def whole(found: Named) -> bool:
    """Whether a folder that calls itself finished holds what it lists. A checkout or a deletion
    that was interrupted leaves it with holes."""
    try:
        if found.last == DONE:
            return _whole_store(found.path)
        if not found.last:
            return found.path.is_file()
        for name in json.loads(found.finished.read_text()):
            if name.endswith(".safetensors") and not (found.path / name).is_file():
                return False
            if name.endswith(".safetensors"):
                continue
            record = found.path / name
            weights = record.with_suffix(".safetensors")
            status = json.loads(record.read_text())["status"]
            if weights.name in found.names and status == "done" and not weights.is_file():
                return False
    except (OSError, ValueError, LookupError):
        return False
    return True


def _whole_store(folder: Path) -> bool:
    """Whether every file of the demonstrations is there, in its recorded size."""
    store = folder / "demos.zarr"
    listed = json.loads((store / "zarr.json").read_text())["attributes"]["files"]
    return all((store / name).stat().st_size == file["bytes"] for name, file in listed.items())
