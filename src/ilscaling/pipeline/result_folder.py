"""A step of the results: a keyed folder of files, which its `done.json` lists with their SHA-256.

The digests are compared before a step's files are used: a table that somebody edited is refused
under the key of the one that was made.
"""

import argparse
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from ilscaling import errors, files
from ilscaling.errors import WorkflowError, remake
from ilscaling.pipeline import job_lock, study_context

DONE = "done.json"


def step_and_key(folder: Path) -> tuple[str, str]:
    """('fit', '0123456789ab') of `data/results/fit-0123456789ab`."""
    step, _, key = folder.name.rpartition("-")
    return step, key


def write(folder: Path, content: dict, promised: Sequence[Path] = ()) -> None:
    """Write `done.json` of a finished step.

    Parameters
    ----------
    folder
        The step's keyed folder.
    content
        What it says beside step, key and the digests of the folder's files.
    promised
        Files that its rule promises. Snakemake would miss one, but with `done.json` written the
        step would count as finished from then on.

    Raises
    ------
    WorkflowError
        If one of them is not there.
    """
    if lacking := [path.name for path in promised if path.name != DONE and not path.is_file()]:
        raise WorkflowError(
            f"the step ended without {', '.join(lacking)}",
            where=str(folder),
            fix="read its log; where that does not say why, report it (CONTRIBUTING.md)",
        )
    made = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    digests = {p.relative_to(folder).as_posix(): files.sha256(p) for p in made if p.name != DONE}
    step, key = step_and_key(folder)
    files.write_json(
        folder / DONE, files.seal({"step": step, "key": key, **content, "sha256": digests})
    )


def changed(folder: Path, digests: dict[str, str]) -> list[str]:
    """Files of a folder that are not there, or not as their digests say.

    Parameters
    ----------
    folder
        Where they should be.
    digests
        Name -> SHA-256.
    """

    def differs(path: Path, digest: str) -> bool:
        return not path.is_file() or files.sha256(path) != digest

    return [name for name, digest in digests.items() if differs(folder / name, digest)]


def check(folder: Path) -> dict:
    """What `done.json` of a step says.

    Parameters
    ----------
    folder
        The step's keyed folder.

    Raises
    ------
    WorkflowError
        If a file is not as it was made.
    """
    done = files.read_sealed(folder / DONE, remake(folder))
    if wrong := changed(folder, done["sha256"]):
        raise WorkflowError(
            f"not as it was made: {', '.join(wrong)}", where=str(folder), fix=remake(folder)
        )
    return done


def is_whole(folder: Path) -> bool:
    """Whether a step is finished and every file as it was made."""
    try:
        check(folder)
    except (errors.IlscalingError, OSError):
        return False
    return True


def main(
    make: Callable[[study_context.Study, Path, argparse.Namespace], dict],
    description: str,
    *inputs: str,
) -> None:
    """Run a step: --study FILE, a folder for each of its inputs, --promised FILES, --out FOLDER.

    Parameters
    ----------
    make
        Writes the step's files, given the study, the folder for them and the inputs' folders
        (`forecast` may be None); returns what `done.json` says beside the digests.
    description
        What the step does.
    inputs
        Steps that it uses.
    """
    errors.run(lambda: _main(make, description, *inputs))


def _main(make: Callable, description: str, *inputs: str) -> None:
    parser = argparse.ArgumentParser(description=description)
    for name in ("study", *inputs, "out"):
        parser.add_argument(f"--{name}", type=Path, required=name != "forecast")
    parser.add_argument("--promised", type=Path, nargs="*", default=[])
    given = parser.parse_args()
    job_lock.acquire(job_lock.lock_file(given.out), str(given.out))
    if is_whole(given.out):
        return  # by another pipeline, whose next steps read it
    given.out.mkdir(parents=True, exist_ok=True)
    for stale in given.out.iterdir():
        shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
    study = study_context.read(given.study)
    for folder in (*(getattr(given, name) for name in inputs), given.out):
        if folder is not None:
            step, key = step_and_key(folder)
            study.keys[step] = key
            if folder != given.out:
                check(folder)
    write(given.out, make(study, given.out, given), given.promised)
