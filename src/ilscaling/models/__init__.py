"""Policy families, each with one dial for its size.

A family is a description of its layers in `shapes` (plain Python, for the FLOP ledger) and a
module of its name beside it, whose class `Policy` builds what is described. Importing this
package does not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ilscaling.errors import ParamsError
from ilscaling.models.shapes import FAMILIES, Layer

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FAMILIES", "Layer", "architecture", "build"]


def architecture(
    family: str, size: int, *, frames: int, actions: int, screen: tuple[int, int] = (84, 84)
) -> tuple[Layer, ...]:
    """Layers of a policy; raises ParamsError for an unknown family or a screen too small."""
    if family not in FAMILIES:
        raise ParamsError(
            f"unknown policy family {family!r}",
            where="params: grid.family",
            fix=f"families are: {', '.join(FAMILIES)}",
        )
    return FAMILIES[family](size, frames=frames, actions=actions, screen=screen)


def build(
    family: str, size: int, *, frames: int, actions: int, screen: tuple[int, int] = (84, 84)
) -> nn.Module:
    """Policy: screens uint8 (batch, frames, height, width) -> logits float32 (batch, actions).

    Weights are drawn from torch's global generator. Raises ParamsError as `architecture`.
    """
    layers = architecture(family, size, frames=frames, actions=actions, screen=screen)
    return importlib.import_module(f"ilscaling.models.{family}").Policy(layers)
