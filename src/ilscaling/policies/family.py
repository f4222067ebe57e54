"""What a policy family is: the entry FAMILY."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from ilscaling.params import Train, Training


@dataclass(frozen=True)
class Family:
    """A policy family with one dial for its size, of policies that see stacks of observations.

    layers(size, frames=, observation=, actions=) -> the layers for the FLOP ledger, without torch:
    `policies.shapes.Layer`, or anything with `name`, `params` and `flops(convention)` -> (forward,
    training) a sample. observation: shape of one step. build(size, the same) -> the nn.Module:
    (batch, frames, *observation) in the game's type -> logits (batch, actions). Parameters and
    FLOPs are checked against PyTorch's own count when a run starts. smallest: size that a forecast
    may go down to. settings: class of the section `train`; sees: fields of a game's observation
    of which it needs one.
    """

    CALLED: ClassVar = ("layers", "build")

    name: str
    layers: Callable[..., tuple]
    build: Callable[..., Any]
    smallest: int = 1
    settings: type[Training] = Train
    sees: tuple[str, ...] = ("screen", "observation")
