"""Sums of rows of embedding tables, and their gradients, compiled for the CPU.

PyTorch has no operation for them, only many small ones (see `encoder.Encoder.operations`).
"""

import numba
import numpy as np
import torch

from ilscaling.policies.config import PATCHES
from ilscaling.policies.frames import CELLS, FACTS, FrameFeatures


class Lookup(torch.autograd.Function):
    """What n frames say, stretches of `steps`, as vectors: float32 (n, 81 c + 70 m) of the cells
    around the cursor and the patches of the map, and (n, d), the sum of all else.

    Tables: cells (192, c), patches (4608, m), facts, words and, of policies that see it, inventory
    (..., d). A patch is the sum over its cells that are not blank of what the table holds for their
    place and kind: a strided convolution, exact but for rounding, at the cost of the cells that
    change from frame to frame.
    """

    @staticmethod
    def forward(ctx, features: FrameFeatures, steps: int, *tables: torch.Tensor) -> tuple:
        ctx.features, ctx.steps = features, steps
        ctx.save_for_backward(*tables)
        owner = np.zeros(len(features.cells), np.int64)
        arrays = with_inventory([_array(table)[None] for table in tables])
        width = CELLS * arrays[0].shape[2] + PATCHES * arrays[1].shape[2]
        map_features = np.empty((len(owner), width), arrays[0].dtype)
        sums = np.empty((len(owner), arrays[2].shape[2]), arrays[2].dtype)
        gather(features, steps, owner, *arrays, map_features, sums)
        return torch.from_numpy(map_features), torch.from_numpy(sums)

    @staticmethod
    def backward(ctx, map_features: torch.Tensor, sums: torch.Tensor) -> tuple:
        gradients = [torch.zeros_like(table) for table in ctx.saved_tensors]
        arrays = with_inventory([_array(table) for table in gradients])
        _spread(ctx.features, ctx.steps, _array(map_features), _array(sums), *arrays)
        return None, None, *gradients


def with_inventory(tables: list[np.ndarray]) -> list[np.ndarray]:
    """Tables, with the one of the inventory empty where a policy has none.

    Parameters
    ----------
    tables
        Four or five, each (..., rows, width).
    """
    return tables if len(tables) == 5 else [*tables, tables[-1][..., :0, :]]


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


@numba.njit(cache=True, nogil=True)
def gather(
    features, steps, owner, cells, patches, facts, words, inventory, map_features, sums
):  # fmt: skip
    """What `Lookup` gives, compiled, for frames of several policies at once.

    Parameters
    ----------
    features
        What n frames say, stretch after stretch.
    steps
        Frames of a stretch.
    owner
        Whose tables each frame has, int64 (n,).
    cells, patches, facts, words, inventory
        Tables of all owners: (owners, 192, c), (owners, 4608, m) and, the rest, (owners, rows, d);
        rows of words and inventory are a power of two, or 0 of an inventory that is not seen.
    map_features
        Written here, (n, 81 c + 70 m).
    sums
        Written here, (n, d).
    """
    c, m, d = cells.shape[2], patches.shape[2], facts.shape[2]
    begin, mask = CELLS * c, words.shape[1] - 1
    for k in range(len(owner)):
        who = owner[k]
        for cell in range(CELLS):
            kind = features.cells[k, cell]
            for i in range(c):
                map_features[k, cell * c + i] = cells[who, kind, i]
        if k % steps == 0:
            map_features[k, begin:] = 0
        else:
            map_features[k, begin:] = map_features[k - 1, begin:]
        for change in range(features.change_starts[k], features.change_starts[k + 1]):
            at = begin + features.patch[change] * m
            new, old = features.new[change], features.old[change]
            for i in range(m):
                map_features[k, at + i] += patches[who, new, i] - patches[who, old, i]
        sums[k] = 0
        for fact in range(FACTS):
            row = features.facts[k, fact]
            for i in range(d):
                sums[k, i] += facts[who, row, i]
        for word in range(features.word_starts[k], features.word_starts[k + 1]):
            row = features.words[word] & mask
            for i in range(d):
                sums[k, i] += words[who, row, i]
        if inventory.shape[1]:
            for thing in range(features.carried_starts[k], features.carried_starts[k + 1]):
                row = features.carried[thing] & mask
                for i in range(d):
                    sums[k, i] += inventory[who, row, i]


@numba.njit(cache=True, nogil=True)
def _spread(features, steps, map_features, sums, cells, patches, facts, words, inventory):
    c, m, d = cells.shape[1], patches.shape[1], facts.shape[1]
    begin, mask = CELLS * c, len(words) - 1
    # A change of the map is seen by its own frame and all later ones of the stretch.
    later = np.zeros(PATCHES * m, map_features.dtype)
    for k in range(len(map_features) - 1, -1, -1):
        if (k + 1) % steps == 0:
            later[:] = 0
        for i in range(PATCHES * m):
            later[i] += map_features[k, begin + i]
        for change in range(features.change_starts[k], features.change_starts[k + 1]):
            at = features.patch[change] * m
            new, old = features.new[change], features.old[change]
            for i in range(m):
                patches[new, i] += later[at + i]
                patches[old, i] -= later[at + i]
        for cell in range(CELLS):
            kind = features.cells[k, cell]
            for i in range(c):
                cells[kind, i] += map_features[k, cell * c + i]
        for fact in range(FACTS):
            row = features.facts[k, fact]
            for i in range(d):
                facts[row, i] += sums[k, i]
        for word in range(features.word_starts[k], features.word_starts[k + 1]):
            row = features.words[word] & mask
            for i in range(d):
                words[row, i] += sums[k, i]
        if len(inventory):
            for thing in range(features.carried_starts[k], features.carried_starts[k + 1]):
                row = features.carried[thing] & mask
                for i in range(d):
                    inventory[row, i] += sums[k, i]
