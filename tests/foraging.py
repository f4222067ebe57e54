"""The tiny study of Foraging, trained by any algorithm."""

from pathlib import Path

from ilscaling import grid, params, store
from ilscaling.domains import brought
from ilscaling.files import sha256
from ilscaling.learning.run import run
from ilscaling.store import shard

ROOT = Path(__file__).resolve().parent.parent
FILES = (ROOT / "params.yaml", ROOT / "studies/foraging.yaml", ROOT / "tests/params/foraging.yaml")


def study(algorithm: str, own: dict | None = None, **changes) -> params.Params:
    """own: the algorithm's settings; `changes`: of the section."""
    values = params.read(*FILES).model_dump(mode="json")
    values["games"]["foraging"] |= {"algorithm": algorithm, **({algorithm: own} if own else {})}
    values["games"]["foraging"] = params.overlay(values["games"]["foraging"], changes)
    return params.check(values)


def record(folder: Path, known: params.Params, steps: int = 4_000) -> Path:
    """A store of the study's demonstrations."""
    section = known.games["foraging"]
    brought.record(
        section.expert, section.domain, section.game, section.emulator,
        seeds=range(10_000), lanes=4, steps=steps, out=folder / "part.zip",
    )  # fmt: skip
    shard.shard([folder / "part.zip"], folder / "demos.zarr", settings=section.demonstrations)
    return folder / "demos.zarr"


def planned(known: params.Params) -> list[grid.Cell]:
    """Cells of the smallest run."""
    return next(iter(grid.by_run(grid.cells(known)).values()))


def train(demos: Path, out: Path, known: params.Params, cells=None):
    section = known.games["foraging"]
    split = store.open_split(demos, "train")
    return run(split, section.train, cells or planned(known), out, section=section, device="cpu")


def files(out: Path) -> dict[str, str]:
    """Digest of every file that a run leaves for good: rounds of play, too."""
    found = {}
    for path in filter(Path.is_file, out.rglob("*")):
        parts = path.relative_to(out).parts
        hidden = any(part.startswith(".") for part in parts)
        if not hidden and not parts[0].startswith(("state", "timing")):
            found["/".join(parts)] = sha256(path)
    return found
