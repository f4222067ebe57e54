"""The encoder of the families that play NetHack: a frame becomes a vector of width d."""

import torch
from torch import nn
from torch.nn import functional as F

from ilscaling.policies.config import KINDS, PATCH, PATCHES, Config
from ilscaling.policies.frames import FrameFeatures
from ilscaling.policies.lookups import Lookup


class Encoder(nn.Module):
    """What a reader says of stretches of frames (B, T) -> float32 (B, T, d).

    One matrix reads the embedded cells around the cursor and the patches of the whole map. What is
    said in words and numbers adds vectors of width d. On a CPU all but the matrix is compiled, see
    `lookups`; elsewhere it is done by PyTorch's operations.

    Embeddings begin small: with deviations of 0.3 to 1, the dev loss of d = 16 was 13 % higher at
    1e10 FLOPs and 4 % at 3e10.

    Parameters
    ----------
    config
        Widths of the policy.
    """

    def __init__(self, config: Config):
        super().__init__()
        self.cells = _table(KINDS, config.cell, 0.3)
        self.patches = _table(PATCH[0] * PATCH[1] * KINDS, config.patch, 0.05)
        self.facts = _table(config.facts, config.size, 0.03)
        self.words = _table(config.words, config.size, 0.03)
        inventory = config.inventory
        self.inventory = _table(config.words, config.size, 0.03) if inventory else None
        self.matrix = nn.Parameter(
            torch.randn(config.size, config.features) * config.features**-0.5
        )

    def forward(self, features: FrameFeatures, lanes: int) -> torch.Tensor:
        """What the frames say, as vectors.

        Parameters
        ----------
        features
            Of tensors, of n = lanes x steps frames.
        lanes
            Stretches, of one length.

        Returns
        -------
        torch.Tensor
            (lanes, steps, d).
        """
        steps = len(features.cells) // lanes
        if features.cells.device.type == "cpu":
            arrays = FrameFeatures(*(values.numpy() for values in features))
            map_features, sums = Lookup.apply(arrays, steps, *self.tables())
        else:
            map_features, sums = self.operations(features, steps)
        map_features, sums = (x.view(lanes, steps, -1) for x in (map_features, sums))
        return F.linear(map_features, self.matrix) + sums

    def tables(self) -> list[torch.Tensor]:
        """All tables, in the order of `lookups.Lookup`."""
        tables = [self.cells, self.patches, self.facts, self.words]
        return tables if self.inventory is None else [*tables, self.inventory]

    def operations(self, features: FrameFeatures, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
        """What `lookups.Lookup` gives, by PyTorch's operations, on any device; nothing of it waits
        for the device."""
        n = len(features.cells)
        counts = features.change_starts.diff()
        frame = torch.arange(n, device=counts.device).repeat_interleave(
            counts, output_size=len(features.patch)
        )
        changes = (frame * PATCHES + features.patch, features.new.long(), features.old.long())
        patches = _Patches.apply(self.patches, *changes, n // steps, steps)
        cells = self.cells.index_select(0, features.cells.flatten().int())
        each = features.facts.shape[1]
        starts = torch.arange(0, n * each, each, device=counts.device)
        sums = bag(self.facts, features.facts.flatten().long(), starts)
        sums = sums + _hashed(self.words, features.words, features.word_starts)
        if self.inventory is not None:
            sums = sums + _hashed(self.inventory, features.carried, features.carried_starts)
        return torch.cat((cells.view(n, -1), patches.view(n, -1)), 1), sums


def _hashed(table: torch.Tensor, hashes: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    return bag(table, hashes.long() & (len(table) - 1), starts[:-1])


def _table(rows: int, width: int, deviation: float) -> nn.Parameter:
    return nn.Parameter(deviation * torch.randn(rows, width))


def bag(table: torch.Tensor, index: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    """Sums of rows of a table over stretches of an index.

    Parameters
    ----------
    table
        (rows, width).
    index
        Rows, int64 (K,).
    starts
        Where each sum begins in `index`, int64 (N,), rising from 0 on; it ends where the next
        begins.

    Returns
    -------
    torch.Tensor
        (N, width): of table[index[starts[i] : starts[i + 1]]].
    """
    return _Bag.apply(table, index, starts)


class _Bag(torch.autograd.Function):
    """PyTorch's own backward of embeddings takes five times as long on a CPU at these widths."""

    @staticmethod
    def forward(ctx, table, index, starts):
        ctx.save_for_backward(index, starts)
        ctx.shape = table.shape
        return F.embedding_bag(index, table, starts, mode="sum")

    @staticmethod
    def backward(ctx, gradient):
        index, starts = ctx.saved_tensors
        counts = F.pad(starts, (0, 1), value=len(index)).diff()
        rows = gradient.repeat_interleave(counts, 0, output_size=len(index))
        return gradient.new_zeros(ctx.shape).index_add_(0, index, rows), None, None


class _Patches(torch.autograd.Function):
    """Patches of the map (B, T, PATCHES x m), each the sum over its cells that are not blank of
    what the table holds for their place and kind: a strided convolution, exact but for rounding,
    at the cost of the cells that change from frame to frame.
    """

    @staticmethod
    def forward(ctx, table, patch, new, old, lanes, steps):
        ctx.save_for_backward(patch, new, old)
        ctx.shape = table.shape
        sums = table.new_zeros(lanes * steps * PATCHES, table.shape[1])
        sums.index_add_(0, patch, table.index_select(0, new) - table.index_select(0, old))
        return _running(sums.view(lanes, steps, -1))

    @staticmethod
    def backward(ctx, gradient):
        patch, new, old = ctx.saved_tensors
        # A change is seen by its own frame and all later ones.
        later = _running(gradient.flip(1)).flip(1)
        rows = later.view(-1, ctx.shape[1]).index_select(0, patch)
        # Without a factor and with 64-bit indices: all else is 15 times as slow on a CPU.
        table = gradient.new_zeros(ctx.shape).index_add_(0, new, rows).index_add_(0, old, -rows)
        return table, None, None, None, None, None


def _running(x: torch.Tensor) -> torch.Tensor:
    """Sums of x (B, T, ...) over the steps so far.

    A GPU's cumsum of fractions adds in another order each time, and PyTorch refuses it where
    results are to repeat. Here every step adds what the one 1, 2, 4, ... before it holds.
    """
    back = 1
    while back < x.shape[1]:
        x = torch.cat((x[:, :back], x[:, back:] + x[:, :-back]), 1)
        back *= 2
    return x
