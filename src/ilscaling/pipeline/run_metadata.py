"""Where a study's results come from: commit, keys, versions, hardware, time and FLOPs a stage."""

import csv
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from ilscaling.files import read_json
from ilscaling.pipeline.study_context import Study

PACKAGES = (
    "ilscaling", "torch", "ale-py", "nle", "gymnasium", "numpy", "zarr", "pandas", "statsmodels",
    "matplotlib", "seaborn", "stable-baselines3", "snakemake", "dvc",
)  # fmt: skip

# Snakemake rule -> name of the stage in the report
STAGES = {
    "train_expert": "training the expert",
    "record": "recording demonstrations",
    "record_nethack": "recording NetHack",
    "build_store": "building the store",
    "ingest": "ingesting NetHack",
    "evaluate_random": "random play",
    "train": "behaviour cloning",
    "train_trunk": "behaviour cloning, trunks",
    "train_branch": "behaviour cloning, branches",
    "evaluate": "evaluation",
    "evaluate_best": "evaluation of the best",
    "collect_table": "table",
    "fit": "fits",
    "plot_figures": "figures",
}
# Kind of a training's part -> rule; step of the results -> rule.
TRAINING = {"train": "train", "trunk": "train_trunk", "branch": "train_branch"}
RESULTS = {"table": "collect_table", "fit": "fit", "figures": "plot_figures"}


def git(*arguments: str) -> str:
    """Output of a Git command; empty outside a repository."""
    try:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, encoding="utf-8", errors="replace", check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def seconds(pattern: str) -> list[float]:
    """Wall seconds of the jobs whose Snakemake timings match `pattern` below logs/times."""
    durations = []
    for path in sorted(Path("logs/times").glob(pattern)):
        with path.open(encoding="utf-8") as file:
            durations += [float(row["s"]) for row in csv.DictReader(file, delimiter="\t")]
    return durations


def stages(study: Study) -> list[dict]:
    """Jobs, wall seconds and training FLOPs of each stage, as far as this folder ran them."""
    patterns: dict[str, set[str]] = {name: set() for name in STAGES}
    for name, game in study.games.items():
        source = game["source"]
        patterns["evaluate_best"].add(f"evaluate_best/{name}-{game['best_key']}.tsv")
        for rule, key, tail in (
            ("train_expert", "expert_key", ""),
            ("record", "record_key", "-*"),
            ("record_nethack", "record_key", "-*"),
            ("build_store", "demos_key", ""),
            ("ingest", "demos_key", ""),
            ("evaluate_random", "random_key", ""),
        ):
            patterns[rule].add(f"{rule}/{source}-{game[key]}{tail}.tsv")
    spent: dict[str, float] = {}
    for run, made in study.by_run.items():
        name = f"{run.game}-{run.name}"
        for kind, folder, flops in made["trained"]:
            rule = TRAINING[kind]
            patterns[rule].add(f"{rule}/{run.game}-{folder}-*.tsv")
            spent[rule] = spent.get(rule, 0.0) + flops
        patterns["evaluate"].add(f"evaluate/{name}-{made['evaluation_key']}-*.tsv")
    for step, rule in RESULTS.items():
        patterns[rule].add(f"{rule}/{study.keys[step]}.tsv")
    rows = []
    for rule, stage in STAGES.items():
        took = [value for pattern in sorted(patterns[rule]) for value in seconds(pattern)]
        if took:
            row = {"stage": stage, "jobs": len(took), "seconds": sum(took)}
            rows.append({**row, "flops": spent.get(rule)})
    return rows


def processors(study: Study) -> str:
    """What trained the runs, as their own records say, with precision and threads."""
    names = set()
    for run in study.runs:
        for timing in Path(run["run_dir"]).glob("timing*.json"):
            made = read_json(timing)
            parts = [
                str(made[name]) for name in ("processor", "device", "precision") if name in made
            ]
            names.add(", ".join(parts))
    return "; ".join(sorted(names)) or platform.processor()


def gather(study: Study) -> dict:
    """Everything that `report.write` shows under provenance."""
    return {
        "commit": git("rev-parse", "HEAD") or "no commit",
        "dirty": bool(git("status", "--porcelain", "--untracked-files=no")),
        "keys": _flat(study.keys),
        "versions": {"python": platform.python_version(), **{p: version(p) for p in PACKAGES}},
        "hardware": {
            "runs trained on": processors(study),
            "cores here": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
        },
        "stages": stages(study),
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
