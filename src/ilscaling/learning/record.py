"""What a run is, and what one of its cells came to: the records beside the snapshots.

On disk a record is one flat JSON object with a format, readable as it is; here it is typed.
"""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ilscaling import __version__, flops, policies, registry, schedules
from ilscaling.errors import TrainingError
from ilscaling.files import digest
from ilscaling.grid import Run
from ilscaling.learning import precision
from ilscaling.learning.algorithm import Spent
from ilscaling.params import Section, Training
from ilscaling.policies.shape import PolicyShape
from ilscaling.store import Split

FORMAT = "ilscaling-cell-1"
# Settings that do not change the result, or do so through what is recorded for the run's size.
APART = frozenset({"checkpoint_seconds", "batch", "rate", "precision"})


@dataclass(frozen=True)
class RunRecord:
    """What all cells of a run have in common.

    Parameters
    ----------
    game
        The played game, as the demonstrations name it.
    algorithm, family, size, seed
        What is trained, and how.
    params
        Trainable parameters.
    batch, rate, ema
        Samples an update, Adam's rate after the warm-up, horizon of the averaged weights.
    schedule, fall
        How the rate runs, and the settings that this reads.
    convention
        How FLOPs are counted.
    precision, device
        Type and kind of device (`cpu`, `cuda`) of the arithmetic; which of several it was is no
        matter.
    shape, actions
        What the policy sees, and the names of what it answers.
    versions
        Of the libraries.
    digest
        Two runs of one digest are the same run, whatever their budgets.
    trunk_digest
        The same of what its cells share.
    repeatable
        Whether the same run on the same kind of device gives the same bits: always on a CPU, on one
        GPU where its family says so (see `policies.family`), never on several.
    devices, threads
        How many it was computed on: a run may go on with others, and then differs by rounding.
    """

    game: str
    algorithm: str
    family: str
    size: int
    seed: int
    params: int
    batch: int
    rate: float
    ema: float
    schedule: str
    fall: dict[str, float]
    convention: str
    precision: str
    device: str
    shape: PolicyShape
    actions: tuple[str, ...]
    versions: dict[str, str]
    digest: str = ""
    trunk_digest: str = ""
    repeatable: bool = True
    devices: int = 1
    threads: int = 1

    def to_json(self) -> dict[str, Any]:
        """Flat, as on disk."""
        names = [field.name for field in fields(self)]
        values = {name: getattr(self, name) for name in names}
        shape = {name: value for name, value in values.pop("shape").items() if name != "actions"}
        lists = {name: list(v) if isinstance(v, tuple) else v for name, v in shape.items()}
        return {**values, "actions": list(self.actions), **lists}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "RunRecord":
        """A record as `to_json` gave it.

        Raises
        ------
        KeyError
            For a missing value.
        """
        actions = tuple(values["actions"])
        shape = PolicyShape.of(values, len(actions))
        plain = {field.name for field in fields(cls)} - {"shape", "actions"}
        return cls(**{name: values[name] for name in plain}, shape=shape, actions=actions)


def run_record(
    split: Split,
    settings: Training,
    run: Run,
    *,
    convention: str,
    device: str,
    section: Section | None = None,
) -> RunRecord:
    """What a run on demonstrations is.

    Parameters
    ----------
    split
        The demonstrations.
    settings
        The section `train`.
    run
        Family, size and seed.
    convention
        How FLOPs are counted.
    device
        Such as `cpu` or `cuda:1`.
    section
        Names the algorithm and holds its settings; None: behaviour cloning.
    """
    algorithm = "cloning" if section is None else section.algorithm
    entry = registry.get("ALGORITHM", algorithm)
    schedule = schedules.of(settings)
    observation = {field: split.fields[field] for field in split.observation}
    shape = policies.shape(settings, len(split.actions), observation)
    record = RunRecord(
        game=split.attrs["game"],
        algorithm=algorithm,
        family=run.family,
        size=run.size,
        seed=run.seed,
        params=flops.ledger(run.family, run.size, **shape).params,
        batch=settings.batch_of(run.size),
        rate=settings.rate(run.size),
        ema=settings.ema,
        schedule=schedule.name,
        fall=settings.model_dump(include=set(schedule.reads)),
        convention=convention,
        precision=precision.resolve(settings.precision, device, run.family, run.size),
        device=torch.device(device).type,
        repeatable=torch.device(device).type == "cpu" or policies.get(run.family).repeatable,
        shape=shape,
        actions=tuple(split.actions),
        versions={"ilscaling": __version__, "torch": torch.__version__},
    )
    own = {} if section is None else section.model_dump(include={algorithm})
    if entry.plays:
        own |= section.model_dump(include={"domain", "emulator", "expert"})
    if entry.pays and section is not None:
        own["counts"] = section.grid.counts  # which update a budget ends at
    inputs = [own, digest(split.attrs), split.name]
    unread = schedules.unread(settings)
    return replace(
        record,
        digest=_digest(record, settings, unread, inputs),
        trunk_digest=_digest(replace(record, fall={}), settings, schedules.all_read(), inputs),
    )


