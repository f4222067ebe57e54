"""Policy families, each with one dial for its size.

A family is a description of its layers without torch (`shapes`, `widths`), for the FLOP ledger, and
a module of its name, whose `build` makes the network that is described; or both in an extension.
Importing this package does not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ilscaling import registry
from ilscaling.errors import ExtensionError, ParamsError
from ilscaling.params import Train, TrainSequences
from ilscaling.policies import shapes, widths
from ilscaling.policies.shape import PolicyShape

if TYPE_CHECKING:
    from torch import nn

__all__ = ["PolicyShape", "architecture", "build", "shape", "smallest"]


def shape(
    train: Train | TrainSequences, actions: int, observation: dict | None = None
) -> PolicyShape:
    """What `architecture`, `build` and `flops.ledger` need besides family and size.

    observation: field -> (shape of one step, dtype), as a game's specification has it; None:
    Atari's screens, or NetHack.
    """
    if isinstance(train, TrainSequences):
        return PolicyShape(
            actions, context=train.context, depth=train.depth, inventory=train.inventory
        )
    fields = {"screen", "observation"} & set(observation or {})
    seen = {field: tuple(observation[field][0]) for field in fields}
    return PolicyShape(actions, frames=train.frames, **seen)


def architecture(family: str, size: int, **shape) -> tuple[shapes.Layer | widths.Part, ...]:
    """Layers of a policy, each with `name`, `params` and `flops(convention)`.

    shape: frames, actions and optionally screen (height, width) of the family `cnn`; frames,
    actions and screen or observation (...) of an extension's; context, actions, and optionally
    depth and inventory of `transformer` and `lstm`.
    Raises ParamsError for an unknown family, a size too small or a screen too small.
    """
    entry = _entry(family)
    return tuple(entry.layers(size, **_shape_for(family, shape)))


def build(family: str, size: int, **shape) -> nn.Module:
    """A policy with weights drawn from torch's global generator; arguments as `architecture`.

    `cnn`: screens uint8 (batch, frames, height, width) -> logits float32 (batch, actions); an
    extension's likewise, from what its game shows. `transformer`, `lstm`: see `sequences.Policy`.
    Raises ParamsError as `architecture`.
    """
    return _entry(family).build(size, **_shape_for(family, shape))


def smallest(family: str) -> int:
    """The smallest size of a family that can be built."""
    return _entry(family).smallest


def _shape_for(family: str, shape: dict) -> dict:
    return _screens(family, shape) if registry.is_built_in("FAMILY", family) else _seen(shape)


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


def _entry(family: str):
    try:
        return registry.get("FAMILY", family, "params: grid.family")
    except ExtensionError as error:
        raise ParamsError(str(error)) from None
