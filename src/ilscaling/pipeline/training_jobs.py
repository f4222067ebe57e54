"""The jobs that train a run: its parts (see `ilscaling.plan.part`) and what they make."""

from dataclasses import dataclass

from ilscaling import files, plan, schedules
from ilscaling.grid import Run

NAMES = {"train": "training", "trunk": "trunk of", "branch": "branches of"}


@dataclass(frozen=True)
class Training:
    """A job that trains a part of a run.

    Parameters
    ----------
    run
        The run.
    part
        What of it; the job's rule is called as its kind.
    output
        Path of the list of what the job makes.
    """

    run: Run
    part: plan.TrainingJob
    output: str

    @property
    def name(self) -> str:
        return f"{NAMES[self.part.kind]} {self.run.name}"


def of(keys, run: Run) -> list[Training]:
    """The jobs that train a run.

    Parameters
    ----------
    keys
        `Keys` of the study.
    run
        One of its runs.
    """
    parts = plan.parts(keys.params.games[run.game], keys.runs[run])
    return [Training(run, part, _output(keys, run, part)) for part in parts]


def _output(keys, run: Run, part: plan.TrainingJob) -> str:
    if part.kind == "train":
        return f"{keys.run_dir(run)}/cells-{keys.budgets_digest(run)}.json"
    if part.kind == "trunk":
        train = keys.params.games[run.game].train
        stops = schedules.trunk(train, [cell.updates for cell in part.cells])
        return f"{keys.trunk_dir(run)}/states-{files.digest(stops)[:12]}.json"
    digest = files.digest([cell.name for cell in part.cells])[:12]
    return f"{keys.run_dir(run)}/branches-{digest}.json"
