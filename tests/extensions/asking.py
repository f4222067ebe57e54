"""Cloning with smoothed labels that plays, and asks the expert what it would have done."""

import numpy as np
import torch
from torch.nn import functional as F

from ilscaling import games
from ilscaling.domains import brought
from ilscaling.learning.algorithm import Algorithm, Spent
from ilscaling.learning.cloning import Cloning
from ilscaling.params import Count, Fraction, Model


class Settings(Model):
    smoothing: Fraction = 0.1
    every: Count = 8  # updates between two rounds of play
    steps: Count = 16  # steps of a round


class Asking(Cloning):
    """Half of every batch are states of its own play."""

    def interact(self, policy, update):
        section, options = self.given.section, self.given.options
        self.random = np.random.default_rng([self.given.run.seed, update])
        if update % options.every:
            return
        states, labels = [], []
        game = games.make(section.domain, section.game, 1, section.emulator)
        expert, fresh = brought.player(section.expert, game.spec), np.ones(1, bool)
        observation = game.reset(np.array([update]))
        for _ in range(options.steps):
            states.append(torch.from_numpy(observation["observation"].copy())[:, None])
            labels.append(int(expert(observation, np.zeros(1, int), fresh).argmax()))
            step = game.step(policy(states[-1]).argmax(1).numpy())
            observation, fresh = step.observation, step.done
        game.close()
        new = {"states": torch.cat(states), "labels": torch.tensor(labels)}
        self.own = {k: torch.cat([self.own.get(k, v[:0]), v]) for k, v in new.items()}
        self.spent += Spent(options.steps, options.steps, options.steps * self.given.ledger.forward)

    def loss(self, policy, batch):
        half = len(batch["action"]) // 2
        drawn = self.random.integers(len(self.own["labels"]), size=half)
        seen = torch.cat([self.own["states"][drawn], batch["observation"][half:]])
        actions = torch.cat([self.own["labels"][drawn], batch["action"][half:].long()])
        logits = self.logits(policy, {"observation": seen})
        return F.cross_entropy(logits, actions, label_smoothing=self.given.options.smoothing)


def spends(updates, batch, ledger, section):
    steps = -(-updates // section.asking.every) * section.asking.steps
    return Spent(steps, steps, steps * ledger.forward)


ALGORITHM = Algorithm("asking", Asking, Settings, plays=True, spends=spends)
