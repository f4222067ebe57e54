"""A cell's weights and record on disk: `<budget>.safetensors` and `<budget>.json`.

The record is written last: where it stands and matches, the cell is complete. Neither holds a time
or a name of a machine.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ilscaling import flops, policies, registry
from ilscaling.errors import DamagedFile, IlscalingError, TrainingError, remake
from ilscaling.files import atomic, read_json, sha256, write_json
from ilscaling.grid import Cell
from ilscaling.learning.record import CellRecord

FORMAT = "ilscaling-snapshot-1"  # of the weights; the record has its own
LISTS = ("cells-", "branches-")  # of a run's cells: what is on one is not made again
MAX_HEADER = 2**20  # bytes of a safetensors file that are no weights


def remedy(path: Path) -> str:
    """What to type to have a cell made anew: its run's complete cells are kept."""
    files = [path, *(p for p in sorted(path.parent.glob("*-*.json")) if p.name.startswith(LISTS))]
    return remake(*files)


def paths(out: Path, cells: Sequence[Cell]) -> list[Path]:
    """Files of the snapshots of a run.

    Parameters
    ----------
    out
        Folder of the run.
    cells
        The run's.

    Raises
    ------
    TrainingError
        For budgets of one name.
    """
    files = [out / f"{cell.name}.safetensors" for cell in cells]
    if len(set(files)) < len(files):
        raise TrainingError(
            f"budgets differ by less than six digits: {[cell.budget for cell in cells]}",
            where="budgets",
        )
    return files


def write(path: Path, weights: dict[str, torch.Tensor] | None, record: CellRecord) -> CellRecord:
    """Write weights, then the record.

    Parameters
    ----------
    path
        File of the weights; the record stands beside it.
    weights
        By name; None of a failed cell.
    record
        What the cell came to.

    Returns
    -------
    CellRecord
        The record as it is written, with the digest of the weights.
    """
    digest = None
    if weights is None:
        path.unlink(missing_ok=True)
    else:
        tensors = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
        with atomic(path) as temporary:
            # One entry only: safetensors writes several in no fixed order.
            save_file(tensors, temporary, metadata={"format": FORMAT})
        digest = sha256(path)
    record = replace(record, sha256=digest)
    write_json(path.with_suffix(".json"), record.to_json())
    return record


def kept(path: Path, digest: str) -> CellRecord | None:
    """The record of a complete cell, None if there is none.

    Parameters
    ----------
    path
        File of its weights.
    digest
        Of the run that the cell must be of.
    """
    try:
        record = CellRecord.from_json(read_json(path.with_suffix(".json")))
        whole = record.status == "failed" or record.sha256 == sha256(path)
        return record if whole and record.run.digest == digest else None
    except (OSError, ValueError, LookupError, TypeError, TrainingError):
        return None


def load_policy(path: str | Path) -> tuple[nn.Module, CellRecord]:
    """The policy of a snapshot and its record.

    Parameters
    ----------
    path
        File of the weights; the record stands beside it.

    Returns
    -------
    tuple
        The policy, in evaluation mode on the CPU, and the record.

    Raises
    ------
    TrainingError
        If the file or the record beside it is missing, truncated, changed or not what its name
        says, if the cell failed, or if nobody has defined its family.
    """
    path = Path(path)
    beside = path.with_suffix(".json")

    def refuse(what: str, where: Path, damaged: Path = path) -> TrainingError:
        return TrainingError(what, where=str(where), fix=remedy(damaged))

    if not beside.is_file():
        raise refuse("the snapshot's record is missing", beside)
    try:
        record = CellRecord.from_json(read_json(beside))
    except (DamagedFile, TrainingError) as error:
        raise refuse(error.what, beside, beside) from None
    if record.status != "done":
        raise TrainingError(
            f"this cell has no policy: {record.reason}",
            where=str(beside),
            fix="lower train.rate, or leave the cell out",
        )
    if not path.is_file():
        raise refuse("snapshot is missing", path, beside)
    if record.sha256 != sha256(path):
        raise refuse(
            "snapshot is truncated or was changed: its digest is not the recorded one", path
        )
    run = record.run
    if run.family not in registry.names("FAMILY"):
        raise TrainingError(
            f"nobody has defined its family {run.family!r}",
            where=str(beside),
            fix="load_policy(path, extensions=[FILE])   or --params or --study with the parameters"
            " that list the family's file under `extensions`",
        )
    try:
        # Before anything is built: a record may ask for more than there is memory.
        params = flops.ledger(run.family, run.size, **run.shape).params
        if not 4 * params <= path.stat().st_size <= 4 * params + MAX_HEADER:
            raise refuse(f"it does not hold the {params:,} weights of the recorded policy", path)
        tensors = load_file(path)
        policy = policies.build(run.family, run.size, **run.shape)
        policy.load_state_dict(tensors)
    except TrainingError:
        raise
    except SafetensorError as error:
        raise refuse(f"not a safetensors file ({error})", path) from None
    except (KeyError, ValueError, TypeError, RuntimeError, IlscalingError) as error:
        raise refuse(f"weights do not fit the recorded policy: {error}", path, beside) from None
    return policy.eval().requires_grad_(False), record
