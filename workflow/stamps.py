"""Keyed stamps of the steps whose files have fixed names."""

from collections.abc import Iterable
from pathlib import Path

from ilscaling import files


def write(path: Path, content: dict, *, made: Iterable[Path] = ()) -> None:
    """Write a stamp `results/keys/<step>-<key>.json` and remove the step's older ones.

    The files that the step made have fixed names, so only one key of a step can be true at a
    time; their SHA-256 stand in the stamp, by their paths from the results' folder.
    """
    step, results = path.name.rsplit("-", 1)[0], path.parent.parent
    digests = {file.relative_to(results).as_posix(): files.sha256(file) for file in sorted(made)}
    for old in path.parent.glob(f"{step}-*.json"):
        if old != path:
            old.unlink()
    files.write_json(path, {"step": step, **content, "sha256": digests})


def refute(results: Path) -> None:
    """Remove the stamps of which a file is gone, so that it is made again."""
    for path in sorted(results.glob("keys/*-*.json")):
        made = files.read_json(path).get("sha256", {})
        if not all((results / name).is_file() for name in made):
            path.unlink()
