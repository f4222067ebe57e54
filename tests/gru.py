"""A policy family with a memory in one file: a GRU over whatever array, or screen, a game shows."""

import math

from ilscaling.params import TrainSequences
from ilscaling.policies.family import Family
from ilscaling.policies.layers import Layer, PolicyLayer

SCREEN = (24, 80)  # NetHack's characters


def layers(size: int, *, actions: int, observation: tuple[int, ...] = SCREEN, **_):
    """The layers for the FLOP ledger; the first needs no gradient of its inputs: two passes."""
    return (
        Layer("encoder", math.prod(observation), size, passes=2),
        PolicyLayer("keys", tables=(actions + 1) * size),
        PolicyLayer("memory", matrices=6 * size * size, biases=6 * size),
        Layer("head", size, actions),
    )


def build(size: int, *, actions: int, observation: tuple[int, ...] = SCREEN, **_):
    """network(batch, state) -> (logits, state)"""
    import torch
    from torch import nn

    class Policy(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Linear(math.prod(observation), size)
            self.keys = nn.Parameter(torch.randn(actions + 1, size))
            self.memory = nn.GRU(size, size, batch_first=True)
            self.head = nn.Linear(size, actions)

        def initial(self, lanes):
            return {"hidden": self.head.weight.new_zeros(lanes, size)}

        def forward(self, batch, state=None):
            first = batch["first"]
            hidden = (state or self.initial(len(first)))["hidden"]
            array = batch["observation" if "observation" in batch else "tty_chars"]
            array = array.flatten(2).float() / 128
            x, outputs = self.encoder(array) + self.keys[batch["previous"]], []
            for t in range(first.shape[1]):  # a game's first frame remembers nothing
                hidden = hidden * ~first[:, t, None]
                y, hidden = self.memory(x[:, t : t + 1], hidden[None])
                outputs.append(y)
                hidden = hidden[0]
            return self.head(torch.cat(outputs, 1)), {"hidden": hidden}

    return Policy()


FAMILY = Family(
    "gru",
    layers,
    build,
    settings=TrainSequences,
    order="streams",
    sees=("tty_chars", "observation"),
)
