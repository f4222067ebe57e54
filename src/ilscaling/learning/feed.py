"""What a family trains on: its batches, and what it carries from one to the next."""

from typing import Protocol

import numpy as np
import torch
from torch import nn

from ilscaling import registry
from ilscaling.errors import TrainingError
from ilscaling.learning.ranks import ALONE, Ranks
from ilscaling.params import Train, TrainSequences
from ilscaling.rows import Rows
from ilscaling.store import Loader, SequenceLoader, Split
from ilscaling.store.prefetch import Prefetched

# Family of sequence policies -> order of its stretches (see store.sequences).
ORDERS = {"transformer": "shuffled", "lstm": "lanes"}


Batch = dict[str, torch.Tensor | Rows]


class Feed(Protocol):
    """`carried`: name -> tensor, the state after the last batch; without it a run cannot go on.

    `lend`: whether batches hold screens as `Rows`, which our own families read on a CPU where they
    lie; then a batch holds until the next.
    """

    carried: dict[str, torch.Tensor]
    lend: bool

    def items(self, batch: int) -> tuple[int, str]:
        """How many items, and which, a batch of so many samples can be shared by."""
        ...

    def batches(self, split: Split, *, batch: int, seed: int, start: int) -> Prefetched:
        """This rank's part of batches of `batch` samples from sample number `start` on."""
        ...

    def logits(self, policy: nn.Module, batch: Batch) -> torch.Tensor:
        """Of every sample of a batch, (samples, actions)."""
        ...


class Stacks:
    """Stacks of a game's only field in shuffled order; a sample is a stack."""

    def __init__(self, settings: Train, field: str, team: Ranks = ALONE, lend: bool = False):
        self.settings, self.field, self.team, self.lend = settings, field, team, lend
        self.carried: dict[str, torch.Tensor] = {}

    def items(self, batch: int) -> tuple[int, str]:
        return batch, "stacks"

    def batches(self, split: Split, *, batch: int, seed: int, start: int) -> Prefetched:
        return Loader(
            split,
            frames=self.settings.frames,
            batch=batch,
            seed=seed,
            start=start,
            buffer_steps=self.settings.buffer_steps,
            part=(self.team.rank, self.team.count),
            lend=(self.field,) if self.lend else (),
        )

    def logits(self, policy: nn.Module, batch: Batch) -> torch.Tensor:
        return policy(batch[self.field])


class Stretches:
    """Stretches of play, shuffled or in lanes; a sample is a frame.

    Lanes carry the policy's state along, but no gradient: backpropagation ends with the stretch.
    """

    def __init__(
        self, settings: TrainSequences, order: str, team: Ranks = ALONE, lend: bool = False
    ):
        self.settings, self.order, self.team, self.lend = settings, order, team, lend
        self.carried: dict[str, torch.Tensor] = {}

    def items(self, batch: int) -> tuple[int, str]:
        return batch // self.settings.context, f"stretches of {self.settings.context} frames"

    def batches(self, split: Split, *, batch: int, seed: int, start: int) -> Prefetched:
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
            lend=("tty_chars", "tty_colors") if self.lend else (),
        )

    def logits(self, policy: nn.Module, batch: Batch) -> torch.Tensor:
        logits, state = policy(batch, self.carried or None)
        if self.order == "lanes":
            self.carried = {name: value.detach() for name, value in state.items()}
        return logits.flatten(0, 1)


def make(
    split: Split,
    settings: Train | TrainSequences,
    family: str,
    device: str = "cpu",
    team: Ranks = ALONE,
) -> Feed:
    """The feed of a family on a device, for a member of a team; raises TrainingError for
    demonstrations that lack what the family sees."""
    lend = device == "cpu" and registry.is_built_in("FAMILY", family)
    if isinstance(settings, Train):
        fields = ("observation" if "observation" in split.fields else "screen",)
        feed = Stacks(settings, *fields, team, lend)
    else:
        fields = ("tty_chars", "tty_colors", "tty_cursor")
        fields += ("inventory",) if settings.inventory else ()
        feed = Stretches(settings, ORDERS.get(family, "shuffled"), team, lend)
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


def tensors(batch: dict[str, np.ndarray | Rows], device: str) -> Batch:
    """A batch of a loader on a device."""
    return {name: _onto(device, values) for name, values in batch.items()}


def _onto(device: str, values: np.ndarray | Rows) -> torch.Tensor | Rows:
    if isinstance(values, Rows):
        return values
    tensor = torch.from_numpy(values)
    if device == "cpu":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)


def example(split: Split, settings: Train) -> torch.Tensor:
    """Two stacks of a split's kind, all zeros: (2, frames, ...)."""
    (field,) = split.observation
    shape, dtype = split.fields[field]
    return torch.from_numpy(np.zeros((2, settings.frames, *shape), dtype))
