"""Behaviour cloning: cross-entropy of the expert's actions on its own states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ilscaling.learning.algorithm import Algorithm, Given, Learner

if TYPE_CHECKING:
    from ilscaling.learning.feed import Feed


class Cloning(Learner):
    """Batches of the demonstrations in the order of the policy's family.

    Attributes
    ----------
    labels
        Further fields of a step that a batch holds.
    """

    labels: tuple[str, ...] = ()

    def __init__(self, given: Given):
        from ilscaling.learning import feed  # torch

        self.feed: Feed = feed.make(
            given.split, given.train, given.run.family, given.team, given.device
        )
        given.split.refuse_missing(self.labels)
        super().__init__(given)

    @property
    def carried(self):
        return self.feed.carried

    @carried.setter
    def carried(self, carried):
        self.feed.carried = carried

    def items(self, batch):
        return self.feed.items(batch)

    def batches(self, split, *, batch, seed, start):
        return self.feed.batches(split, batch=batch, seed=seed, start=start, labels=self.labels)

    def logits(self, policy, batch):
        """Of every sample of a batch, (samples, actions)."""
        return self.feed.logits(policy, batch)

    def loss(self, policy, batch):
        from torch.nn import functional as F

        return F.cross_entropy(self.logits(policy, batch), batch["action"].flatten())


ALGORITHM = Algorithm("cloning", Cloning)
