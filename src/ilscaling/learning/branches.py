"""Runs whose rate falls: a trunk at constant rate, and for each budget a branch of its own.

A trunk's folder holds `update-<n>.safetensors`, the whole state of the run at each update at which
a branch leaves, and `failed.json` if it ended before one. A cell's folder holds beside its snapshot
`curve-<budget>.csv` and `timing-<budget>.json` of the way there from the run's start. What a branch
begins with is a state like any other, so trunk and branch are one uninterrupted course: the same
weights, samples and curve as if they had been trained at once.
"""

from dataclasses import dataclass
from pathlib import Path

from ilscaling import schedules
from ilscaling.cells import budget_name
from ilscaling.files import read_json, write_json
from ilscaling.learning import snapshot
from ilscaling.learning.state import saved


@dataclass(frozen=True)
class Course:
    """Training along one curve of the rate.

    folder, mark: where its state, curve and times are kept, and what sets their names apart;
    run: digest of what it trains; stops: updates to stop at, rising; before: the last update of a
    state that it may go on from, the first stop by default; begin: the update that its own work
    begins at; end: see `schedules.factor`; origins: other states that it may start from, and their
    digest.
    """

    folder: Path
    run: str
    stops: list[int]
    mark: str = ""
    before: int | None = None
    begin: int = 0
    end: int | None = None
    origins: tuple[Path, ...] = ()
    origin_run: str = ""

    def file(self, kind: str, suffix: str) -> Path:
        return self.folder / f"{kind}{self.mark}{suffix}"

    @property
    def state(self) -> Path:
        return self.file("state", ".safetensors")

    def start(self) -> Path | None:
        """The furthest state to go on from; None without one."""
        runs = {**dict.fromkeys(self.origins, self.origin_run), self.state: self.run}
        found = {path: saved(path, run) for path, run in runs.items()}
        last = self.stops[0] if self.before is None else self.before
        usable = [path for path, at in found.items() if at is not None and at <= last]
        return max(usable, key=found.get, default=None)


def leave(folder: Path, update: int) -> Path:
    """File of a trunk's state at an update."""
    return folder / f"update-{update}.safetensors"


def trunk(task, stops: list[int], folder: Path) -> dict | None:
    """Train a trunk and leave its state at every stop; those that are there are kept, and each
    other one is made from the nearest before it.

    Returns what is known of its failure, None if it reached them all.
    """
    there = {stop for stop in stops if saved(leave(folder, stop), task.trunk) == stop}
    missing = [stop for stop in stops if stop not in there]
    failure = _failure(task, folder)
    if not missing or failure is not None:
        return failure if missing else None
    known = sorted(int(p.stem.removeprefix("update-")) for p in folder.glob("update-*.safetensors"))
    stretches: list[list[int]] = []
    for stop in missing:
        # A state between two stops saves training up to it: a stretch of its own begins there.
        if not stretches or any(stretches[-1][-1] < update < stop for update in known):
            stretches.append([])
        stretches[-1].append(stop)
    origins = tuple(leave(folder, update) for update in known)
    with task.bar(missing[-1]) as bar:
        for stretch in stretches:
            course = Course(folder, task.trunk, stretch, origins=origins, origin_run=task.trunk)
            for stop, (trainer, reason) in zip(stretch, task.follow(course, bar), strict=False):
                if reason:
                    failed = {"run": task.trunk, "update": trainer.state.update, "reason": reason}
                    if task.team.first:
                        write_json(folder / "failed.json", failed)
                    return failed
                trainer.state.save(leave(folder, stop), task.trunk)
    return None


def _failure(task, folder: Path) -> dict | None:
    try:
        found = read_json(folder / "failed.json")
        return found if found["run"] == task.trunk else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def cells(task, budgets: list[float], due: list[int], out: Path, folder: Path) -> list[dict]:
    """Train every cell's own part; returns their records. folder: the trunk's, of which what is
    missing is made first."""
    paths = snapshot.paths(out, budgets)
    records = [snapshot.kept(path, task.run) for path in paths]
    wanted = [end for end, record in zip(due, records, strict=True) if record is None]
    failure = trunk(task, schedules.trunk(task.settings, wanted), folder)
    for position, (budget, end) in enumerate(zip(budgets, due, strict=True)):
        begin = schedules.shared(task.settings, end)
        course = Course(
            out,
            task.run,
            [end],
            mark=f"-{budget_name(budget)}",
            begin=begin,
            end=end,
            origins=(leave(folder, begin),),
            origin_run=task.trunk,
        )
        if records[position] is None:
            made = _cell(task, course, budget, begin, failure)
            records[position] = task.write(paths[position], *made)
        # The rate has fallen: nothing goes on from here.
        course.state.unlink(missing_ok=True)
    return records


def _cell(task, course: Course, budget: float, begin: int, failure: dict | None) -> tuple:
    """Weights (None if it failed) and record of a cell."""
    if failure is not None and begin >= failure["update"]:
        return None, task.record(budget, failure["update"], None, failure["reason"])
    with task.bar(course.stops[0], begin) as bar:
        ((trainer, reason),) = task.follow(course, bar)
    made = trainer.record(budget, reason)
    return (None if reason else trainer.state.snapshot()), made
