"""What the families `transformer` and `lstm` share: encoder, trunk, head, and long stretches."""

from __future__ import annotations

import torch
from torch import nn

from ilscaling.policies.config import Config
from ilscaling.policies.encoder import Encoder
from ilscaling.policies.reading import Batch

State = dict[str, torch.Tensor]
Begins = torch.Tensor | None


class Policy(nn.Module):
    """policy(batch, state=None) -> (logits float32 (B, T, A), state).

    batch: `frames`, what `frames.Reader` says of stretches (B, T), and first bool (B, T) (a game
    begins: nothing before it is seen).

    state: what is remembered of the frames before, lanes first in every entry, so that lanes can
    be taken out and put back; None as `initial(B)`. The state returned carries no gradient. Passing
    a game in pieces of any length, each with the state of the last, gives the same logits but for
    rounding. In training gradients end with the stretch; a transformer is also trained without
    what lies before the stretch, which it sees when it plays or is measured.

    Parameters
    ----------
    config
        Widths of the policy.
    """

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.head = linear(config.size, config.actions)

    def initial(self, lanes: int) -> State:
        """The state of lanes that have seen nothing."""
        raise NotImplementedError

    def trunk(
        self, x: torch.Tensor, first: torch.Tensor, state: State | None, begins: Begins
    ) -> tuple[torch.Tensor, State]:
        """What stands between encoder and head.

        Parameters
        ----------
        x
            The encoder's vectors, (B, T, d), T at most `context`.
        first
            Whether a game begins, bool (B, T).
        state
            What is remembered of the frames before; None: nothing.
        begins
            Whether a game begins there in any lane, bool (T,), where the host knows it; None: it
            does not.

        Returns
        -------
        tuple
            (B, T, d), and the state after it.
        """
        raise NotImplementedError

    def forward(self, batch: Batch, state: State | None = None) -> tuple[torch.Tensor, State]:
        first, context = batch["first"], self.config.context
        begins = batch.get("begins")
        x = self.encoder(batch["frames"], len(first))
        logits = []
        # Piece by piece, so that memory does not grow with the square of a stretch's length.
        for start in range(0, first.shape[1], context):
            piece = slice(start, start + context)
            known = None if begins is None else begins[piece]
            y, state = self.trunk(x[:, piece], first[:, piece], state, known)
            logits.append(self.head(norm(y)).float())
        return torch.cat(logits, 1) if len(logits) > 1 else logits[0], state


def norm(x: torch.Tensor) -> torch.Tensor:
    """RMSNorm (Zhang & Sennrich 2019); its gain would repeat what the next matrix can say.

    Parameters
    ----------
    x
        (..., d).
    """
    return nn.functional.rms_norm(x, x.shape[-1:])


def linear(inputs: int, outputs: int, scale: float = 1.0) -> nn.Linear:
    """A matrix without bias.

    Parameters
    ----------
    inputs, outputs
        Features.
    scale
        Its entries are normal with deviation scale / sqrt(inputs).
    """
    layer = nn.Linear(inputs, outputs, bias=False)
    nn.init.normal_(layer.weight, std=scale * inputs**-0.5)
    return layer
