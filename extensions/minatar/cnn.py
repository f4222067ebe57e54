"""A policy family for boards of 10 x 10: a convolution of `size` channels, and a layer over it."""

from ilscaling.policies.family import Family
from ilscaling.policies.layers import Layer


def layers(size: int, *, frames: int, observation: tuple[int, ...], actions: int):
    """The layers for the FLOP ledger; the first needs no gradient of its inputs: two passes."""
    height, width, channels = observation
    inner = (height - 2) * (width - 2)
    return (
        Layer("board", frames * channels, size, 3, 1, height * width, inner, passes=2),
        Layer("hidden", size * inner, 4 * size),
        Layer("logits", 4 * size, actions),
    )


def build(size: int, **shape):
    """(batch, frames, 10, 10, channels) -> logits (batch, actions)."""
    from torch import nn  # only here: plans and keys need no torch

    class Policy(nn.Sequential):
        def forward(self, boards):
            return super().forward(boards.permute(0, 1, 4, 2, 3).flatten(1, 2).float())

    board, hidden, logits = layers(size, **shape)
    return Policy(
        nn.Conv2d(board.inputs, board.outputs, board.kernel),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(hidden.inputs, hidden.outputs),
        nn.ReLU(),
        nn.Linear(logits.inputs, logits.outputs),
    )


FAMILY = Family(name="board", layers=layers, build=build)