def _digest(record: RunRecord, settings: Training, without: frozenset[str], inputs: list) -> str:
    # A run may go on on another device; the version of torch is in the key of the workflow's runs.
    passing = {"digest", "trunk_digest", "device", "repeatable", "devices", "threads", "versions"}
    known = {name: value for name, value in record.to_json().items() if name not in passing}
    return digest([known, settings.model_dump(exclude=set(APART | without)), inputs])


class _Numbers(BaseModel):
    """Types of what is read of a record before anything is built by it."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    game: str
    family: str
    size: int = Field(ge=1)
    seed: int = Field(ge=0)
    params: int = Field(ge=1)
    batch: int = Field(ge=1)
    actions: list[str] = Field(min_length=1, max_length=10_000)
    budget: float = Field(gt=0)
    flops: float = Field(ge=0)
    updates: int = Field(ge=0)
    samples: int = Field(ge=0)
    status: Literal["done", "failed"]
    reason: str
    sha256: str | None
    digest: str


@dataclass(frozen=True)
class CellRecord:
    """What a cell came to.

    Parameters
    ----------
    run
        Of which run.
    budget
        FLOPs that it was given.
    flops
        FLOPs that it spent from the run's start, of the kinds that its budget counts.
    flops_learner
        FLOPs of the policy's updates.
    spent
        What the algorithm spent beside them: acting, other networks, the environment's steps and
        the expert's labels.
    updates, samples
        Until the budget, or until it failed.
    unique_samples
        Different ones of the samples.
    epochs
        Samples over the steps that are stored.
    train_loss
        Mean of the last 5 to 10 % of the updates; None of a failed cell.
    status, reason
        'done' or 'failed', and then why.
    sha256
        Of the weights; None of a failed cell, or before they are written.
    """

    run: RunRecord
    budget: float
    flops: int
    flops_learner: int
    spent: Spent
    updates: int
    samples: int
    unique_samples: int
    epochs: float
    train_loss: float | None
    status: str = "done"
    reason: str = ""
    sha256: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Flat, as on disk."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        run, spent = own.pop("run"), own.pop("spent")
        return {"format": FORMAT, **run.to_json(), **own, **asdict(spent)}

    @classmethod
    def from_json(cls, values: Any, where: str = "record") -> "CellRecord":
        """A record as `to_json` gave it.

        Parameters
        ----------
        values
            What was read.
        where
            What the error names.

        Raises
        ------
        TrainingError
            For anything but a whole record of this format.
        """
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise TrainingError(f"not a record of format {FORMAT}", where=where)
        names = {f.name for f in fields(cls)} - {"run", "spent"}
        try:
            _Numbers.model_validate(values)
            return cls(
                run=RunRecord.from_json(values),
                spent=Spent(**{f.name: values[f.name] for f in fields(Spent)}),
                **{name: values[name] for name in names},
            )
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"]))
            raise TrainingError(f"the record's {name}: {first['msg']}", where=where) from None
        except KeyError as error:
            raise TrainingError(f"the record lacks {error}", where=where) from None
        except (TypeError, ValueError, AttributeError) as error:
            raise TrainingError(f"not a whole record: {error}", where=where) from None
