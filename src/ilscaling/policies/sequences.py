"""What the families `transformer` and `lstm` share: encoder, trunk, head, and long stretches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from ilscaling.policies.encoder import Encoder
from ilscaling.policies.widths import Widths

if TYPE_CHECKING:
    from ilscaling.policies.lanes import Lanes

State = dict[str, torch.Tensor]


class Policy(nn.Module):
    """policy(batch, state=None) -> (logits float32 (B, T, A), state).

    batch: tty_chars uint8 (B, T, 24, 80), tty_colors int8 (B, T, 24, 80), tty_cursor uint8
    (B, T, 2), previous int64 (B, T) (the action before, in [0, A]; A: none), first bool (B, T) (a
    game begins: nothing before it is seen), inventory int16 (B, T, 55) if the policy has it. On a
    CPU tty_chars and tty_colors may be `Rows` of a loader's.

    state: what is remembered of the frames before, lanes first in every entry, so that lanes can
    be taken out and put back; None as `initial(B)`. The state returned carries no gradient. Passing
    a game in pieces of any length, each with the state of the last, gives the same logits but for
    rounding.
    """

    # Of a class whose trunk `lanes` has, compiled; those that extend it do not inherit this.
    compiled = False

    def __init__(self, widths: Widths):
        super().__init__()
        self.widths = widths
        self.encoder = Encoder(widths)
        self.head = linear(widths.size, widths.actions)

    def initial(self, lanes: int) -> State:
        """The state of lanes that have seen nothing."""
        raise NotImplementedError

    def trunk(
        self, x: torch.Tensor, first: torch.Tensor, state: State | None
    ) -> tuple[torch.Tensor, State]:
        """x (B, T, d), first (B, T), T <= context -> (B, T, d), and the state after it."""
        raise NotImplementedError

    def matrices(self) -> list[list[torch.Tensor]]:
        """The trunk's weights, each of all layers, in the order in which `lanes` takes them."""
        raise NotImplementedError

    def beside(self, policies: list[Policy], count: int) -> Lanes | None:
        """Lanes for policies of this one's architecture, compiled to play side by side; None where
        PyTorch is the faster, or this policy is no family of ours."""
        # It takes half a second to import, and training does not need it.
        from ilscaling.policies import lanes

        known = vars(type(self)).get("compiled") and self.widths.size < lanes.WIDE
        on_cpu = self.head.weight.device.type == "cpu"
        return lanes.Lanes(policies, count) if known and on_cpu else None

    def forward(
        self, batch: dict[str, torch.Tensor], state: State | None = None
    ) -> tuple[torch.Tensor, State]:
        x, first = self.encoder(batch), batch["first"]
        logits = []
        # Piece by piece, so that memory does not grow with the square of a stretch's length.
        for start in range(0, first.shape[1], self.widths.context):
            piece = slice(start, start + self.widths.context)
            y, state = self.trunk(x[:, piece], first[:, piece], state)
            logits.append(self.head(norm(y)).float())
        return torch.cat(logits, 1) if len(logits) > 1 else logits[0], state


def norm(x: torch.Tensor) -> torch.Tensor:
    """RMSNorm (Zhang & Sennrich 2019); its gain would repeat what the next matrix can say."""
    return nn.functional.rms_norm(x, x.shape[-1:])


def linear(inputs: int, outputs: int, scale: float = 1.0) -> nn.Linear:
    """A matrix without bias, of entries with deviation scale / sqrt(inputs)."""
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.normal_(layer.weight, std=scale * inputs**-0.5)
    return layer
