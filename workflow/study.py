"""What the scripts that make results know of the study: parameters, paths and keys.

The Snakefile writes it down once, when it starts: a source file that is edited while the pipeline
runs then changes neither what its last steps read nor under which key they write.
"""

import argparse
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ilscaling import files, params
from ilscaling.cells import Run


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
            "expert": keys.expert(game) if section.domain == "atari" else None,
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
            "flops": cells[-1].flops,
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


def read(path: Path) -> Study:
    """Read a study file."""
    contents = json.loads(path.read_text())
    return Study(**{**contents, "params": params.check(contents["params"], where=str(path))})


def arguments(description: str, *inputs: str) -> argparse.Namespace:
    """Command line of a script that makes results: study, its `inputs`, out and stamp."""
    parser = argparse.ArgumentParser(description=description)
    for name in ("study", *inputs, "out", "stamp"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    found = parser.parse_args()
    found.study = read(found.study)
    return found
