"""The observation encoder of the sequence families: a frame becomes one vector of width d."""

import torch
from torch import nn
from torch.nn import functional as F

from ilscaling.policies import frames
from ilscaling.policies.lookups import Lookup
from ilscaling.policies.screen import Screen
from ilscaling.policies.widths import BUCKETS, COLUMNS, KINDS, NUMBERS, PATCH, PATCHES, ROWS, Widths
from ilscaling.rows import Rows, rows


class Encoder(nn.Module):
    """Stretches of frames (B, T, ...) -> float32 (B, T, d).

    One matrix reads the embedded cells around the cursor and the patches of the whole map. What is
    told in words and numbers adds vectors of width d. On a CPU all but the matrix is compiled, see
    `frames` and `lookups`; elsewhere it is done by PyTorch's operations.

    Embeddings begin small: with deviations of 0.3 to 1, the dev loss of d = 16 was 13 % higher at
    1e10 FLOPs and 4 % at 3e10.
    """

    def __init__(self, w: Widths):
        super().__init__()
        self.screen = Screen()
        self.cells = _table(KINDS, w.cell, 0.3)
        self.patches = _table(PATCH[0] * PATCH[1] * KINDS, w.patch, 0.05)
        self.facts = _table(w.facts, w.size, 0.03)
        self.words = _table(w.words, w.size, 0.03)
        self.inventory = _table(w.words, w.size, 0.03) if w.inventory else None
        self.matrix = nn.Parameter(torch.randn(w.size, w.features) * w.features**-0.5)
        # In one table: previous key, row and column of the cursor, numbers.
        sizes = [w.actions + 1, ROWS, COLUMNS, *[BUCKETS] * NUMBERS]
        starts = torch.tensor([0, *sizes[:-1]]).cumsum(0)
        self.register_buffer("starts", starts, persistent=False)

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """batch: tty_chars, tty_colors, tty_cursor, previous, inventory as in `sequences`."""
        lanes, steps = batch["previous"].shape
        look = self._compiled if batch["previous"].device.type == "cpu" else self.operations
        seen, told = look(batch)
        seen, told = seen.view(lanes, steps, -1), told.view(lanes, steps, -1)
        return F.linear(seen, self.matrix) + told

    def _compiled(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        cells = (_placed(batch[name]) for name in ("tty_chars", "tty_colors"))
        told = (batch[name].numpy() for name in ("tty_cursor", "previous"))
        things = None if self.inventory is None else batch["inventory"].numpy()
        read = frames.read(*cells, *told, self.starts.numpy(), len(self.words), things)
        return Lookup.apply(read, batch["previous"].shape[1], *self.tables())

    def tables(self) -> list[torch.Tensor]:
        """All tables, in the order of `lookups.Lookup`."""
        tables = [self.cells, self.patches, self.facts, self.words]
        return tables if self.inventory is None else [*tables, self.inventory]

    def operations(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """What `lookups.Lookup` gives, by PyTorch's operations, on any device."""
        chars, colours = batch["tty_chars"], batch["tty_colors"]
        lanes, steps = chars.shape[:2]
        n = lanes * steps
        patches = _Patches.apply(self.patches, *self.screen.changes(chars, colours), lanes, steps)
        chars, colours = chars.flatten(0, 1), colours.flatten(0, 1)
        cursor = batch["tty_cursor"].flatten(0, 1).long()
        cells = self.cells.index_select(0, self.screen.crop(chars, colours, cursor).flatten())
        seen = torch.cat((cells.view(n, -1), patches.view(n, -1)), 1)
        numbers = self.screen.numbers(chars)
        facts = torch.cat((batch["previous"].reshape(n, 1), cursor, numbers.long()), 1)
        begins = torch.arange(0, facts.numel(), facts.shape[1], device=facts.device)
        told = bag(self.facts, facts.add_(self.starts).flatten(), begins)
        told = told + bag(self.words, *self.screen.words(chars, len(self.words)))
        if self.inventory is not None:
            glyphs = batch["inventory"].flatten(0, 1)
            told = told + bag(self.inventory, *self.screen.inventory(glyphs, len(self.inventory)))
        return seen, told


def _placed(values: torch.Tensor | Rows) -> Rows:
    """Stretches (B, T, ...), where they lie."""
    return values if isinstance(values, Rows) else rows(values.numpy(), 1)


def _table(rows: int, width: int, deviation: float) -> nn.Parameter:
    return nn.Parameter(deviation * torch.randn(rows, width))


def _counts(index: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    """How many entries of `index` each of the ranges has that begin at `starts`."""
    return torch.diff(starts, append=starts.new_tensor([len(index)]))


def bag(table: torch.Tensor, index: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    """(N, width): sums of table[index] over index[starts[i] : starts[i + 1]]."""
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
        rows = gradient.repeat_interleave(_counts(index, starts), 0, output_size=len(index))
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
        sums = sums.view(lanes, steps, -1)
        return sums.cumsum_(1) if steps > 1 else sums

    @staticmethod
    def backward(ctx, gradient):
        patch, new, old = ctx.saved_tensors
        # A change is seen by its own frame and all later ones.
        later = gradient.flip(1).cumsum_(1).flip(1)
        rows = later.view(-1, ctx.shape[1]).index_select(0, patch)
        # Without a factor and with 64-bit indices: all else is 15 times as slow on a CPU.
        table = gradient.new_zeros(ctx.shape).index_add_(0, new, rows).index_add_(0, old, -rows)
        return table, None, None, None, None, None
