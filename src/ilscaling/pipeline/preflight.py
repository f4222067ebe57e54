"""What has to be there before the first job starts, and what must not."""

import fcntl
import os
import shutil
from pathlib import Path

from ilscaling import files, plan
from ilscaling.errors import WorkflowError
from ilscaling.params import NetHack, Params
from ilscaling.pipeline import artifact_store
from ilscaling.pipeline.keys import Keys


def look_on(keys: Keys) -> None:
    """What a dry run does first: fetch what the store holds, so that it tells the truth. Where a
    pipeline runs, that one has done so."""
    Path(".snakemake").mkdir(exist_ok=True)
    descriptor = os.open(".snakemake/ilscaling.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        artifact_store.restore(keys, mend=False)
    except BlockingIOError:
        pass
    finally:
        os.close(descriptor)


def sweep(*folders: Path) -> None:
    """Remove the temporary files and folders that killed jobs left half-written."""
    for folder in folders:
        for stale in sorted(folder.glob("**/.*.tmp*")):
            shutil.rmtree(stale) if stale.is_dir() else stale.unlink(missing_ok=True)


def write_params(params: Params) -> str:
    """Path of the merged parameters (params.yaml, studies and all) for the jobs to read."""
    values = params.model_dump(mode="json")
    path = Path(".snakemake/params") / f"{files.digest(values)[:12]}.yaml"
    if not path.exists():
        files.write_json(path, values)  # JSON is YAML, and floats survive it exactly
    return str(path)


def missing_bytes(params: Params, keys: Keys) -> float:
    """Disk space that what is still to be made will take."""
    wanted = 0.0
    stamps = {keys.demos_stamp(name): (name, game) for name, game in params.games.items()}
    for stamp, (name, game) in stamps.items():
        if not Path(stamp).exists():
            wanted += game.demonstrations.jobs * plan.record_cost(game, name).bytes
            wanted += plan.shard_cost(game, name).bytes
    for run, cells in keys.runs.items():
        if not Path(keys.run_manifest(run)).exists():
            wanted += plan.train_cost(params.games[run.game], cells).bytes
    return wanted


def refuse_absent_recordings(params: Params, keys: Keys) -> None:
    """Raise WorkflowError if recordings that are still to be ingested are not there."""
    for name, game in params.games.items():
        if not isinstance(game, NetHack) or game.expert.recordings is None:
            continue
        folder = Path(game.expert.recordings.path).expanduser()
        if not folder.is_dir() and not Path(keys.demos_stamp(name)).exists():
            raise WorkflowError(
                f"no recordings of {name} there",
                where=f"{folder} (params: games.{name}.expert.recordings.path)",
                fix="give the folder that holds NLD's subfolders, or null for the built-in bot",
            )
