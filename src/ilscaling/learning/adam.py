"""AdamW (Loshchilov & Hutter 2019) as a run trains with it, and its part of the run's state."""

from collections.abc import Iterator

import torch
from torch import nn

from ilscaling.params import Training


class Adam(torch.optim.AdamW):
    """PyTorch's AdamW, fused; without weight decay it is Adam (Kingma & Ba 2015).

    Weight decay is for matrices: weights of two or more axes but those looked up row by row, of
    which a batch takes few rows while decay would shrink all.

    Parameters
    ----------
    policy
        Whose weights move.
    settings
        The section `train`: `weight_decay` and `beta2`, where it has them.
    tables
        Names of weights that are looked up row by row.
    """

    # PyTorch's methods as they are written. Their decorators, for its compiler, import that: a
    # third to a half of the CPU time in which a job starts (docs/performance.md).
    add_param_group = torch.optim.Optimizer.add_param_group.__wrapped__
    zero_grad = torch.optim.Optimizer.zero_grad.__wrapped__
    step = torch.no_grad()(torch.optim.AdamW.step.__wrapped__)

    def __init__(self, policy: nn.Module, settings: Training, tables: frozenset[str] = frozenset()):
        self.named = dict(policy.named_parameters())
        decay = getattr(settings, "weight_decay", 0.0)
        # One group without decay: each group is a kernel of its own.
        decayed = {n for n, w in self.named.items() if decay and w.ndim > 1 and n not in tables}
        groups = [
            {"params": [w for n, w in self.named.items() if n in decayed]},
            {"params": [w for n, w in self.named.items() if n not in decayed], "weight_decay": 0.0},
        ]
        super().__init__(
            [group for group in groups if group["params"]],
            betas=(0.9, getattr(settings, "beta2", 0.999)),
            weight_decay=decay,
            fused=True,
        )

    def move(self, rate: float) -> None:
        """Move the weights that have gradients, by a rate."""
        for group in self.param_groups:
            group["lr"] = rate
        self.step()

    def moments(self) -> Iterator[tuple[str, str, torch.Tensor]]:
        """Name of a weight, name of a moment, and the moment, of all weights that ever moved."""
        for name, weight in self.named.items():
            for moment, value in self.state.get(weight, {}).items():
                yield name, moment, value

    def restore(self, name: str, moment: str, value: torch.Tensor) -> None:
        """Take over a moment of a weight.

        Parameters
        ----------
        name
            Of the weight.
        moment, value
            As `moments` gave them.
        """
        weight = self.named[name]
        # In the memory format of the weight, which the fused kernel takes for granted.
        place = (
            torch.empty_like(weight) if value.ndim else value.new_empty((), device=weight.device)
        )
        self.state[weight][moment] = place.copy_(value)
