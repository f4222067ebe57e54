"""Adversarial imitation: PPO whose reward is how far a discriminator takes it for the expert.

Ho and Ermon, Generative adversarial imitation learning (NeurIPS 2016), with PPO as the generator's
step. The discriminator is a network of the policy's own architecture: its output of an action is
the log-odds that the expert played it there. After each rollout it learns from as many samples of
the demonstrations as of the rollout, and then says the rewards. Nothing is chosen afterwards: a run
that collapses is a row like any other, and its rollouts.csv says how (`apart` near 1: the
discriminator tells both apart, and the policy learns little; near 0.5: it cannot).
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ilscaling.learning import ppo
from ilscaling.learning.algorithm import Algorithm, Given, Spent
from ilscaling.params import Count

DISCRIMINATOR, PLAYED = 5, 6  # streams of random numbers, beside those of `ppo`


def _softplus(odds: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, odds)


# Rewards from log-odds: -log(1 - D), which is above 0 and likes long episodes; log D, which is
# below 0 and likes short ones; their sum, which does neither (Fu et al., ICLR 2018).
REWARDS = {
    "alive": _softplus,
    "ended": lambda odds: -_softplus(-odds),
    "both": lambda odds: odds,
}


class Settings(ppo.Settings):
    """Play from a discriminator's rewards."""

    reward: Literal["alive", "ended", "both"] = Field(
        "alive", description="of log-odds: -log(1-D), log D, or their sum"
    )
    updates_discriminator: Count = Field(8, description="of the discriminator after a rollout")
    batch_discriminator: Count = Field(
        128, description="samples of the demonstrations, and as many of the rollout, in each"
    )
    smoothing: Annotated[float, Field(ge=0, lt=0.5)] = Field(
        0.1, description="of the discriminator's labels"
    )


class Adversarial(ppo.PPO):
    """PPO without the game's rewards, which stand in rollouts.csv alone."""

    COLUMNS = (*ppo.PPO.COLUMNS, "reward", "discriminator_loss", "apart")

    def __init__(self, given: Given):
        super().__init__(given)
        self.discriminator = self._experts = None
        self._measures: list[float] = []

    def start(self):
        super().start()
        if self.discriminator is None:
            self.discriminator = self.network(DISCRIMINATOR)

    def networks(self):
        return super().networks() | {"discriminator": self.discriminator}

    def finish(self):
        super().finish()
        if self._experts is not None:
            self._experts.close()
            self._experts = None

    def measures(self):
        return self._measures

    def rewards(self, rollout, number):
        from ilscaling.learning import feed
        from ilscaling.policies.reading import tensors

        given, own = self.given, self.options
        size, count = own.batch_discriminator, own.updates_discriminator
        source = feed.make(given.split, given.train, given.run.family, given.team)
        if self._experts is None:
            self._experts = source.batches(
                given.split, batch=size, seed=given.run.seed, start=number * count * size
            )
        random = np.random.default_rng([given.run.seed, PLAYED, number])
        stacks = rollout.stacks[:-1].reshape(-1, *rollout.stacks.shape[2:])
        action = rollout.action.ravel()
        seen = []
        for _ in range(count):
            expert = next(self._experts)
            rows = random.integers(len(action), size=size)
            batch = {
                "stacks": np.concatenate([expert[source.field], stacks[rows]]),
                "action": np.concatenate([expert["action"].astype(np.int64), action[rows]]),
            }
            seen.append(self._learn(tensors(batch, given.device), size))
        cost = count * 2 * size * given.ledger.training + len(action) * given.ledger.forward
        self.spent += Spent(flops_discriminator=cost)
        said = self.discriminator.answers(rollout.stacks[:-1])
        odds = np.take_along_axis(said, rollout.action[..., None], 2)[..., 0]
        rewards = REWARDS[own.reward](odds)
        self._measures = [float(rewards.mean()), *np.mean(seen, axis=0).tolist()]
        return rewards

    def _learn(self, batch, size: int) -> tuple[float, float]:
        """One update on a batch whose first `size` are the expert's; its loss, and the share that
        it told apart."""
        import torch
        from torch.nn import functional as F

        from ilscaling.learning import precision

        with precision.autocast(self.given.device, self.given.precision):
            odds = self.discriminator(batch["stacks"]).gather(1, batch["action"][:, None])[:, 0]
        expert = (torch.arange(2 * size, device=odds.device) < size).to(odds.dtype)
        smoothing = self.options.smoothing
        loss = F.binary_cross_entropy_with_logits(odds, expert * (1 - 2 * smoothing) + smoothing)
        self.discriminator.descend(loss, self.clip)
        return loss.item(), ((odds > 0) == (expert > 0)).double().mean().item()


def spends(updates, batch, ledger, section):
    """What PPO spends, and the discriminator.

    It learns from two batches an update of its own, and says the reward of every step.

    Parameters
    ----------
    updates
        Updates of the policy.
    batch
        Samples of one.
    ledger
        FLOPs a sample, of policy, value and discriminator alike.
    section
        Of the study, with the algorithm's settings.

    Raises
    ------
    ParamsError
        As of `ppo.refuse`.
    """
    own = ppo.options(section)
    rollouts = own.rollouts(updates, batch) if updates else 0
    learned = rollouts * own.updates_discriminator * 2 * own.batch_discriminator
    return ppo.spends(updates, batch, ledger, section) + Spent(
        flops_discriminator=learned * ledger.training + rollouts * own.played * ledger.forward
    )


ALGORITHM = Algorithm(
    "adversarial",
    Adversarial,
    Settings,
    plays=True,
    spends=spends,
    steps=lambda stored, spent: spent.env_steps,
)
