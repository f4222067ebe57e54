"""What a family trains on: its batches, and what it carries from one to the next."""

from typing import Protocol

import numpy as np
import torch
from torch import nn

from ilscaling import policies
from ilscaling.errors import TrainingError
from ilscaling.learning import devices
from ilscaling.learning.ranks import ALONE, Ranks
from ilscaling.params import Train, TrainSequences
from ilscaling.policies.reading import Batch, read, tensors
from ilscaling.store import Loader, SequenceLoader, Split
from ilscaling.store.memory import HOST, Memory
from ilscaling.store.prefetch import Prefetched

__all__ = ["Batch", "Feed", "Stacks", "Stretches", "make", "tensors"]


class Feed(Protocol):
    """`carried`: name -> tensor, the state after the last batch; without it a run cannot go on."""

    carried: dict[str, torch.Tensor]

    def items(self, batch: int) -> tuple[int, str]:
        """How many items, and which, a batch of so many samples can be shared by."""
        ...

    def batches(
        self, split: Split, *, batch: int, seed: int, start: int, labels: tuple[str, ...] = ()
    ) -> Prefetched:
        """This rank's part of batches of samples.

        Parameters
        ----------
        split
            Demonstrations of the kind that the feed was made for.
        batch
            Samples of all ranks together.
        seed
            Of their order.
        start
            Number of the first sample.
        labels
            Further fields of a step that they hold, such as `expert_probs`.
        """
        ...

    def logits(self, policy: nn.Module, batch: Batch) -> torch.Tensor:
        """Of every sample of a batch.

        Parameters
        ----------
        policy
            Of the feed's family.
        batch
            On the policy's device.

        Returns
        -------
        torch.Tensor
            (samples, actions).
        """
        ...

    def example(self, split: Split, policy: nn.Module) -> tuple:
        """What the policy is called with for two samples, or stretches, of a split's kind, all
        zeros."""
        ...


class Stacks:
    """Stacks of a game's only field in shuffled order; a sample is a stack.

    Parameters
    ----------
    settings
        The section `train`.
    field
        Name of the game's field.
    team
        This process among those of the run.
    memory
        Where batches are gathered.
    """

    def __init__(self, settings: Train, field: str, team: Ranks = ALONE, memory: Memory = HOST):
        self.memory = memory
        self.settings, self.field, self.team = settings, field, team
        self.carried: dict[str, torch.Tensor] = {}

    def items(self, batch: int) -> tuple[int, str]:
        return batch, "stacks"

    def batches(
        self, split: Split, *, batch: int, seed: int, start: int, labels: tuple[str, ...] = ()
    ) -> Prefetched:
        return Loader(
            split,
            frames=self.settings.frames,
            batch=batch,
            seed=seed,
            start=start,
            buffer_steps=self.settings.buffer_steps,
            part=(self.team.rank, self.team.count),
            memory=self.memory,
            labels=labels,
        )

    def logits(self, policy: nn.Module, batch: Batch) -> torch.Tensor:
        return policy(batch[self.field])

    def example(self, split: Split, policy: nn.Module) -> tuple:
        shape, dtype = split.fields[self.field]
        return (torch.from_numpy(np.zeros((2, self.settings.frames, *shape), dtype)),)


class Stretches:
    """Stretches of play, shuffled or as streams; a sample is a frame.

    Streams carry the policy's state along, but no gradient: backpropagation ends with the stretch.
    Shuffled stretches are trained on without a state: what a policy would remember of the frames
    before, when it is measured or plays, it has not learned to use (see docs/nethack.md).

    Parameters
    ----------
    settings
        The section `train`.
    order, reader
        The family's (see `policies.family.Family`).
    team
        This process among those of the run.
    """

    def __init__(self, settings: TrainSequences, order: str, reader=None, team: Ranks = ALONE):
        self.settings, self.order, self.reader, self.team = settings, order, reader, team
        self.carried: dict[str, torch.Tensor] = {}

    def items(self, batch: int) -> tuple[int, str]:
        return batch // self.settings.context, f"stretches of {self.settings.context} frames"

    def batches(
        self, split: Split, *, batch: int, seed: int, start: int, labels: tuple[str, ...] = ()
    ) -> Prefetched:
        return SequenceLoader(
            split,
            context=self.settings.context,
            batch=batch,
            seed=seed,
            start=start,
            buffer_steps=self.settings.buffer_steps,
            order=self.order,
            inventory=self.settings.inventory,
            part=(self.team.rank, self.team.count),
            labels=labels,
            reader=self.reader,
        )

    def logits(self, policy: nn.Module, batch: Batch) -> torch.Tensor:
        logits, state = policy(batch, self.carried or None)
        if self.order == "streams":
            self.carried = {name: value.detach() for name, value in state.items()}
        return logits.flatten(0, 1)

    def example(self, split: Split, policy: nn.Module) -> tuple:
        steps = (2, self.settings.context)
        stretches = {
            name: np.zeros((*steps, *shape), dtype)
            for name, (shape, dtype) in split.fields.items()
            if name in split.observation
        }
        stretches |= {"previous": np.zeros(steps, np.int64), "first": np.zeros(steps, bool)}
        batch = tensors(read(self.reader, stretches))
        if self.order != "streams":
            return (batch,)
        # The ledger counts the gradient of every frame's state, so that of the first one too.
        state = {name: value.requires_grad_() for name, value in policy.initial(2).items()}
        return batch, state


def make(
    split: Split,
    settings: Train | TrainSequences,
    family: str,
    team: Ranks = ALONE,
    device: str = "cpu",
) -> Feed:
    """The feed of a family.

    Parameters
    ----------
    split
        Demonstrations of the kind that it serves.
    settings
        The section `train`.
    family
        Name of the entry FAMILY.
    team
        This process among those of the run.
    device
        Where the policy computes.

    Raises
    ------
    TrainingError
        For demonstrations that lack what the family sees.
    """
    entry = policies.get(family)
    arrays = [name for name in policies.ARRAYS if name in split.fields]
    if entry.order is None:
        fields = tuple(arrays[:1] or policies.ARRAYS[:1])
        feed: Feed = Stacks(settings, *fields, team, devices.memory(device))
    else:
        observation = {name: split.fields[name] for name in split.observation}
        shape = policies.shape(settings, len(split.actions), observation)
        reader = policies.reader(family, **shape)
        fields = reader.fields if reader else tuple(arrays)
        feed = Stretches(settings, entry.order, reader, team)
    for field in fields:
        if field not in split.fields:
            raise TrainingError(
                f"the demonstrations of {split.attrs['game']} hold no {field}, which {family} sees",
                where=str(split.path),
                fix="set train.inventory to false, or record with it"
                if field == "inventory"
                else "choose a policy family for this game: grid.family",
            )
    return feed
