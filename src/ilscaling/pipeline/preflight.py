"""What has to be there before the first job starts, and what must not."""

import os
import shutil
from pathlib import Path

from ilscaling import files, plan
from ilscaling.errors import WorkflowError
from ilscaling.params import Params
from ilscaling.pipeline import artifact_store, code_snapshot, slurm, study_context, watchdog
from ilscaling.pipeline.keys import Keys


def params_file(params: Params, snapshot: code_snapshot.Snapshot) -> tuple[Path, dict]:
    """The merged parameters (params.yaml, studies and all) for the jobs.

    Parameters
    ----------
    params
        Of the study.
    snapshot
        Of the sources, whose copies of extensions the jobs load.

    Returns
    -------
    tuple
        Path and content.
    """
    values = params.model_dump(mode="json")
    values["extensions"] = [snapshot.extension(name) for name in params.extensions]
    return Path(".snakemake/params") / f"{files.digest(values)[:12]}.yaml", values


def write(path: Path, content: dict) -> None:
    """Write a file for the jobs to read, unless it is there.

    Parameters
    ----------
    path
        Its name is a function of its content.
    content
        Ready for JSON.
    """
    if not path.exists():
        files.write_json(path, content)  # JSON is YAML, and floats survive it exactly


def write_params(params: Params, snapshot: code_snapshot.Snapshot) -> str:
    """Write the merged parameters for the jobs; returns the path (see `params_file`).

    Parameters
    ----------
    params, snapshot
        As of `params_file`.
    """
    path, values = params_file(params, snapshot)
    write(path, values)
    return str(path)


def begin(keys: Keys, snapshot: code_snapshot.Snapshot, study: dict) -> None:
    """Prepare for jobs; the caller holds the pipeline's lock.

    Ends what a killed pipeline of this folder left running, and writes down what the jobs read.

    Parameters
    ----------
    keys
        Of the study.
    snapshot
        Of the sources, which the jobs run.
    study
        What the study file holds (`study_context.describe`).

    Raises
    ------
    WorkflowError
        Where jobs could not succeed: without recordings, or without space on the disk.
    """
    watchdog.start()
    slurm.cancel_leftovers()
    refuse_absent_recordings(keys)
    at = artifact_store.DATA if artifact_store.DATA.exists() else "."  # maybe on another disk
    plan.refuse_without_space(at, missing_bytes(keys))
    snapshot.write()
    code_snapshot.remove_old(snapshot)
    write_params(keys.params, snapshot)
    write(study_context.file_of(study), study)
    artifact_store.mark_used(keys)
    for stale in ("published", "backups"):  # the latter: Snakemake's, of jobs that were killed
        shutil.rmtree(Path(".snakemake") / stale, ignore_errors=True)
    Path(".snakemake/progress").mkdir(parents=True, exist_ok=True)


def refuse_read_only() -> None:
    """Raise WorkflowError where Snakemake cannot write what it keeps for itself: it would end in
    frames, in a dry run, too."""
    own = Path(".snakemake")
    if not os.access(own if own.exists() else ".", os.W_OK):
        raise WorkflowError(
            "the project's folder cannot be written",
            where=str(Path.cwd()),
            fix="cp -r . ~/ilscaling && cd ~/ilscaling   or another folder that you may write",
        )


def missing_bytes(keys: Keys) -> float:
    """Disk space that what is still to be made will take."""
    wanted, params = 0.0, keys.params
    stamps = {keys.demos_stamp(name): (name, game) for name, game in params.games.items()}
    for stamp, (name, game) in stamps.items():
        if not Path(stamp).exists():
            wanted += game.demonstrations.jobs * plan.record_cost(game, name).bytes
            wanted += plan.shard_cost(game, name).bytes
    for run, cells in keys.runs.items():
        if not all(Path(path).exists() for path in keys.run_manifests(run)):
            wanted += plan.train_cost(params.games[run.game], cells).bytes
    return wanted


def refuse_absent_recordings(keys: Keys) -> None:
    """Raise WorkflowError if recordings that are still to be ingested are not there."""
    for name in keys.params.games:
        if (given := keys.origin(name).recordings) is None:
            continue
        folder = Path(given).expanduser()
        if not folder.exists() and not Path(keys.demos_stamp(name)).exists():
            raise WorkflowError(
                f"no recordings of {name} there",
                where=f"{folder} (params: games.{name}.expert.recordings.path)",
                fix="put them there, or correct the path; NLD's is the folder with its subfolders",
            )
