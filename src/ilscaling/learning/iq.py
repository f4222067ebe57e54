"""Offline IQ-Learn: cloning whose logits are soft Q-values, with a cost on the rewards they imply.

Garg et al., IQ-Learn: inverse soft-Q learning for imitation (NeurIPS 2021), equations 9 and 10 for
discrete actions with the chi-square regulariser. With Q = temperature * logits the policy is
softmax(logits) and V(s) = temperature * logsumexp(logits). Where no state is but the expert's own,
their objective over the temperature is, in nats,

    E[-log pi(a|s)] + temperature / (4 alpha) E[(l_a(s) - gamma logsumexp(l(s')))^2],

the cross-entropy of cloning and the square of the implied reward; V is 0 after an episode's end,
and of a step after which an episode was cut there is no implied reward.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ilscaling import registry
from ilscaling.learning.algorithm import Algorithm, Given
from ilscaling.learning.cloning import Cloning
from ilscaling.params import Fraction, Model, Positive


class Settings(Model):
    """The regulariser."""

    gamma: Fraction = Field(0.99, description="discount of the next state's value")
    alpha: Positive = Field(0.5, description="weight 1 / (4 alpha) of the squared reward")
    temperature: Annotated[float, Field(gt=0)] = Field(
        0.01, description="of the soft Q-values: a logit of 1 is worth so much"
    )


def stacked(family: str) -> bool:
    """Whether a sample of the family is a stack of its own, not a stretch with its next frame."""
    return registry.get("FAMILY", family).order is None


class IQ(Cloning):
    """Transitions of the demonstrations.

    A stack is served with one frame more: the sample is the transition to it from the one before,
    and, of an episode's last step, also that to the end. Of a stretch every frame is a sample, and
    the next frame follows it.
    """

    def __init__(self, given: Given):
        import numpy as np
        import torch

        super().__init__(given)
        self.stacked = stacked(given.run.family)
        if self.stacked:
            from ilscaling.learning import feed

            longer = given.train.model_copy(update={"frames": given.train.frames + 1})
            self.pairs = feed.make(given.split, longer, given.run.family, given.team)
        split = given.split
        first, last, cut = (np.zeros(split.steps, bool) for _ in range(3))
        first[split.starts[:-1]], last[split.starts[1:] - 1] = True, True
        cut[split.starts[1:] - 1] = split.table["truncated"]
        # Of every step of the split: its action; whether it is an episode's first or last; cut.
        steps = split.read("action", 0, split.steps).astype(np.int64), first, last, cut
        self.actions, self.first, self.last, self.cut = (
            torch.from_numpy(values).to(given.device) for values in steps
        )

    def batches(self, split, *, batch, seed, start):
        source = self.pairs if self.stacked else self.feed
        return source.batches(split, batch=batch, seed=seed, start=start)

    def loss(self, policy, batch):
        logits, index, counted, following, follows = (
            self._stacks(policy, batch) if self.stacked else self._stretches(policy, batch)
        )
        value = logits.logsumexp(1)
        chosen = logits.gather(1, self.actions[index][:, None])[:, 0]
        over = counted & self.last[index] & ~self.cut[index]
        reward = chosen - self.given.options.gamma * value[following] * follows
        squares = (reward.square() * (follows | over)).sum()
        options = self.given.options
        total = ((value - chosen) * counted).sum()
        total = total + options.temperature / (4 * options.alpha) * squares
        return total / batch["index"].numel()

    # Of every state (n,): logits (n, actions); its step; whether its action counts; the position
    # among the states of the next one, and whether that follows it.

    def _stacks(self, policy, batch):
        import torch

        here = batch["index"]
        stacks = batch[self.feed.field]
        stacks = torch.cat([stacks[:, :-1], stacks[:, 1:]])
        logits = self.logits(policy, {self.feed.field: stacks})
        follows = ~self.first[here]
        place = torch.arange(len(here), 2 * len(here), device=here.device)
        return (
            logits,
            # An episode's first step follows none: its own stands in, and does not count.
            torch.cat([here - follows.long(), here]),
            torch.cat([follows, self.last[here]]),
            torch.cat([place, place]),
            torch.cat([follows, torch.zeros_like(follows)]),
        )

    def _stretches(self, policy, batch):
        import torch

        index = batch["index"]
        follows = torch.zeros_like(index, dtype=torch.bool)
        # What is served next may be of another episode, or from elsewhere in the stream.
        follows[:, :-1] = (index[:, 1:] == index[:, :-1] + 1) & ~self.last[index[:, :-1]]
        following = torch.arange(index.numel(), device=index.device) + follows.flatten()
        logits = self.logits(policy, batch)
        counted = torch.ones_like(follows).flatten()
        return logits, index.flatten(), counted, following, follows.flatten()


def update(batch, ledger, section):
    """FLOPs of an update of the policy.

    A stack is served with the one before it: the policy sees two a sample.

    Parameters
    ----------
    batch
        Samples of an update.
    ledger
        The policy's FLOPs a sample.
    section
        Of the study, which names the family.
    """
    return batch * ledger.training * (2 if stacked(section.grid.family) else 1)


ALGORITHM = Algorithm("iq", IQ, Settings, update=update)
