"""Policy families, each with one dial for its size: an entry a folder, with layers, network and,
where it has one, its compiled step.

Importing this package does not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ilscaling import registry
from ilscaling.errors import ExtensionError, ParamsError
from ilscaling.policies.shape import ARRAYS, SETTINGS, PolicyShape

if TYPE_CHECKING:
    from torch import nn

    from ilscaling.params import Training
    from ilscaling.policies.family import Family

__all__ = ["ARRAYS", "PolicyShape", "architecture", "build", "get", "reader", "shape", "smallest"]


def get(family: str) -> Family:
    """The entry of a family.

    Parameters
    ----------
    family
        Its name.

    Raises
    ------
    ParamsError
        For an unknown one.
    """
    try:
        return registry.get("FAMILY", family, "params: grid.family")
    except ExtensionError as error:
        raise ParamsError(error.what, where=error.where, fix=error.fix) from None


def shape(train: Training, actions: int, observation: dict | None = None) -> PolicyShape:
    """What `architecture`, `build` and `flops.ledger` need besides family and size.

    Parameters
    ----------
    train
        The section `train`.
    actions
        How many actions the game has.
    observation
        Field -> (shape of one step, dtype), as a game's specification has it; None: Atari's
        screens, or NetHack.

    Returns
    -------
    PolicyShape
        `actions`, those of frames, context, depth and inventory that `train` has, and the shape
        of the game's array, screen or observation, if it shows one.
    """
    settings = {name: getattr(train, name) for name in SETTINGS if hasattr(train, name)}
    fields = observation or {}
    arrays = {name: tuple(fields[name][0]) for name in ARRAYS if name in fields}
    return PolicyShape.of({**settings, **arrays}, actions)


def architecture(family: str, size: int, **shape) -> tuple:
    """Layers of a policy, for the FLOP ledger.

    Parameters
    ----------
    family
        Name of the entry FAMILY.
    size
        The family's dial.
    shape
        What else decides them, as `shape` gives it.

    Returns
    -------
    tuple
        Layers, each with `name`, `params` and `flops(convention)`.

    Raises
    ------
    ParamsError
        For an unknown family, a size too small, or a game that the family does not see.
    """
    return tuple(get(family).layers(size, **_observed(shape)))


def build(family: str, size: int, **shape) -> nn.Module:
    """A policy with weights drawn from torch's global generator.

    It is called as `Family` says; its `reader` reads what it sees (None: it takes fields as they
    are), and `players` is its family's.

    Parameters
    ----------
    family, size, shape
        As of `architecture`, with the same errors.
    """
    entry = get(family)
    network = entry.build(size, **_observed(shape))
    network.reader = reader(family, **shape)
    network.players = entry.players
    return network


def reader(family: str, **shape):
    """What reads a game's fields for the policies of a family, None: they take them as they are.

    Parameters
    ----------
    family, shape
        As of `architecture`.
    """
    entry = get(family)
    return entry.reader(**_observed(shape)) if entry.reader else None


def smallest(family: str) -> int:
    """The smallest size of a family that can be built."""
    return get(family).smallest


def _observed(shape: dict) -> dict:
    """Shape as families take it: whatever the game calls it, an observation."""
    rest = {name: value for name, value in shape.items() if name not in ARRAYS}
    arrays = [shape[name] for name in ARRAYS if name in shape]
    if not arrays and "frames" in shape:
        arrays = [(84, 84)]
    return {**rest, "observation": arrays[0]} if arrays else rest
