"""Policy families, each with one dial for its size.

A family is a description of its layers without torch (`shapes`, `widths`), for the FLOP ledger, and
a module of its name, whose `build` makes the network that is described; or both in an extension.
Importing this package does not import torch.
"""

from __future__ import annotations

import importlib
from functools import partial
from typing import TYPE_CHECKING

from ilscaling import extensions
from ilscaling.errors import ParamsError
from ilscaling.params import Train, TrainSequences
from ilscaling.policies import shapes, widths

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FAMILIES", "architecture", "build", "shape", "smallest"]

FAMILIES = {
    "cnn": shapes.cnn,
    "transformer": partial(widths.layers, "transformer"),
    "lstm": partial(widths.layers, "lstm"),
}


def shape(train: Train | TrainSequences, actions: int, observation: dict | None = None) -> dict:
    """What `architecture`, `build` and `flops.ledger` need besides family and size.

    observation: field -> (shape of one step, dtype), as a game's specification has it; None:
    Atari's screens, or NetHack.
    """
    if isinstance(train, TrainSequences):
        return {
            "context": train.context,
            "depth": train.depth,
            "inventory": train.inventory,
            "actions": actions,
        }
    seen = {field: found for field, (found, _) in (observation or {}).items()}
    return {"frames": train.frames, **seen, "actions": actions}


def architecture(family: str, size: int, **shape) -> tuple[shapes.Layer | widths.Part, ...]:
    """Layers of a policy, each with `name`, `params` and `flops(convention)`.

    shape: frames, actions and optionally screen (height, width) of the family `cnn`; frames,
    actions and screen or observation (...) of an extension's; context, actions, and optionally
    depth and inventory of `transformer` and `lstm`.
    Raises ParamsError for an unknown family, a size too small or a screen too small.
    """
    if extensions.knows("FAMILY", family):
        return tuple(extensions.find("FAMILY", family).layers(size, **_seen(shape)))
    return _known(family)(size, **_screens(family, shape))


def build(family: str, size: int, **shape) -> nn.Module:
    """A policy with weights drawn from torch's global generator; arguments as `architecture`.

    `cnn`: screens uint8 (batch, frames, height, width) -> logits float32 (batch, actions); an
    extension's likewise, from what its game shows. `transformer`, `lstm`: see `sequences.Policy`.
    Raises ParamsError as `architecture`.
    """
    if extensions.knows("FAMILY", family):
        return extensions.find("FAMILY", family).build(size, **_seen(shape))
    _known(family)
    module = importlib.import_module(f"ilscaling.policies.{family}")
    return module.build(size, **_screens(family, shape))


def smallest(family: str) -> int:
    """The smallest size of a family that can be built."""
    if extensions.knows("FAMILY", family):
        return extensions.find("FAMILY", family).smallest
    return 1 if family == "cnn" else widths.SMALLEST


def _seen(shape: dict) -> dict:
    """Shape as an extension's family takes it: whatever the game calls it, an observation."""
    rest = {name: value for name, value in shape.items() if name not in ("screen", "observation")}
    return {**rest, "observation": shape.get("observation") or shape.get("screen", (84, 84))}


def _screens(family: str, shape: dict) -> dict:
    """Shape as our own families take it."""
    if "observation" not in shape:
        return shape
    rest = {name: value for name, value in shape.items() if name != "observation"}
    if len(shape["observation"]) != 2:
        raise ParamsError(
            f"the family {family!r} sees screens (height, width), the game shows an array of shape"
            f" {shape['observation']}",
            where="params: grid.family",
            fix="bring a family of your own: docs/extending.md",
        )
    return {**rest, "screen": shape["observation"]}


def _known(family: str):
    if family not in FAMILIES:
        raise ParamsError(
            f"unknown policy family {family!r}",
            where="params: grid.family",
            fix=f"families are: {', '.join(extensions.names('FAMILY'))}",
        )
    return FAMILIES[family]
