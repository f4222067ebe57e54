"""Keyed stamps of the steps whose files have fixed names."""

from pathlib import Path

from ilscaling import files


def write(path: Path, content: dict) -> None:
    """Write a stamp `results/keys/<step>-<key>.json` and remove the step's older ones.

    The files beside it have fixed names, so only one key of a step can be true at a time.
    """
    step = path.name.rsplit("-", 1)[0]
    for old in path.parent.glob(f"{step}-*.json"):
        if old != path:
            old.unlink()
    files.write_json(path, {"step": step, **content})
