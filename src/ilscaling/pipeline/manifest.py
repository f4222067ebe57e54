"""Which files of the store a study names, and whether what calls itself finished is whole.

A run's folder serves studies with other budgets, too, so the folder's name does not tell which of
its cells this study needs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ilscaling import files, schedules
from ilscaling.errors import IlscalingError
from ilscaling.grid import Run
from ilscaling.pipeline.keys import Keys

STAGES = ("demonstrations", "runs", "evaluations")
STATE = "state.safetensors"
# What a run's folder holds of the run as a whole, each written before the next.
COURSE = ("curve.csv", "timing.json", STATE)
DONE = "done.json"


@dataclass(frozen=True)
class Expected:
    """A keyed folder, or file, that a study names.

    Parameters
    ----------
    path
        Where it is, from the project's folder: below data/.
    lists
        The files that say what is complete, each written after all that it lists; none of a file.
    names
        The files that the study needs; None: all that the folder holds.
    """

    path: Path
    lists: tuple[str, ...] = ()
    names: frozenset[str] | None = None

    def wants(self, name: str) -> bool:
        return self.names is None or name in self.names


def expected(keys: Keys, *stages: str) -> Iterator[Expected]:
    """Every folder or file that the study names below the folders of some stages.

    Those of its forecast, once it is proposed, may be folders of the study over again.

    Parameters
    ----------
    keys
        Of the study.
    stages
        Some of `STAGES`.
    """
    if "demonstrations" in stages:
        for folder in sorted({keys.demos_dir(game) for game in keys.params.games}):
            yield Expected(Path(folder), (DONE,))
    if "evaluations" in stages:
        for path in sorted({keys.random(game) for game in keys.params.games}):
            yield Expected(Path(path))
        for path in filter(None, map(keys.best_list, keys.params.games)):
            yield Expected(Path(path).parent, (Path(path).name,))
    for run, cells in keys.runs.items():
        if "runs" in stages:
            yield from _trainings(keys, run)
        if "evaluations" in stages:
            list_file = Path(keys.evaluation_manifest(run))
            records = {f"{cell.name}.json" for cell in cells}
            names = frozenset({list_file.name, *records})
            yield Expected(list_file.parent, (list_file.name,), names)
    beyond = [stage for stage in stages if stage != "demonstrations"]
    if beyond and (forecast := keys.forecast()):
        yield from expected(forecast, *beyond)


def _trainings(keys: Keys, run: Run) -> Iterator[Expected]:
    """The folders of a run: its own, and that of its trunk if it has one."""
    lists, names = [], set()
    for job in keys.trainings(run):
        path, budgets = Path(job.output), [cell.name for cell in job.part.cells]
        if job.part.kind == "trunk":
            train = keys.params.games[run.game].train
            stops = schedules.trunk(train, [cell.updates for cell in job.part.cells])
            states = {f"update-{stop}.safetensors" for stop in stops}
            needed = frozenset({path.name, "failed.json", *states, *COURSE})
            yield Expected(path.parent, (path.name,), needed)
            continue
        lists.append(path.name)
        names |= {path.name, *(f"{b}.json" for b in budgets)}
        names |= {f"{b}.safetensors" for b in budgets}
        if job.part.kind == "train":
            names |= set(COURSE)
        else:
            names |= {f"curve-{b}.csv" for b in budgets} | {f"timing-{b}.json" for b in budgets}
    yield Expected(Path(keys.run_dir(run)), tuple(lists), frozenset(names))


def is_whole(folder: Path, list_file: str, names: frozenset[str] | None) -> bool:
    """Whether a folder holds what one of its lists names, bit by bit as it was made.

    A checkout or a deletion that was interrupted leaves holes; a damaged file may have its right
    size.

    Parameters
    ----------
    folder
        A keyed folder.
    list_file
        Name of the list in it.
    names
        Files that the study needs: of weights, only these are compared with their records.
    """
    from ilscaling.store.checksums import verify  # late: importing zarr takes a second

    try:
        if list_file == DONE:
            return verify(folder / "demos.zarr") > 0
        if list_file.startswith("states-"):  # of a trunk; a state names the run that it is of
            return all((folder / name).is_file() for name in files.read_json(folder / list_file))
        for record_file in files.read_list(folder / list_file).values():
            weights = record_file.with_suffix(".safetensors")
            if weights.name in (names or ()) and not is_as_recorded(weights):
                return False
    except (OSError, ValueError, LookupError, TypeError, AttributeError, IlscalingError):
        return False
    return True


def is_as_recorded(file: Path) -> bool:
    """Whether a file is what stands of it in the record or lists beside it, or in itself; True of a
    file of which nothing stands anywhere. Raises as `files.read_json` does."""
    record_file = file.with_suffix(".json")
    if file.suffix == ".safetensors" and file.stem[:1].isdigit():
        record = files.read_json(record_file)
        if record["status"] != "done":
            return True
        return file.is_file() and files.sha256(file) == record["sha256"]
    if file.suffix == ".json" and file.stem[:1].isdigit():
        lists = [files.read_json(path) for path in file.parent.glob("*-*.json") if is_list(path)]
        digests = {listed[file.name] for listed in lists if file.name in listed}
        return not digests or files.sha256(file) in digests
    if file.name.startswith("random-"):
        files.read_sealed(file, "")
    return True


def is_list(path: Path) -> bool:
    """Whether a file's name is that of a list of cells."""
    return path.name.startswith(("cells-", "branches-"))
