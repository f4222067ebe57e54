"""The same policies as one would write them first: float32, contiguous, no operation fused."""

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from ilscaling import policies
from ilscaling.policies.config import KINDS, PATCH, PATCHES
from ilscaling.policies.encoder import Encoder
from ilscaling.policies.frames import FrameFeatures


class Stacks(nn.Module):
    """The family `cnn`."""

    def __init__(self, size: int, **shape):
        super().__init__()
        *convolutions, linear = policies.architecture("cnn", size, **shape)
        parts = []
        for layer in convolutions:
            parts += [nn.Conv2d(layer.inputs, layer.outputs, layer.kernel, layer.stride), nn.ReLU()]
        self.layers = nn.Sequential(*parts, nn.Flatten(), nn.Linear(linear.inputs, linear.outputs))

    def forward(self, screens: torch.Tensor) -> torch.Tensor:
        return self.layers(screens.float() / 255)


class Dense(Encoder):
    """The encoder of sequences, which looks up every cell of every frame's map: `map`, as _whole
    gives it. What frames say is read before, as for our own."""

    def forward(self, features: FrameFeatures, lanes: int) -> torch.Tensor:
        n = len(features.cells)
        patches = F.embedding(self.map, self.patches).sum(-2)
        cells = F.embedding(features.cells.long(), self.cells)
        both = F.linear(torch.cat((cells.flatten(1), patches.flatten(1)), 1), self.matrix)
        sums = F.embedding(features.facts.long(), self.facts).sum(1)
        index = features.words.long() & (len(self.words) - 1)
        sums = sums + F.embedding_bag(index, self.words, features.word_starts[:-1], mode="sum")
        return (both + sums).view(lanes, n // lanes, -1)


def _whole(features: FrameFeatures, steps: int) -> torch.Tensor:
    """Rows of the table of patches for every cell of every map: int64 (n, 70, 24)."""
    device = features.cells.device
    features = FrameFeatures(*(values.cpu() for values in features))
    starts = features.change_starts.tolist()
    blank = torch.arange(PATCH[0] * PATCH[1]) * KINDS
    maps = []
    for k, (begin, end) in enumerate(pairwise(starts)):
        now = maps[-1].clone() if k % steps else blank.repeat(PATCHES, 1)
        new = features.new[begin:end].long()
        now[features.patch[begin:end].long(), new // KINDS] = new
        maps.append(now)
    return torch.stack(maps).to(device)


def stepper(run, batch: dict[str, torch.Tensor]) -> Callable[[], None]:
    """One plain step of a `step.Run` on a batch."""
    if policies.get(run.family).order is None:
        policy = Stacks(run.size, **run.shape).to(run.device)
        adam = torch.optim.Adam(policy.parameters(), 1e-4, foreach=False)
    else:
        policy = policies.build(run.family, run.size, **run.shape).to(run.device)
        policy.encoder.__class__ = Dense
        policy.encoder.map = _whole(batch["frames"], run.settings.context)
        adam = torch.optim.AdamW(policy.parameters(), 1e-4, foreach=False)
    average = [w.detach().clone() for w in policy.parameters()] if run.settings.ema else []

    def step() -> None:
        adam.zero_grad()
        loss = run.learner.loss(policy, batch)
        loss.backward()
        if run.state.clip is not None:
            nn.utils.clip_grad_norm_(policy.parameters(), run.state.clip, foreach=False)
        adam.step()
        with torch.no_grad():
            for mean, weight in zip(average, policy.parameters(), strict=False):
                mean.lerp_(weight, 0.01)

    return step
