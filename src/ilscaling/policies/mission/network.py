"""The network of the family `mission`."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from ilscaling.policies.mission import (
    CELLS,
    COLOURS,
    DIRECTIONS,
    KINDS,
    SLOTS,
    STATES,
    WORDS,
    MissionConfig,
)
from ilscaling.policies.reading import Batch
from ilscaling.policies.sequences import State, linear, norm
from ilscaling.policies.transformer.network import Attention, FeedForward
from ilscaling.policies.transformer.network import Policy as Transformer


class Policy(Transformer):
    """policy(batch, state=None) -> (logits float32 (B, T, A), state), as `sequences.Policy`.

    batch: view uint8 (B, T, 7, 7, 3), direction (B, T), mission (B, T, SLOTS), `previous` and
    `first`; others are not read.

    Parameters
    ----------
    config
        Widths of the policy.
    """

    def __init__(self, config: MissionConfig):
        nn.Module.__init__(self)  # the transformer's own encoder reads NetHack's screen
        self.config = config
        self.encoder = Encoder(config)
        self.attention = nn.ModuleList(Attention(config) for _ in range(config.depth))
        self.feedforward = nn.ModuleList(FeedForward(config) for _ in range(config.depth))
        self.head = linear(config.size, config.actions)
        places = torch.arange(2 * config.context - 1, dtype=torch.float64)
        angles = places[:, None] * torch.tensor(config.turns, dtype=torch.float64)
        turns = torch.polar(torch.ones_like(angles), angles).to(torch.complex64)
        self.register_buffer("turns", turns, persistent=False)

    def forward(self, batch: Batch, state: State | None = None) -> tuple[torch.Tensor, State]:
        first, context = batch["first"], self.config.context
        x, logits = self.encoder(batch), []
        # Piece by piece, as the transformer of NetHack.
        for start in range(0, first.shape[1], context):
            piece = slice(start, start + context)
            y, state = self.trunk(x[:, piece], first[:, piece], state, None)
            logits.append(self.head(norm(y)).float())
        return torch.cat(logits, 1) if len(logits) > 1 else logits[0], state


class Encoder(nn.Module):
    """Stretches -> float32 (B, T, d).

    Each cell's kind has features, which the mission scales and shifts (FiLM, Perez et al. 2018), so
    that what is asked for looks different wherever it lies; one matrix then reads all cells. A
    mission is the sum of its words' vectors, each scaled by its place (Sukhbaatar et al. 2015), so
    that 'the ball next to the box' is not 'the box next to the ball'.

    Parameters
    ----------
    config
        Widths of the policy.
    """

    def __init__(self, config: MissionConfig):
        super().__init__()
        self.config = config
        self.kinds = _table(KINDS, config.channels, 1.0)
        self.words = _table(WORDS, config.said, 0.3)
        self.slots = nn.Parameter(1 + 0.3 * torch.randn(SLOTS, config.said))
        self.directions = _table(DIRECTIONS, config.size, 0.1)
        self.before = _table(config.actions + 1, config.size, 0.1) if config.remembers else None
        deviation = config.features**-0.5
        self.matrix = nn.Parameter(deviation * torch.randn(config.size, config.features))

    def forward(self, batch: Batch) -> torch.Tensor:
        """What stretches say, as vectors (B, T, d)."""
        view = batch["view"].long()
        kinds = (view[..., 0] * COLOURS + view[..., 1]) * STATES + view[..., 2]
        lanes, steps = kinds.shape[:2]
        said = self._said(batch["mission"], batch["first"])
        channels = self.config.channels
        scale, shift, vector = said.split([channels, channels, self.config.size], -1)
        cells = F.embedding(kinds.view(lanes, steps, CELLS), self.kinds)
        cells = F.relu(cells * (1 + scale[..., None, :]) + shift[..., None, :])
        x = F.linear(cells.flatten(2), self.matrix) + vector
        x = x + F.embedding(batch["direction"].long(), self.directions)
        if self.before is not None:
            x = x + F.embedding(batch["previous"], self.before)
        return x

    def _said(self, mission: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
        """Of each frame's mission, (B, T, 2 channels + d)."""
        lanes, steps, slots = mission.shape
        # A mission stays the same through an episode: it is read where one begins, or a stretch.
        new = first.clone()
        new[:, 0] = True
        number = (new.flatten().cumsum(0) - 1).view(lanes, steps)
        words = mission[new].long()
        vectors = F.embedding(words, self.words) * (words > 0)[..., None]
        return (vectors * self.slots[:slots]).sum(1)[number]


def _table(rows: int, width: int, deviation: float) -> nn.Parameter:
    return nn.Parameter(deviation * torch.randn(rows, width))
