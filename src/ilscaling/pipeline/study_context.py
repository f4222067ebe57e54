"""What the scripts that make results know of the study: parameters, paths and keys.

The Snakefile writes it down once, when it starts: a source file that is edited while the pipeline
runs then changes neither what its last steps read nor under which key they write.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from ilscaling import files, params
from ilscaling.grid import Run


@dataclass(frozen=True)
class Study:
    """Contents of a study file.

    Parameters
    ----------
    params
        The study's parameters.
    games, runs
        Paths and keys of each section and of each run, as `describe` writes them.
    keys
        Every key by step.
    known
        The keys as a job of a cluster takes them.
    """

    params: params.Params
    games: dict[str, dict]
    runs: list[dict]
    keys: dict
    known: list

    @cached_property
    def by_run(self) -> dict[Run, dict]:
        return {Run(*(made[name] for name in RUN)): made for made in self.runs}


RUN = ("game", "family", "size", "seed")


def describe(keys) -> dict:
    """A study file's contents, from `Keys`."""
    games = {
        game: {
            "source": keys.dataset_name(game),
            "expert": keys.expert(game),
            "demos": keys.demos(game),
            "random": keys.random(game),
            "expert_key": keys.expert_key(game),
            "record_key": keys.record_key(game),
            "demos_key": keys.demos_key(game),
            "random_key": keys.random_key(game),
            "best_key": keys.best_key(game),
            "best_list": keys.best_list(game),
        }
        for game in keys.params.games
    }
    runs = [
        {
            **{name: getattr(run, name) for name in RUN},
            "run_dir": keys.run_dir(run),
            "run_key": keys.run_key(run),
            "evaluation_dir": keys.evaluation_dir(run),
            "evaluation_list": keys.evaluation_manifest(run),
            "evaluation_key": keys.evaluation_key(run),
            "curve": keys.curve(run),
            "flops": cells[-1].flops,
            "trained": [
                [job.part.kind, Path(job.output).parent.name, job.part.flops]
                for job in keys.trainings(run)
            ],
        }
        for run, cells in keys.runs.items()
    ]
    return {
        "params": keys.params.model_dump(mode="json"),
        "games": games,
        "runs": runs,
        "keys": keys.all(),
        "known": keys.frozen(),
    }


FOLDER = Path(".snakemake/studies")


def file_of(contents: dict) -> Path:
    """Path of a study file, which is a function of its contents."""
    return FOLDER / f"{files.digest(contents)[:12]}.json"


def of(keys) -> Study:
    """The study of `Keys`, as a study file holds it."""
    return Study(**{**describe(keys), "params": keys.params})


def read(path: Path) -> Study:
    """Read a study file."""
    contents = files.read_json(path)
    return Study(**{**contents, "params": params.check(contents["params"], where=str(path))})


def forecast(folder: Path | None) -> dict | None:
    """What was predicted and measured at the forecast's budgets, as figures and report take it."""
    return None if folder is None else foretold(folder / "done.json")


def foretold(path: Path) -> dict:
    """The same of a file.

    Raises
    ------
    DamagedFile, LookupError, OSError
        If it is no forecast of a study.
    """
    saved = files.read_json(path)
    frames = {name: pd.DataFrame(saved[name]) for name in ("predictions", "realised")}
    return {"proposals": saved["proposals"], **frames}
