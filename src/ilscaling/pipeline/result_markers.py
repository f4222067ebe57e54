"""Keyed stamps of the steps whose files have fixed names."""

from collections.abc import Iterable
from pathlib import Path

from ilscaling import files

FOLDER = "results/keys"


def step(path: Path) -> str:
    """Name of the step that a stamp is of."""
    return path.name.rsplit("-", 1)[0]


def clear(outputs: Iterable[str | Path]) -> None:
    """Remove the stamps of every step that is about to make its files anew under one of `outputs`.

    The files beside a stamp have fixed names, so only one key of a step can be true at a time; and
    from the moment that they are overwritten, none is until the step ends.
    """
    for made in map(Path, outputs):
        if made.parent.as_posix() == FOLDER:
            for old in made.parent.glob(f"{step(made)}-*.json"):
                old.unlink()


def mend() -> None:
    """Remove the stamps of steps whose files, as the stamp lists them, are not all there."""
    for path in Path(FOLDER).glob("*.json"):
        made = files.read_json(path).get("sha256", {})
        if not all((Path(FOLDER).parent / name).is_file() for name in made):
            path.unlink()


def write(path: Path, content: dict, *, made: Iterable[Path] = ()) -> None:
    """Write a stamp `results/keys/<step>-<key>.json` and remove the step's older ones.

    The SHA-256 of what the step made stand in it, by their paths from the results' folder.
    """
    results = path.parent.parent
    digests = {file.relative_to(results).as_posix(): files.sha256(file) for file in sorted(made)}
    for old in path.parent.glob(f"{step(path)}-*.json"):
        if old != path:
            old.unlink()
    files.write_json(path, {"step": step(path), **content, "sha256": digests})
