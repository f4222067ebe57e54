"""Where a study's results come from: commit, keys, versions, hardware, time and FLOPs a stage."""

import csv
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from keys import Keys

from ilscaling.files import read_json

PACKAGES = (
    "ilscaling", "torch", "ale-py", "gymnasium", "numpy", "zarr", "pandas", "statsmodels",
    "matplotlib", "seaborn", "stable-baselines3", "snakemake", "dvc",
)  # fmt: skip

# Snakemake rule -> name of the stage in the report
STAGES = {
    "train_expert": "training the expert",
    "record": "recording demonstrations",
    "shard": "sharding",
    "random": "random play",
    "train": "behaviour cloning",
    "evaluate": "evaluation",
    "table": "table",
    "fit": "fits",
    "figures": "figures",
}


def git(*arguments: str) -> str:
    """Output of a Git command; empty outside a repository."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def seconds(pattern: str) -> list[float]:
    """Wall seconds of the jobs whose Snakemake timings match `pattern` below logs/times."""
    found = []
    for path in sorted(Path("logs/times").glob(pattern)):
        with path.open() as file:
            found += [float(row["s"]) for row in csv.DictReader(file, delimiter="\t")]
    return found


def stages(keys: Keys) -> list[dict]:
    """Jobs, wall seconds and training FLOPs of each stage, as far as this folder ran them."""
    rows = []
    patterns: dict[str, list[str]] = {name: [] for name in STAGES}
    for game in keys.params.games:
        patterns["train_expert"].append(f"train_expert/{game}-{keys.expert_key(game)}.tsv")
        patterns["record"].append(f"record/{game}-{keys.record_key(game)}-*.tsv")
        patterns["shard"].append(f"shard/{game}-{keys.demos_key(game)}.tsv")
        patterns["random"].append(f"random/{game}-{keys.random_key(game)}.tsv")
    for run in keys.runs:
        name = f"{run.game}-{run.name}"
        patterns["train"].append(f"train/{name}-{keys.run_key(run)}-*.tsv")
        patterns["evaluate"].append(f"evaluate/{name}-{keys.evaluation_key(run)}-*.tsv")
    for step in ("table", "fit", "figures"):
        patterns[step].append(f"{step}-{getattr(keys, f'{step}_key')}.tsv")
    spent = sum(cells[-1].flops for cells in keys.runs.values())
    for rule, stage in STAGES.items():
        took = [value for pattern in patterns[rule] for value in seconds(pattern)]
        if took:
            flops = spent if rule == "train" else None
            rows.append({"stage": stage, "jobs": len(took), "seconds": sum(took), "flops": flops})
    return rows


def processors(keys: Keys) -> str:
    """What trained the runs, as their own records say, with precision and threads."""
    found = set()
    for run in keys.runs:
        timing = Path(keys.run_dir(run)) / "timing.json"
        if timing.exists():
            made = read_json(timing)
            parts = [
                str(made[name]) for name in ("processor", "device", "precision") if name in made
            ]
            found.add(", ".join(parts))
    return "; ".join(sorted(found)) or platform.processor()


def gather(keys: Keys) -> dict:
    """Everything that `report.write` shows under provenance."""
    return {
        "commit": git("rev-parse", "HEAD") or "no commit",
        "dirty": bool(git("status", "--porcelain", "--untracked-files=no")),
        "keys": _flat(keys.all()),
        "versions": {"python": platform.python_version(), **{p: version(p) for p in PACKAGES}},
        "hardware": {
            "runs trained on": processors(keys),
            "cores here": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
        },
        "stages": stages(keys),
        "reproduce": ["git checkout COMMIT", "make demo"],
        "notes": [],
    }


def _flat(nested: dict) -> dict[str, str]:
    flat = {}
    for step, value in nested.items():
        if isinstance(value, dict):
            flat.update({f"{step} {name}": key for name, key in value.items()})
        else:
            flat[step] = value
    return flat
