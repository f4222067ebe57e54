"""Policy families, each with one dial for its size.

A family is a description of its layers without torch (`shapes`, `widths`), for the FLOP ledger, and
a module of its name, whose `build` makes the network that is described. Importing this package does
not import torch.
"""

from __future__ import annotations

import importlib
from functools import partial
from typing import TYPE_CHECKING

from ilscaling.errors import ParamsError
from ilscaling.models import shapes, widths
from ilscaling.params import Train, TrainSequences

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FAMILIES", "architecture", "build", "shape"]

FAMILIES = {
    "cnn": shapes.cnn,
    "transformer": partial(widths.layers, "transformer"),
    "lstm": partial(widths.layers, "lstm"),
}


def shape(train: Train | TrainSequences, actions: int) -> dict:
    """What `architecture`, `build` and `flops.ledger` need besides family and size."""
    if isinstance(train, TrainSequences):
        return {
            "context": train.context,
            "depth": train.depth,
            "inventory": train.inventory,
            "actions": actions,
        }
    return {"frames": train.frames, "actions": actions}


def architecture(family: str, size: int, **shape) -> tuple[shapes.Layer | widths.Part, ...]:
    """Layers of a policy, each with `name`, `params` and `flops(convention)`.

    shape: frames, actions and optionally screen (height, width) of the family `cnn`; context,
    actions, and optionally depth and inventory of `transformer` and `lstm`.
    Raises ParamsError for an unknown family, a size too small or a screen too small.
    """
    return _known(family)(size, **shape)


def build(family: str, size: int, **shape) -> nn.Module:
    """A policy with weights drawn from torch's global generator; arguments as `architecture`.

    `cnn`: screens uint8 (batch, frames, height, width) -> logits float32 (batch, actions).
    `transformer`, `lstm`: see `sequences.Policy`. Raises ParamsError as `architecture`.
    """
    _known(family)
    return importlib.import_module(f"ilscaling.models.{family}").build(size, **shape)


def _known(family: str):
    if family not in FAMILIES:
        raise ParamsError(
            f"unknown policy family {family!r}",
            where="params: grid.family",
            fix=f"families are: {', '.join(FAMILIES)}",
        )
    return FAMILIES[family]
