"""Soft labels: cross-entropy against the expert's whole distribution at each of its steps.

Policy distillation (Rusu et al., ICLR 2016, section 3; Hinton, Vinyals and Dean 2015): the same
samples in the same order as cloning, whose actions are draws from these distributions. Both losses
have one expectation, so one minimum; this gradient has the draws' noise less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ilscaling.learning.algorithm import Algorithm
from ilscaling.learning.cloning import Cloning
from ilscaling.store.split import EXPERT_PROBS

if TYPE_CHECKING:
    import torch


def against_expert(logits: torch.Tensor, batch: dict) -> torch.Tensor:
    """Mean cross-entropy of a policy to what the expert says, which is stored to three digits.

    Parameters
    ----------
    logits
        (samples, actions).
    batch
        With `expert_probs`, float16 (..., actions) of as many samples.

    Returns
    -------
    torch.Tensor
        Nats, float32 ().
    """
    from torch.nn import functional as F

    said = batch[EXPERT_PROBS].flatten(0, -2).float()
    return F.cross_entropy(logits, said / said.sum(1, keepdim=True))


class Soft(Cloning):
    """Cloning of distributions."""

    labels = (EXPERT_PROBS,)

    def loss(self, policy, batch):
        return against_expert(self.logits(policy, batch), batch)


ALGORITHM = Algorithm("soft", Soft, labels=Soft.labels)
