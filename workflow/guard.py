"""What the workflow does around its jobs: one pipeline a folder, disk space, the closing words."""

import fcntl
import json
import os
import sys
from pathlib import Path

from keys import Keys
from monitor import Job

from ilscaling import files, plan
from ilscaling.errors import WorkflowError
from ilscaling.params import Params


def hold(folder: str | Path) -> int:
    """Take the folder's pipeline lock, or refuse; clears what a killed Snakemake left locked.

    The kernel releases the lock with the process, however it ends. Whoever holds it knows that no
    other Snakemake runs here, so Snakemake's own lock files must be a dead one's.
    Returns the descriptor that holds the lock for the life of the process.
    """
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    # Not inherited by jobs: a job that outlives a killed pipeline must not block the next one.
    descriptor = os.open(folder / "ilscaling.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode().strip()
        raise WorkflowError(
            f"another pipeline is running in this folder (process {holder})",
            where=str(Path.cwd()),
            fix=f"wait for it, or stop it: kill {holder}",
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    for stale in (folder / "locks").glob("*.lock"):
        stale.unlink(missing_ok=True)
    return descriptor


def write_params(params: Params) -> str:
    """Path of the merged parameters (params.yaml, studies and all) for the jobs to read."""
    values = params.model_dump(mode="json")
    path = Path(".snakemake/params") / f"{files.digest(values)[:12]}.yaml"
    if not path.exists():
        files.write_json(path, values)  # JSON is YAML, and floats survive it exactly
    return str(path)


def jobs(params: Params, keys: Keys) -> list[Job]:
    """Every job worth watching, with the plan's expected thread-seconds."""
    found = []
    for name, game in params.games.items():
        stamp = keys.demos_stamp(name)
        if game.expert.file is None:
            seconds = game.expert.ppo.steps / 500
            found.append(Job(f"expert of {name}", keys.expert(name), seconds))
        if not Path(stamp).exists():
            cost = plan.record_cost(game).seconds
            found += [Job(f"recording {j}", p, cost) for j, p in enumerate(keys.parts(name))]
        found.append(Job(f"shards of {name}", stamp, plan.shard_cost(game).seconds))
    for run, cells in keys.runs.items():
        game = params.games[run.game]
        train, evaluate = plan.train_cost(cells), plan.evaluate_cost(game, cells)
        found.append(Job(f"training {run.name}", keys.run_manifest(run), train.seconds))
        found.append(Job(f"evaluating {run.name}", keys.evaluation_manifest(run), evaluate.seconds))
    found.append(Job("results", keys.stamp("report"), 30.0))
    return found


def missing_bytes(params: Params, keys: Keys) -> float:
    """Disk space that what is still to be made will take."""
    wanted = 0.0
    for name, game in params.games.items():
        if not Path(keys.demos_stamp(name)).exists():
            wanted += game.demonstrations.jobs * plan.record_cost(game).bytes
            wanted += plan.shard_cost(game).bytes
    for run, cells in keys.runs.items():
        if not Path(keys.run_manifest(run)).exists():
            wanted += plan.train_cost(cells).bytes
    return wanted


def announce(keys: Keys) -> None:
    """Print where the report is and what was fitted, if the study is complete."""
    if not Path(keys.stamp("report")).exists():
        return
    metrics = json.loads(Path("results/metrics.json").read_text())
    print(f"\nReport:  {Path('results/report.html').resolve()}", file=sys.stderr)
    for line in headline(metrics):
        print(line, file=sys.stderr)


def headline(metrics: dict) -> list[str]:
    """The fitted exponents in one line a law, for the terminal."""
    lines = []
    for game, found in metrics.items():
        lines.append(f"{game}:")
        lines += [f"  {name} = {_short(value)}" for name, value in found.items()]
    return lines


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
