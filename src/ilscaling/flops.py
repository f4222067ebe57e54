"""The FLOP ledger of a policy: exact, and by the convention of the published Atari runs.

A multiply-add is two FLOPs; biases, activations, loss and optimiser are not counted, as in
PyTorch's own counter. Importing this module does not import torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from ilscaling import models
from ilscaling.errors import ParamsError, TrainingError

if TYPE_CHECKING:
    import torch

CONVENTIONS = ("exact", "published")


@dataclass(frozen=True)
class Row:
    """One layer of a ledger: trainable parameters, FLOPs a sample forward and in training."""

    layer: str
    params: int
    forward: int
    training: int


@dataclass(frozen=True)
class Ledger:
    """Trainable parameters and FLOPs a sample, forward alone and forward with backward."""

    convention: str
    layers: tuple[Row, ...]

    @property
    def params(self) -> int:
        return sum(row.params for row in self.layers)

    @property
    def forward(self) -> int:
        return sum(row.forward for row in self.layers)

    @property
    def training(self) -> int:
        return sum(row.training for row in self.layers)


def ledger(
    family: str,
    size: int,
    *,
    frames: int,
    actions: int,
    screen: tuple[int, int] = (84, 84),
    convention: str = "exact",
) -> Ledger:
    """Count a policy's parameters and FLOPs.

    exact: what PyTorch executes. A weight is used once an output position; the backward pass
    costs the forward pass twice (gradients of inputs and of weights), but the first layer's
    inputs need no gradient.

    published: as in the released code of Tuyls et al. (TMLR 2024). A convolution's weight is used
    once an *input* position, and training is three times the forward pass of every layer. This
    is 4.75 to 17 times three exact forward passes, more for small models; it reproduces sizes and
    samples of all their released Atari runs. Never fit cells of both conventions together.

    Raises ParamsError for an unknown family or convention.
    """
    if convention not in CONVENTIONS:
        raise ParamsError(
            f"unknown FLOP convention {convention!r}",
            where="params: grid.flops",
            fix=f"conventions are: {', '.join(CONVENTIONS)}",
        )
    layers = models.architecture(family, size, frames=frames, actions=actions, screen=screen)
    rows = []
    for number, layer in enumerate(layers):
        positions = layer.after if convention == "exact" else layer.before
        forward = 2 * layer.weights * positions
        passes = 2 if convention == "exact" and number == 0 else 3
        rows.append(Row(layer.name, layer.params, forward, passes * forward))
    return Ledger(convention, tuple(rows))


def schedule(budgets: list[float], per_sample: int, batch: int) -> list[int]:
    """Updates within each budget: whole batches only, so never more FLOPs than the budget.

    Raises TrainingError if the budgets do not rise or one is below a single batch.
    """
    if not budgets or any(b <= a for a, b in pairwise(budgets)):
        raise TrainingError(f"budgets must rise, each once: {budgets}", where="budgets")
    if budgets[0] < per_sample * batch:
        raise TrainingError(
            f"a budget of {budgets[0]:g} FLOPs is below one batch of {batch} samples "
            f"({per_sample * batch:.3g} FLOPs)",
            where="budgets",
            fix="raise the budget, or lower train.batch; 'ilscaling plan' shows every cell",
        )
    return [int(budget // (per_sample * batch)) for budget in budgets]


def counted(model: torch.nn.Module, screens: torch.Tensor) -> tuple[int, int]:
    """FLOPs of a forward pass, and of forward with backward, by PyTorch's own counter.

    screens: uint8 (batch, frames, height, width). For the whole batch, not a sample.
    """
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        logits = model(screens)
        forward = counter.get_total_flops()
        logits.sum().backward()
    return forward, counter.get_total_flops()
