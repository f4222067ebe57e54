"""The same policies as one would write them first: float32, contiguous, no operation fused."""

from collections.abc import Callable

import torch
from ilscaling.policies.widths import KINDS, PATCH
from torch import nn
from torch.nn import functional as F

from ilscaling import policies
from ilscaling.policies import shapes
from ilscaling.policies.encoder import Encoder


class Stacks(nn.Module):
    """The family `cnn`."""

    def __init__(self, size: int, **shape):
        super().__init__()
        *convolutions, linear = shapes.cnn(size, **shape)
        parts = []
        for layer in convolutions:
            parts += [nn.Conv2d(layer.inputs, layer.outputs, layer.kernel, layer.stride), nn.ReLU()]
        self.layers = nn.Sequential(*parts, nn.Flatten(), nn.Linear(linear.inputs, linear.outputs))

    def forward(self, screens: torch.Tensor) -> torch.Tensor:
        return self.layers(screens.float() / 255)


class Dense(Encoder):
    """The encoder of sequences, which looks up every cell of every frame's map."""

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        chars, colours = batch["tty_chars"], batch["tty_colors"]
        lanes, steps = chars.shape[:2]
        n = lanes * steps
        kinds = self.screen._kinds(chars, colours).long()[:, :, 1:22]
        kinds = kinds.reshape(n, 7, PATCH[0], 10, PATCH[1]).transpose(2, 3).flatten(3)
        places = torch.arange(PATCH[0] * PATCH[1]) * KINDS
        patches = (F.embedding(places + kinds, self.patches)).sum(-2)
        chars, colours = chars.flatten(0, 1), colours.flatten(0, 1)
        cursor = batch["tty_cursor"].flatten(0, 1).long()
        cells = F.embedding(self.screen.crop(chars, colours, cursor), self.cells)
        seen = F.linear(torch.cat((cells.flatten(1), patches.flatten(1)), 1), self.matrix)
        numbers = self.screen.numbers(chars).long()
        facts = torch.cat((batch["previous"].reshape(n, 1), cursor, numbers), 1) + self.starts
        told = F.embedding(facts, self.facts).sum(1)
        index, starts = self.screen.words(chars, len(self.words))
        told = told + F.embedding_bag(index, self.words, starts, mode="sum")
        return (seen + told).view(lanes, steps, -1)


def stepper(run, batch: dict[str, torch.Tensor]) -> Callable[[], None]:
    """One plain step of a `step.Run` on a batch."""
    if run.family == "cnn":
        policy = Stacks(run.size, **run.shape)
        adam = torch.optim.Adam(policy.parameters(), 1e-4, foreach=False)
    else:
        policy = policies.build(run.family, run.size, **run.shape)
        policy.encoder.__class__ = Dense
        adam = torch.optim.AdamW(policy.parameters(), 1e-4, foreach=False)
    average = [w.detach().clone() for w in policy.parameters()] if run.settings.ema else []

    def step() -> None:
        adam.zero_grad()
        loss = run.state.feed.loss(policy, batch)
        loss.backward()
        if run.state.clip is not None:
            nn.utils.clip_grad_norm_(policy.parameters(), run.state.clip, foreach=False)
        adam.step()
        with torch.no_grad():
            for mean, weight in zip(average, policy.parameters(), strict=False):
                mean.lerp_(weight, 0.01)

    return step
