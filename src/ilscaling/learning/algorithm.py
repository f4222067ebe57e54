"""What an algorithm is: the entry ALGORITHM, and what it gives a run.

The training loop (`loop.train`) calls it in this order, for every update:

    interact(policy, update)      plays, asks the expert, adds to its store; pays for it
    next(batches)                 samples of this rank
    loss(policy, batch)           what the loop descends

Importing this module does not import torch.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ilscaling.params import Model, Section, Training

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ilscaling.flops import Ledger
    from ilscaling.grid import Run
    from ilscaling.learning.ranks import Ranks
    from ilscaling.store import Split

    Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Spent:
    """What a run has paid for beside the updates of its policy.

    Parameters
    ----------
    env_steps
        Steps that its policies played.
    expert_labels
        Steps for which the expert was asked what it would do.
    flops_acting
        FLOPs of the policy's forward passes while it played.
    flops_discriminator
        FLOPs of training and asking other networks: a discriminator, a value function.
    """

    env_steps: int = 0
    expert_labels: int = 0
    flops_acting: int = 0
    flops_discriminator: int = 0

    def __add__(self, other: Spent) -> Spent:
        names = [field.name for field in fields(self)]
        return Spent(**{name: getattr(self, name) + getattr(other, name) for name in names})

    @property
    def flops(self) -> int:
        return self.flops_acting + self.flops_discriminator


@dataclass(frozen=True)
class Given:
    """What a run gives its algorithm.

    Parameters
    ----------
    split
        The demonstrations to train on.
    train
        The section `train`.
    run, ledger
        What is trained, and its FLOPs a sample.
    device, precision
        Where it computes, and in which type.
    folder
        Where it may leave files of its own, such as rounds of play: apart for every branch.
    team
        This process among those of the run.
    section
        The whole section: domain, emulator, expert, and the algorithm's settings; None: the run
        knows nothing but the demonstrations.
    expert
        File of the expert, for algorithms that ask it; None: it reads none.
    """

    split: Split
    train: Training
    run: Run
    ledger: Ledger
    device: str
    precision: str
    folder: Path
    team: Ranks
    section: Section | None = None
    expert: Path | None = None

    @property
    def options(self) -> Any:
        """The algorithm's own settings."""
        return getattr(self.section, self.section.algorithm)


class Learner:
    """What an algorithm gives a run; one is made whenever training begins or goes on.

    Everything must be a function of data, settings, seed and update, so that a run that is killed
    and resumed ends with the same bytes.

    Attributes
    ----------
    spent
        What was paid so far: `interact` adds to it. It is saved and restored by others.
    carried
        Name -> tensor, the policy's state after the last batch, of this rank's lanes; without it a
        run cannot go on. Of several ranks the lanes are saved together.
    own
        Name -> tensor, what else a state must hold, such as what the expert was asked.
    clip
        Largest norm of the gradient; None: what the settings say.
    """

    clip: float | None = None

    def __init__(self, given: Given):
        self.given = given
        self.spent = Spent()
        self.own: Tensors = {}
        self.carried: Tensors = {}

    def items(self, batch: int) -> tuple[int, str]:
        """How many items a batch can be shared by, and what they are.

        Parameters
        ----------
        batch
            Samples of a batch.
        """
        return batch, "samples"

    def batches(self, split: Split, *, batch: int, seed: int, start: int) -> AbstractContextManager:
        """An iterator of this rank's part of batches, to be closed as a context.

        Parameters
        ----------
        split
            The demonstrations.
        batch
            Samples of all ranks together.
        seed
            Of their order.
        start
            Number of the first sample; `restore` was called before, if the run goes on. What
            `interact` adds later is for the iterator to find.
        """
        raise NotImplementedError

    def loss(self, policy: nn.Module, batch: dict[str, Any]) -> torch.Tensor:
        """Mean loss of a batch on the device.

        Parameters
        ----------
        policy
            Called once, as several ranks average gradients by it.
        batch
            Name -> tensor on the device, as `batches` serves it.

        Returns
        -------
        torch.Tensor
            float32 ().
        """
        raise NotImplementedError

    def interact(self, policy: nn.Module, update: int) -> None:
        """Called between updates.

        Parameters
        ----------
        policy
            As it stands, in training mode: to be left so, with the same weights.
        update
            Updates so far, from 0 on. The state of a run is saved before this call, which is
            made again when the run goes on from there.
        """

    def unique_samples(self, samples: int) -> int:
        """Different samples among the first `samples`, which are those of the batches so far. All
        ranks call this."""
        return min(samples, self.given.split.steps)

    def save(self) -> tuple[Tensors, dict]:
        """What a state must hold: tensors by name, and values for JSON. All ranks call this; what
        the first gives is saved."""
        return self.own, {}

    def restore(self, tensors: Tensors, values: dict, files: Path) -> None:
        """Take up what `save` gave.

        Parameters
        ----------
        tensors, values
            The same; tensors are on the device.
        files
            The folder in which the run that saved them left files of its own: `given.folder`, or
            that of the trunk which a branch leaves.
        """
        self.own = tensors


def _nothing(updates: int, batch: int, ledger: Ledger, section: Section | None) -> Spent:
    return Spent()


def _batch(batch: int, ledger: Ledger, section: Section | None) -> int:
    return batch * ledger.training


def _stored(steps: int, spent: Spent) -> int:
    return steps


@dataclass(frozen=True)
class Algorithm:
    """What a run trains on and pays for.

    Parameters
    ----------
    name
        How the parameters call it: `algorithm` of a section.
    make
        What it gives a run.
    settings
        Class of its own part of a section, which stands there under its name; None: it has none.
    plays
        Whether it plays the game or asks the expert: emulator and expert are then part of what
        the run is.
    asks
        Whether it asks the expert in games that its policy plays: an expert that cannot answer
        there is refused.
    labels
        Further fields of a step that it reads, such as `expert_probs`; demonstrations without them
        are refused.
    spends
        (updates, batch, ledger, section) -> what so many updates pay for beside the policy's own:
        the plan turns budgets into updates by it, and training refuses one that misses its FLOPs.
        It never falls with the updates. Default: nothing.
    update
        (batch, ledger, section) -> FLOPs of an update of the policy on a batch of so many samples.
        Default: every sample passes it once, forward and backward.
    steps
        (steps, spent) -> steps that it has to learn from, of which the samples are epochs: of the
        stored ones, and of what was spent. Default: the stored ones.
    """

    CALLED: ClassVar = ("make", "spends", "update", "steps")

    name: str
    make: Callable[[Given], Learner]
    settings: type[Model] | None = None
    plays: bool = False
    asks: bool = False
    labels: tuple[str, ...] = ()
    spends: Callable[[int, int, Ledger, Section | None], Spent] = _nothing
    update: Callable[[int, Ledger, Section | None], int] = _batch
    steps: Callable[[int, Spent], int] = _stored

    @property
    def pays(self) -> bool:
        """Whether it pays for anything beside the updates of its policy."""
        return self.spends is not _nothing
