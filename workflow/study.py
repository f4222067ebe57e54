"""What the scripts that make results know of the study: parameters, paths and keys.

The Snakefile writes it down once, when it starts: a source file that is edited while the pipeline
runs then changes neither what its last steps read nor under which key they write.
"""

import argparse
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from ilscaling import files, params
from ilscaling.grid import Run


@dataclass(frozen=True)
class Study:
    """Contents of a study file; `games` and `runs` hold the paths and keys of `describe`."""

    params: params.Params
    games: dict[str, dict]
    runs: list[dict]
    keys: dict

    @cached_property
    def by_run(self) -> dict[Run, dict]:
        return {Run(*(made[name] for name in RUN)): made for made in self.runs}


RUN = ("game", "family", "size", "seed")


def describe(keys) -> dict:
    """A study file's contents, from `keys.Keys`."""
    games = {
        game: {
            "source": keys.source(game),
            "expert": None if section.domain == "nethack" else keys.expert(game),
            "demos": keys.demos(game),
            "random": keys.random(game),
            "expert_key": keys.expert_key(game),
            "record_key": keys.record_key(game),
            "demos_key": keys.demos_key(game),
            "random_key": keys.random_key(game),
        }
        for game, section in keys.params.games.items()
    }
    runs = [
        {
            **{name: getattr(run, name) for name in RUN},
            "run_dir": keys.run_dir(run),
            "run_key": keys.run_key(run),
            "evaluation_dir": keys.evaluation_dir(run),
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
    }


def write(keys) -> str:
    """Write the study file; returns its path, which is a function of its contents."""
    contents = describe(keys)
    path = Path(".snakemake/studies") / f"{files.digest(contents)[:12]}.json"
    if not path.exists():
        files.write_json(path, contents)
    return str(path)


def of(keys) -> Study:
    """The study of `keys.Keys`, as a study file holds it."""
    return Study(**{**describe(keys), "params": keys.params})


def read(path: Path) -> Study:
    """Read a study file."""
    contents = json.loads(path.read_text())
    return Study(**{**contents, "params": params.check(contents["params"], where=str(path))})


def forecast(stamp: Path | None) -> dict | None:
    """What was predicted and measured at the forecast's budgets, as figures and report take it."""
    if stamp is None:
        return None
    found = files.read_json(stamp)
    frames = {name: pd.DataFrame(found[name]) for name in ("predictions", "realised")}
    return {"proposals": found["proposals"], **frames}


def arguments(description: str, *inputs: str) -> argparse.Namespace:
    """Command line of a script that makes results: study, its `inputs` and stamp; `forecast` may
    be left empty."""
    parser = argparse.ArgumentParser(description=description)
    for name in ("study", *inputs, "stamp"):
        optional = {"nargs": "?"} if name == "forecast" else {}
        parser.add_argument(f"--{name}", type=Path, required=True, **optional)
    found = parser.parse_args()
    found.study = read(found.study)
    # Which figures these are, with a forecast or without, the study file does not know.
    for stamp in (*found.stamp.parent.glob("figures-*.json"), found.stamp):
        step, _, key = stamp.stem.rpartition("-")
        found.study.keys[step] = key
    return found
