"""Lanes that compute by weights of their own: policies of one architecture act in one pass.

A policy costs as much for one lane as for twenty: its time goes into the number of operations, not
into their size. Where policies share lanes, one call therefore serves them all.
"""

import copy

import torch
from torch import nn
from torch.nn import functional as F

LINE = 16  # numbers of 32 bits in 64 bytes


def apart(policy: nn.Module, lanes: int) -> nn.Module:
    """A copy of a policy whose parameters have an axis of lanes in front, all zero; see `wear`.

    Only of classes that say `apart = True` of themselves: their modules compute by `mix` and `own`.
    """
    found = copy.deepcopy(policy).requires_grad_(False)
    for weight in found.parameters():
        # Where a matrix or a vector begins within a line of the cache decides, for some shapes,
        # by which instructions it is multiplied: those of every lane begin at a line's first byte.
        size = -(-weight.numel() // LINE) * LINE
        zeros = weight.new_zeros(lanes, size)[:, : weight.numel()]
        weight.data = zeros.unflatten(1, weight.shape)
    return found


def wear(lanes: nn.Module, lane: int, policy: nn.Module) -> None:
    """Let a lane of what `apart` has made compute by the weights of `policy`."""
    with torch.no_grad():
        for mine, weight in zip(lanes.parameters(), policy.parameters(), strict=True):
            mine[lane].copy_(weight)


class Matrix(nn.Linear):
    """x (B, T, inputs) -> (B, T, outputs), without bias."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return mix(x, self.weight)


def mix(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """x (B, T, inputs) by a matrix (outputs, inputs), or by one of each lane's own (B, ...)."""
    if weight.ndim == 2:
        return F.linear(x, weight)
    inputs = x.shape[-1]
    return torch.bmm(F.pad(x, (0, -inputs % LINE))[..., :inputs], weight.mT)


def own(
    table: torch.Tensor, index: torch.Tensor, lane: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Table and index into it where lanes have tables (B, rows, width) of their own: they become
    one, and `lane`, of the shape of `index` or broadcast to it, tells whose row is meant."""
    if lane is None:
        return table, index
    return table.flatten(0, 1), index + lane * table.shape[1]
