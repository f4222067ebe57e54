"""What a run is: the facts that its records hold, and the digest by which it is known."""

import torch

from ilscaling import __version__, flops, policies, schedules
from ilscaling.files import digest
from ilscaling.learning import precision, snapshot
from ilscaling.params import Train, TrainSequences
from ilscaling.store import Split

# Settings that do not change the result, or do so through facts recorded for the run's size.
APART = {"checkpoint_seconds", "batch", "rate", "precision"}
# Facts of the hour: a run may go on with others, and then differs by rounding; the version of
# torch is in the key of the workflow's runs.
PASSING = {"threads", "devices", "device", "versions"}
FALL = {"schedule", "cooldown", "final"}  # how the rate falls, if it does


def facts(
    split: Split,
    settings: Train | TrainSequences,
    family: str,
    size: int,
    seed: int,
    convention: str,
    device: str,
) -> dict:
    """What all cells of a run have in common. Two runs of one `run` digest are the same run,
    whatever their budgets."""
    shape = snapshot.facts(split, settings)
    found = {
        "game": split.attrs["game"],
        "family": family,
        "size": size,
        "seed": seed,
        "params": flops.ledger(family, size, **snapshot.shape(shape)).params,
        "batch": settings.batch_of(size),
        "rate": settings.rate(size),
        "ema": settings.ema,
        **_fall(settings),
        "convention": convention,
        "precision": precision.resolve(settings.precision, device, family, size),
        "device": device,
        **shape,
        "versions": {"ilscaling": __version__, "torch": torch.__version__},
    }
    return {**found, "run": of(found, split, settings, schedules.UNREAD[settings.schedule])}


def _fall(settings: Train | TrainSequences) -> dict:
    if settings.schedule == "constant":
        return {}
    return settings.model_dump(include=FALL - schedules.UNREAD[settings.schedule])


def of(known: dict, split: Split, settings: Train | TrainSequences, without: set[str]) -> str:
    """Digest of a run apart from what it does not depend on."""
    without = FALL if settings.schedule == "constant" else without
    whole = {
        **{name: value for name, value in known.items() if name not in {"run", *PASSING, *without}},
        "settings": settings.model_dump(exclude=APART | without),
        "demonstrations": digest(split.attrs),
        "split": split.name,
    }
    return digest(whole)


def tables(family: str, size: int, facts: dict) -> frozenset[str]:
    """Names of the weights that are looked up row by row."""
    parts = policies.architecture(family, size, **snapshot.shape(facts))
    return frozenset(part.name for part in parts if getattr(part, "tables", 0))
