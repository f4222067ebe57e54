"""The recordings of all jobs become one store: train, dev and test of whole episodes."""

from importlib.metadata import version
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from ilscaling import store
from ilscaling.domains.babyai.record import ABOUT, FORMAT, STEPS
from ilscaling.errors import StoreError
from ilscaling.files import read_json
from ilscaling.params import Recorded
from ilscaling.store.shard import assign

REMEDY = "delete it and record it again: 'snakemake' does"


def demonstrations(folder: Path, out: Path, *, settings: Recorded) -> dict:
    """Assemble a store from the recordings of all jobs.

    The store is a function of their content and `settings`.

    Parameters
    ----------
    folder
        Holds the folders `job-*` by `record.record`.
    out
        The store to write.
    settings
        Sizes of splits, chunks and shards; seed of the splits.

    Returns
    -------
    dict
        Split -> its steps, episodes, and mean return with standard error.

    Raises
    ------
    StoreError
        If recordings are missing, damaged, differ in more than their episodes, or share one, or if
        they hold too few steps.
    """
    parts = sorted(Path(folder).glob("job-*"))
    if not parts:
        raise StoreError("no recordings of BabyAI", where=str(folder), fix="ilscaling record first")
    read = [_read(part) for part in parts]
    about = {k: v for k, v in read[0][0].items() if k not in ("format", "episodes")}
    for part, (other, _) in zip(parts, read, strict=True):
        if {k: v for k, v in other.items() if k not in ("format", "episodes")} != about:
            raise StoreError(
                "recordings that do not belong together",
                where=f"{parts[0]}, {part}",
                fix="record them all with the same expert and parameters",
            )
    names = ("seed", "steps", "return", "truncated")
    table = {n: np.concatenate([np.array(r[0]["episodes"][n]) for r in read]) for n in names}
    arrays = {n: np.concatenate([r[1][n] for r in read]) for n in read[0][1]}
    starts = np.concatenate([[0], np.cumsum(table["steps"])])
    order = np.argsort(table["seed"], kind="stable")
    if (np.diff(table["seed"][order]) == 0).any():
        raise StoreError(
            "an episode is in two recordings",
            where=str(folder),
            fix="give every recording job seeds of its own",
        )
    table, starts = {n: column[order] for n, column in table.items()}, starts[:-1][order]

    def source(row: int, start: int, stop: int) -> dict[str, np.ndarray]:
        first = int(starts[row])
        return {name: values[first + start : first + stop] for name, values in arrays.items()}

    splits = assign(
        table["steps"],
        seed=settings.seed,
        train_steps=settings.train_steps,
        dev_steps=settings.dev_steps,
        test_steps=settings.test_steps,
        unique_steps=settings.unique_steps,
    )
    attributes = {
        **about,
        "versions": {**about["versions"], "zarr": version("zarr")},
        "seeds": {
            "first": int(table["seed"][0]),
            "last": int(table["seed"][-1]),
            "split": settings.seed,
        },
    }
    fields = {name: (values.shape[1:], values.dtype) for name, values in arrays.items()}
    sizes = {"chunk_steps": settings.chunk_steps, "shard_steps": settings.shard_steps}
    with store.create(out, fields, attributes, **sizes) as writer:
        writer.fill({name: splits[name] for name in store.SPLITS}, table, source)
    return writer.splits


def _read(part: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """What a job's recording says of itself, and its steps."""
    try:
        about, arrays = read_json(part / ABOUT), load_file(part / STEPS)
        if about["format"] != FORMAT:
            raise ValueError(f"format is {about['format']!r}, not {FORMAT!r}")
        steps = sum(about["episodes"]["steps"])
        if any(len(values) != steps for values in arrays.values()):
            raise ValueError(f"its arrays have other lengths than the {steps} steps it names")
    # Whatever JSON and safetensors make of a damaged file.
    except Exception as error:
        raise StoreError(
            f"cannot read this recording ({type(error).__name__}: {error})",
            where=str(part),
            fix=REMEDY,
        ) from None
    return about, arrays
