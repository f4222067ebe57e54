"""The FLOP ledger of a policy: exact, and by the conventions of the literature.

A multiply-add is two FLOPs; biases, activations, loss and optimiser are not counted, as in
PyTorch's own counter. Importing this module does not import torch.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ilscaling import policies
from ilscaling.errors import ParamsError, TrainingError

if TYPE_CHECKING:
    import torch

CONVENTIONS = ("exact", "published", "6nd")


@dataclass(frozen=True)
class Row:
    """One layer of a ledger.

    Parameters
    ----------
    layer
        Its name.
    params
        Trainable parameters.
    forward, training
        FLOPs a sample, forward alone and forward with backward.
    """

    layer: str
    params: int
    forward: int
    training: int


@dataclass(frozen=True)
class Ledger:
    """Trainable parameters and FLOPs a sample, forward alone and forward with backward.

    Parameters
    ----------
    convention
        How FLOPs are counted; see `ledger`.
    layers
        Of which all are sums.
    """

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


def ledger(family: str, size: int, *, convention: str = "exact", **shape) -> Ledger:
    """Count a policy's parameters and FLOPs.

    A sample is a stack of frames for the family `cnn`, one frame for the sequence families.

    exact: what PyTorch executes. A weight is used once an output position; the backward pass
    costs the forward pass twice (gradients of inputs and of weights), but a first layer whose
    inputs need no gradient costs it once. Attention counts every pair of frames of a stretch of
    `context`, masked or not; looking up embeddings counts nothing.

    published: as Tuyls et al. (TMLR 2024). In their Atari code a convolution's weight is used
    once an *input* position, and training is three times the forward pass of every layer. This
    is 4.75 to 17 times three exact forward passes, more for small models; it reproduces sizes and
    samples of all their released Atari runs. In NetHack they count 6nd.

    6nd: 6 x parameters a sample, embeddings included.

    Never fit cells of several conventions together.

    Parameters
    ----------
    family
        Name of the entry FAMILY.
    size
        The family's dial: channels, or a width.
    convention
        'exact', 'published' or '6nd'.
    shape
        What else decides the architecture, as `policies.shape` gives it.

    Raises
    ------
    ParamsError
        For an unknown family or convention, a size too small, or a game that the family does not
        see.
    """
    if convention not in CONVENTIONS:
        raise ParamsError(
            f"unknown FLOP convention {convention!r}",
            where="params: grid.flops",
            fix=f"conventions are: {', '.join(CONVENTIONS)}",
        )
    layers = policies.architecture(family, size, **shape)
    return Ledger(convention, tuple(_row(layer, convention) for layer in layers))


def _row(layer, convention: str) -> Row:
    if convention == "6nd":
        forward, training = 2 * layer.params, 6 * layer.params
    else:
        forward, training = layer.flops(convention)
    return Row(layer.name, layer.params, forward, training)


def refuse_miscounted(
    ledger: Ledger, model: torch.nn.Module, *inputs, shared: bool = False
) -> None:
    """Raise TrainingError unless an extension's `layers` say what its model is.

    Compared are parameters, and FLOPs of forward and training as PyTorch counts them. Conventions
    other than `exact` count what no machine does: of these the parameters alone. Buffers that a
    snapshot would have to hold, such as those of batch normalisation, are refused as well.

    Parameters
    ----------
    ledger
        The ledger by `layers`, FLOPs a sample.
    model
        What `build` makes; a copy of it is run.
    inputs
        What it is called with, first of all stacks (batch, frames, ...) or a batch of stretches,
        with `first` (B, T).
    shared
        Whether several processes train it together, which wait for the gradient of every parameter.

    Raises
    ------
    TrainingError
        For other counts, for buffers, and, of a shared run, for parameters without a gradient.
    """
    model = copy.deepcopy(model)
    buffers = set(model.state_dict()) - {name for name, _ in model.named_parameters()}
    if buffers:
        raise TrainingError(
            f"the model has buffers beside its parameters: {', '.join(sorted(buffers))}",
            where="the extension's family",
            fix="a snapshot holds parameters alone: register_buffer(..., persistent=False)",
        )
    params = sum(weight.numel() for weight in model.parameters())
    wanted = (ledger.forward, ledger.training) if ledger.convention == "exact" else (0, 0)
    batch = inputs[0]
    samples = batch["first"].numel() if isinstance(batch, dict) else len(batch)
    executed = counted(model, *inputs)
    seen = tuple(n // samples for n in executed) if any(wanted) else (0, 0)
    unused = [name for name, weight in model.named_parameters() if weight.grad is None]
    if shared and unused:
        raise TrainingError(
            f"nothing that the model answers depends on {', '.join(unused)}: processes that share"
            " a run would wait for gradients that never come",
            where="the extension's family",
            fix="leave these parameters out, or train on one GPU: machine.gpus",
        )
    if (params, *seen) != (ledger.params, *wanted):
        rows = ", ".join(f"{row.layer} {row.params:,}" for row in ledger.layers)
        raise TrainingError(
            f"`layers` promises {ledger.params:,} parameters ({rows}), {wanted[0]:,} FLOPs forward "
            f"and {wanted[1]:,} in training a sample; PyTorch counts {params:,}, {seen[0]:,} and "
            f"{seen[1]:,} in what `build` makes",
            where="the extension's family",
            fix="correct `layers`; a first layer, whose inputs need no gradient, has passes=2",
        )


def counted(model: torch.nn.Module, *inputs) -> tuple[int, int]:
    """FLOPs of a forward pass, and of forward with backward, by PyTorch's own counter.

    Parameters
    ----------
    model
        Its parameters get gradients.
    inputs
        What it is called with.

    Returns
    -------
    tuple
        Both counts, for the whole batch, not a sample.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    # oneDNN computes an LSTM in one call, which the counter does not know.
    enabled = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False
    try:
        with FlopCounterMode(display=False) as counter:
            output = model(*inputs)
            forward = counter.get_total_flops()
            (output[0] if isinstance(output, tuple) else output).sum().backward()
    finally:
        torch.backends.mkldnn.enabled = enabled
    return forward, counter.get_total_flops()
