"""Sums of rows of embedding tables, and their gradients, compiled for the CPU.

PyTorch has no operation for them, only many small ones (see `encoder.Encoder.operations`).
"""

import numba
import numpy as np
import torch

from ilscaling.policies.frames import CELLS, FACTS, Read
from ilscaling.policies.widths import PATCHES


class Lookup(torch.autograd.Function):
    """What `read` found in n frames, stretches of `steps`, as vectors: float32 (n, 81 c + 70 m) of
    the cells around the cursor and the patches of the map, and (n, d), the sum of all else.

    Tables: cells (192, c), patches (4608, m), facts, words and, of policies that see it, inventory
    (..., d). A patch is the sum over its cells that are not blank of what the table holds for their
    place and kind: a strided convolution, exact but for rounding, at the cost of the cells that
    change from frame to frame.
    """

    @staticmethod
    def forward(ctx, read: Read, steps: int, *tables: torch.Tensor) -> tuple:
        ctx.read, ctx.steps = read, steps
        ctx.save_for_backward(*tables)
        owner = np.zeros(len(read.crop), np.int64)
        arrays = with_inventory([_array(table)[None] for table in tables])
        seen, told = look_up(read, steps, owner, arrays)
        return torch.from_numpy(seen), torch.from_numpy(told)

    @staticmethod
    def backward(ctx, seen: torch.Tensor, told: torch.Tensor) -> tuple:
        gradients = [torch.zeros_like(table) for table in ctx.saved_tensors]
        arrays = with_inventory([_array(table) for table in gradients])
        _spread(ctx.read, ctx.steps, _array(seen), _array(told), *arrays)
        return None, None, *gradients


def look_up(
    read: Read, steps: int, owner: np.ndarray, tables: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """What `Lookup` gives, without gradients; frame k has the tables owner[k] of those (owners,
    ...), five in all (see `with_inventory`)."""
    cells, patches, facts = tables[:3]
    features = CELLS * cells.shape[2] + PATCHES * patches.shape[2]
    seen = np.empty((len(owner), features), cells.dtype)
    told = np.empty((len(owner), facts.shape[2]), facts.dtype)
    gather(read, steps, owner, *tables, seen, told)
    return seen, told


def with_inventory(tables: list[np.ndarray]) -> list[np.ndarray]:
    """Tables, with the one of the inventory empty where a policy has none."""
    return tables if len(tables) == 5 else [*tables, tables[-1][:0]]


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


@numba.njit(cache=True, nogil=True)
def gather(read, steps, owner, cells, patches, facts, words, inventory, seen, told):
    """What `look_up` does, compiled."""
    c, m, d = cells.shape[2], patches.shape[2], facts.shape[2]
    begin = CELLS * c
    for k in range(len(seen)):
        who = owner[k]
        for cell in range(CELLS):
            kind = read.crop[k, cell]
            for i in range(c):
                seen[k, cell * c + i] = cells[who, kind, i]
        if k % steps == 0:
            seen[k, begin:] = 0
        else:
            seen[k, begin:] = seen[k - 1, begin:]
        for change in range(read.starts[k], read.starts[k + 1]):
            at = begin + read.patch[change] * m
            new, old = read.new[change], read.old[change]
            for i in range(m):
                seen[k, at + i] += patches[who, new, i] - patches[who, old, i]
        told[k] = 0
        for fact in range(FACTS):
            row = read.facts[k, fact]
            for i in range(d):
                told[k, i] += facts[who, row, i]
        for word in range(read.told[k]):
            row = read.words[k, word]
            for i in range(d):
                told[k, i] += words[who, row, i]
        if len(read.carried):
            for thing in range(read.things[k]):
                row = read.carried[k, thing]
                for i in range(d):
                    told[k, i] += inventory[who, row, i]


@numba.njit(cache=True, nogil=True)
def _spread(read, steps, seen, told, cells, patches, facts, words, inventory):
    c, m, d = cells.shape[1], patches.shape[1], facts.shape[1]
    begin = CELLS * c
    # A change of the map is seen by its own frame and all later ones of the stretch.
    later = np.zeros(PATCHES * m, seen.dtype)
    for k in range(len(seen) - 1, -1, -1):
        if (k + 1) % steps == 0:
            later[:] = 0
        for i in range(PATCHES * m):
            later[i] += seen[k, begin + i]
        for change in range(read.starts[k], read.starts[k + 1]):
            at = read.patch[change] * m
            new, old = read.new[change], read.old[change]
            for i in range(m):
                patches[new, i] += later[at + i]
                patches[old, i] -= later[at + i]
        for cell in range(CELLS):
            kind = read.crop[k, cell]
            for i in range(c):
                cells[kind, i] += seen[k, cell * c + i]
        for fact in range(FACTS):
            row = read.facts[k, fact]
            for i in range(d):
                facts[row, i] += told[k, i]
        for word in range(read.told[k]):
            row = read.words[k, word]
            for i in range(d):
                words[row, i] += told[k, i]
        if len(read.carried):
            for thing in range(read.things[k]):
                row = read.carried[k, thing]
                for i in range(d):
                    inventory[row, i] += told[k, i]
