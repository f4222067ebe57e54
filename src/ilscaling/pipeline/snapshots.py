"""The policies that a study has trained: which there are, and which plays best."""

from dataclasses import dataclass
from pathlib import Path

from ilscaling import files
from ilscaling.errors import GameError


@dataclass(frozen=True)
class Trained:
    """A policy of a study.

    Parameters
    ----------
    section
        Of the study.
    size, seed
        Of its run.
    budget
        Training FLOPs.
    dev_loss, return_mean
        As it was measured: nats a step, and points of the game.
    file
        The snapshot.
    """

    section: str
    size: int
    seed: int
    budget: float
    dev_loss: float
    return_mean: float
    file: Path


def trained(keys, section: str | None = None) -> list[Trained]:
    """The measured policies of a study, the best return of each section first.

    Parameters
    ----------
    keys : Keys
        Of the study.
    section
        Only of this one.

    Raises
    ------
    GameError
        For a section that the study does not have.
    """
    if section is not None and section not in keys.params.games:
        there = list(keys.params.games)
        raise GameError(
            f"the study {keys.params.study} has no section {section!r}",
            where="--game",
            fix="--game " + " or ".join(there),
        )
    every = []
    for run, cells in keys.runs.items():
        if section not in (None, run.game):
            continue
        folder, measured = Path(keys.run_dir(run)), Path(keys.evaluation_dir(run))
        for cell in cells:
            file, record = folder / f"{cell.name}.safetensors", measured / f"{cell.name}.json"
            if not (file.is_file() and record.is_file()):
                continue
            said = files.read_json(record)
            values = (said.get(name) for name in ("dev_loss", "return_mean"))
            if said.get("status") == "done" and None not in (values := tuple(values)):
                every.append(Trained(run.game, run.size, run.seed, cell.budget, *values, file))
    order = list(keys.params.games)
    return sorted(every, key=lambda one: (order.index(one.section), -one.return_mean))
