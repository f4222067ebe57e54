"""A policy family: two hidden layers of `size` units over the flattened observation."""

import math

from ilscaling.policies.family import Family
from ilscaling.policies.layers import Layer


def layers(size: int, *, frames: int, observation: tuple[int, ...], actions: int):
    """The layers for the FLOP ledger; the first needs no gradient of its inputs: two passes."""
    return (
        Layer("hidden1", frames * math.prod(observation), size, passes=2),
        Layer("hidden2", size, size),
        Layer("logits", size, actions),
    )


def build(size: int, **shape):
    """(batch, frames, *observation) -> logits (batch, actions)."""
    from torch import nn  # only here: plans and keys need no torch

    class Policy(nn.Sequential):
        def forward(self, observations):
            return super().forward(observations.flatten(1).float())

    hidden1, hidden2, logits = (
        nn.Linear(layer.inputs, layer.outputs) for layer in layers(size, **shape)
    )
    return Policy(hidden1, nn.ReLU(), hidden2, nn.ReLU(), logits)


FAMILY = Family(name="mlp", layers=layers, build=build)
