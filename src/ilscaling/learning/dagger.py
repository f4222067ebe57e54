"""DAgger: in rounds the student plays, the expert labels what it meets, and all is learned from.

Ross, Gordon and Bagnell, A reduction of imitation learning and structured prediction to no-regret
online learning (AISTATS 2011), algorithm 3.1. The demonstrations are the first round, so until the
student plays for the first time a run is one of behaviour cloning.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from ilscaling.errors import StoreError, TrainingError
from ilscaling.learning.algorithm import Algorithm, Given, Spent
from ilscaling.learning.cloning import Cloning
from ilscaling.learning.soft import against_expert
from ilscaling.params import Count, Model
from ilscaling.store.split import EXPERT_PROBS

Share = Annotated[float, Field(ge=0, le=1)]


class Settings(Model):
    """Rounds of play."""

    every: Count = Field(500, description="updates between two rounds")
    rounds: Count = Field(8, description="rounds of a run at most")
    steps: Count = Field(4_000, description="steps of a round, all labelled by the expert")
    lanes: Count = Field(8, description="games side by side in a round")
    mixing: Share = Field(0.5, description="share of the first round's steps that the expert plays")
    decay: Share = Field(0.5, description="that share of a round over that of the one before")
    temperature: Annotated[float, Field(ge=0)] = Field(
        1.0, description="of the student's play; 0 is its best action"
    )

    soft: bool = Field(False, description="learn the expert's whole distribution, as soft does")

    @model_validator(mode="after")
    def _lanes_share_steps(self):
        if self.steps % self.lanes:
            raise ValueError(f"steps ({self.steps}) must be a multiple of lanes ({self.lanes})")
        return self

    def played(self, updates: int) -> int:
        """Rounds that are played before the last of so many updates."""
        return min(max(0, updates - 1) // self.every, self.rounds)

    def share(self, number: int) -> float:
        """Of the steps of a round, from 1 on, that the expert plays."""
        return self.mixing * self.decay ** (number - 1)


class DAgger(Cloning):
    """Cloning of a store that grows round by round: `folder` holds a Zarr store of each."""

    def __init__(self, given: Given):
        self.labels = (EXPERT_PROBS,) if given.options.soft else ()
        super().__init__(given)
        self.parts = [given.split]
        self.drawn = np.zeros(given.split.steps, bool)  # steps that a batch has held

    def batches(self, split, *, batch, seed, start):
        self.stream = _Stream(self, batch, seed, start)
        return self.stream

    def loss(self, policy, batch):
        if self.labels:
            return against_expert(self.logits(policy, batch), batch)
        return super().loss(policy, batch)

    def interact(self, policy, update):
        from ilscaling.learning import rounds

        given, options = self.given, self.given.options
        number, rest = divmod(update, options.every)
        if rest or not 1 <= number <= options.rounds:
            return
        wanted = rounds.Round(
            number, options.steps, options.lanes, options.share(number), options.temperature
        )
        if given.team.first:
            rounds.make(given, policy, wanted)
        given.team.meet()
        self._join(given.folder, number)
        self.spent += Spent(
            env_steps=options.steps,
            expert_labels=options.steps,
            flops_acting=options.steps * given.ledger.forward,
        )
        self.stream.open(0)

    def _join(self, folder: Path, number: int) -> None:
        from ilscaling import store
        from ilscaling.learning import rounds

        part = store.open_split(rounds.path(folder, number), "train")
        self.parts.append(part)
        self.drawn = np.append(self.drawn, np.zeros(part.steps, bool))

    def joined(self):
        """All that there is to learn from."""
        from ilscaling import store

        return store.Joined(self.parts) if len(self.parts) > 1 else self.parts[0]

    def unique_samples(self, samples):
        return int(self.given.team.any(self.drawn).sum())

    def save(self):
        import torch

        drawn = torch.from_numpy(self.given.team.any(self.drawn))
        return {"drawn": drawn}, {"rounds": len(self.parts) - 1}

    def restore(self, tensors, values, files):
        folder = self.given.folder
        try:
            for number in range(1, values["rounds"] + 1):
                if files != folder and self.given.team.first:
                    _copy(files, folder, number)
                self.given.team.meet()
                self._join(folder, number)
        except (StoreError, OSError) as error:
            raise TrainingError(
                f"the run has lost a round of its play: {error}",
                where=str(files),
                fix=f"train it anew: rm -r {files.parent}",
            ) from None
        self.drawn = tensors["drawn"].cpu().numpy()


class _Stream:
    """Batches of all that there is, in a new order whenever there is more."""

    def __init__(self, learner: DAgger, batch: int, seed: int, start: int):
        self.learner, self.batch, self.seed = learner, batch, seed
        played = len(learner.parts) - 1
        self.open(start - played * learner.given.options.every * batch)

    def open(self, start: int) -> None:
        """Begin the order of what there is now, at its sample number `start`."""
        self.close()
        played = len(self.learner.parts) - 1
        self._batches = self.learner.feed.batches(
            self.learner.joined(),
            batch=self.batch,
            seed=self.seed + (played << 32),
            start=start,
            labels=self.learner.labels,
        )

    def close(self) -> None:
        if batches := getattr(self, "_batches", None):
            batches.close()

    def __next__(self):
        batch = next(self._batches)
        self.learner.drawn[batch["index"]] = True
        return batch

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _copy(files: Path, folder: Path, number: int) -> None:
    """The store of a round, from the folder of the trunk to that of a branch."""
    import shutil

    from ilscaling.learning import rounds

    there = rounds.path(folder, number)
    if there.is_dir():
        return
    unfinished = there.with_name(f".{there.name}.tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(rounds.path(files, number), unfinished)
    unfinished.rename(there)


def spends(updates, batch, ledger, section):
    """What a run of DAgger pays for beside the updates of its policy.

    Every played step is one forward pass of the student and one label of the expert.

    Parameters
    ----------
    updates
        Updates of the policy.
    batch
        Samples of one, which does not matter here.
    ledger
        The policy's FLOPs a sample.
    section
        Of the study, with the algorithm's settings.
    """
    options = section.dagger
    steps = options.played(updates) * options.steps
    return Spent(env_steps=steps, expert_labels=steps, flops_acting=steps * ledger.forward)


ALGORITHM = Algorithm(
    "dagger",
    DAgger,
    Settings,
    plays=True,
    asks=True,
    spends=spends,
    steps=lambda stored, spent: stored + spent.expert_labels,
)
