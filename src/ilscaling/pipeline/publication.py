"""The results of a study where people find them: results/STUDY, copies of what the steps made.

    results/STUDY/results.csv, laws/, metrics.json, headline.json, figures/, report.html
    results/STUDY/keys/STEP.json    `done.json` of each step: its key, its files' SHA-256

Copies, so that editing one leaves the step's own file alone. A published file that is missing or
was changed is published again.
"""

import argparse
import shutil
from pathlib import Path

from ilscaling import errors, files
from ilscaling.pipeline import result_folder
from ilscaling.pipeline.result_folder import DONE

# Steps whose files stand in a folder of their own.
BELOW = {"figures": "figures"}


def place(step: str) -> str:
    """Folder of a step's files below the study's."""
    return BELOW.get(step, "")


def is_published(target: Path, steps: dict[str, str]) -> bool:
    """Whether a study's folder shows exactly these steps, every file as it was made.

    Parameters
    ----------
    target
        The study's folder, such as results/default.
    steps
        Keyed folder of each step.
    """
    if {path.stem for path in (target / "keys").glob("*.json")} != set(steps):
        return False
    for step, folder in steps.items():
        try:
            shown = files.read_sealed(target / "keys" / f"{step}.json", "")
            fits = shown["key"] == result_folder.step_and_key(Path(folder))[1]
            if not fits or result_folder.changed(target / place(step), shown["sha256"]):
                return False
        except (OSError, ValueError, LookupError):
            return False
    return True


def publish(target: Path, steps: dict[str, str]) -> None:
    """Show some steps in a study's folder, and nothing else of them.

    The keys go first and come last: what an interruption leaves is never taken for a publication.

    Parameters
    ----------
    target
        The study's folder, such as results/default.
    steps
        Keyed folder of each step.

    Raises
    ------
    WorkflowError
        If a step's file is not as it was made.
    """
    shutil.rmtree(target / "keys", ignore_errors=True)
    for step, source in steps.items():
        done = result_folder.check(Path(source))
        below = target / place(step)
        if place(step) and below.is_dir():
            for old in below.iterdir():
                if old.name not in done["sha256"]:
                    old.unlink()
        for name in done["sha256"]:
            copy(Path(source) / name, below / name)
    for step, source in steps.items():
        copy(Path(source) / DONE, target / "keys" / f"{step}.json")


def adopt(target: Path, steps: dict[str, str]) -> None:
    """Fill the steps' folders from a study's, such as a pull has brought.

    Parameters
    ----------
    target
        The study's folder; nothing is done unless it shows exactly these steps.
    steps
        Keyed folder of each step; finished ones stay as they are.
    """
    if not is_published(target, steps):
        return
    for step, folder in steps.items():
        if not Path(folder, DONE).exists():
            shown = files.read_json(target / "keys" / f"{step}.json")
            for name in shown["sha256"]:
                copy(target / place(step) / name, Path(folder, name))
            copy(target / "keys" / f"{step}.json", Path(folder, DONE))


def copy(source: Path, target: Path) -> None:
    """Copy a file, atomically.

    Parameters
    ----------
    source
        The file that there is.
    target
        The copy; a file that is there is replaced.
    """
    with files.atomic(target) as temporary:
        shutil.copyfile(source, temporary)


def main() -> None:
    parser = argparse.ArgumentParser(description="Publish the results of a study.")
    parser.add_argument("folders", nargs="+", type=Path, help="keyed folders of its steps")
    parser.add_argument("--out", type=Path, required=True, help="the study's folder")
    given = parser.parse_args()
    steps = {result_folder.step_and_key(folder)[0]: str(folder) for folder in given.folders}
    publish(given.out, steps)


if __name__ == "__main__":
    errors.run(main)
