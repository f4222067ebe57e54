"""What a terminal screen of NetHack says, as rows of embedding tables; no loops over frames."""

import math

import torch
from torch import nn
from torch.nn.functional import pad

from ilscaling.policies.widths import (
    BUCKETS,
    COLOURS,
    COLUMNS,
    CROP,
    KINDS,
    MAP_ROWS,
    NUMBERS,
    PATCH,
    PATCHES,
    PLAIN,
    ROWS,
)

SPACE, ZERO, MINUS = ord(" "), ord("0"), ord("-")
BLANK = int.from_bytes(b" " * 8, "little")
# Strips are eight cells of a row, the width of a patch, compared as one integer.
ACROSS = COLUMNS // PATCH[1]
STRIPS = (MAP_ROWS[1] - MAP_ROWS[0]) * ACROSS
INSIDE = slice(MAP_ROWS[0] * ACROSS, MAP_ROWS[1] * ACROSS)
MESSAGE, STATUS = 0, 22
# Conditions such as Hungry follow the turn counter, which ends beyond this column.
CONDITIONS = 40
DIGITS = 7
# Numbers of the status lines by the character before their colon, as in 'HP:12(15)'; the second
# of a pair takes the next place. The last places hold what is left of hit points and of power.
FIELDS = {"l": 0, "$": 1, "P": 2, "w": 4, "C": 6, "p": 7, "T": 9, "S": 10, "D": 11}
ARMOUR = 6
PARTS, WHOLES, SHARES = slice(2, 5, 2), slice(3, 6, 2), slice(12, 14)
# NLE fills empty slots of the inventory with its MAX_GLYPH.
NO_GLYPH = 5976
GLYPHS = 8192
# Least number of each bucket from the second on: two buckets to a doubling, from 0 on; a little
# less, so that 2 ** k - 1 begins one.
BOUNDS = [math.ceil(2 ** ((bucket - 1e-4) / 2) - 1) for bucket in range(BUCKETS - 1)]
# 2 ** 64 over the golden ratio: high bits of a product with it are a hash (Knuth).
GOLDEN = -7046029254386353131


class Screen(nn.Module):
    """Reads screens; it has tables but nothing to learn.

    A cell's kind, in [0, KINDS), is its character where it is plain grey, and else one of the
    remaining kinds, which several pairs of character and colour share.
    """

    def __init__(self):
        super().__init__()
        self._keep("kinds", kinds())

        reach = torch.arange(CROP) - CROP // 2
        row = torch.arange(ROWS).repeat_interleave(COLUMNS)[:, None, None] + reach[:, None]
        column = torch.arange(COLUMNS).repeat(ROWS)[:, None, None] + reach
        inside = ((row >= 0) & (row < ROWS) & (column >= 0) & (column < COLUMNS)).flatten(1)
        self._keep("inside", inside)
        self._keep("places", (row * COLUMNS + column).flatten(1) * inside)

        strip = torch.arange(STRIPS)
        line = strip // ACROSS
        self._keep("patches", line // PATCH[0] * ACROSS + strip % ACROSS)
        self._keep("lines", (line % PATCH[0] * PATCH[1] * KINDS).int())
        self._keep("across", (torch.arange(8) * KINDS).int())

        self._keep("fields", fields())
        self._keep("bounds", torch.tensor(BOUNDS, dtype=torch.float32))
        self._keep("ahead", torch.arange(1, DIGITS + 2))
        self._keep("powers", 10.0 ** torch.arange(DIGITS + 1))

    def _keep(self, name: str, table: torch.Tensor) -> None:
        self.register_buffer(name, table, persistent=False)

    def _kinds(self, chars: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
        # Bytes and 32-bit numbers: half the memory traffic of 64-bit ones, which costs more here
        # than the arithmetic.
        pair = (chars & 127).int().mul_(COLOURS).add_(colours & (COLOURS - 1))
        return self.kinds.index_select(0, pair.flatten()).view(pair.shape)

    def crop(
        self, chars: torch.Tensor, colours: torch.Tensor, cursor: torch.Tensor
    ) -> torch.Tensor:
        """Kinds int64 (N, 81) of the cells around the cursor, row by row, blank beyond the screen;
        chars uint8 and colours int8 (N, 24, 80), cursor int64 (N, 2) as (row, column)."""
        at = cursor[:, 0] * COLUMNS + cursor[:, 1]
        place = self.places.index_select(0, at)
        kinds = self._kinds(chars.flatten(1).gather(1, place), colours.flatten(1).gather(1, place))
        return kinds.mul_(self.inside.index_select(0, at)).long()

    def changes(
        self, chars: torch.Tensor, colours: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Where the map of stretches (B, T, 24, 80) differs from the frame before, int64 (n,) each:
        frame x PATCHES + patch, and now and before the place in the patch x KINDS + kind.

        Before a stretch all is blank, so that a frame's cells are the sum of the changes up to it.
        """
        strips = [
            x.contiguous().view(torch.int64).flatten(2)[:, :, INSIDE] for x in (chars, colours)
        ]
        now = torch.stack(strips)
        blank = now.new_zeros((2, now.shape[1], 1, STRIPS))
        blank[0] = BLANK
        before = torch.cat((blank, now[:, :, :-1]), 2)
        strip = _differing(now, before)
        now, before = (_taken(x, strip).view(torch.uint8) for x in (now, before))
        cell = _differing(now, before)
        frame = strip // STRIPS
        row = strip - frame * STRIPS
        patch = frame.mul_(PATCHES).add_(self.patches.take(row)).take(cell >> 3)
        place = (self.lines.take(row)[:, None] + self.across).take(cell)
        new, old = (self._kinds(*_taken(x, cell)).add_(place) for x in (now, before))
        return patch, new.long(), old.long()

    def words(self, chars: torch.Tensor, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Words of the message and of the conditions in the status lines, frame after frame: their
        hashes int64 (words,) in [0, rows), rows being 2 ** k, and where frames begin, int64 (N,).

        A word is what stands between blanks; on the status line only letters count, since
        `numbers` reads its numbers.
        """
        status = chars[:, STATUS + 1, CONDITIONS - 1 :]
        status = torch.where((status | 32) - ord("a") < 26, status, SPACE)
        # Blanks all around, and one between the two: the status line's part begins one early.
        status[:, 0] = SPACE
        text = pad(torch.cat((chars[:, MESSAGE], status), 1), (1, 1), value=SPACE)
        letter = text != SPACE
        edge = (letter[:, 1:] != letter[:, :-1]).flatten().nonzero().flatten()
        wide = text.long()
        triples = (wide[:, :-2] << 16).add_(wide[:, 1:-1] << 8).add_(wide[:, 2:])
        # A word's hash is the sum over its letters of a hash of the letter with its neighbours.
        # Column 0 of the running sum is before the first letter, as in `edge`.
        hashes = (triples.mul_(GOLDEN) >> 24).mul_(letter[:, 1:-1])
        total = pad(hashes.flatten(1).cumsum(1), (1, 0)).flatten()
        start, end = edge.view(-1, 2).unbind(1)
        width = text.shape[1] - 1
        frames = torch.arange(0, len(chars) * width, width, device=chars.device)
        return _hashed(total.take(end) - total.take(start), rows), torch.searchsorted(
            start.contiguous(), frames
        )

    def numbers(self, chars: torch.Tensor) -> torch.Tensor:
        """Buckets float32 (N, NUMBERS) of the numbers in the status lines, whole numbers, 0 where
        one is absent.

        Two buckets to a doubling; the armour class, which falls below zero, by ones; shares of hit
        points and power in sixteenths.
        """
        text = pad(chars[:, STATUS:].flatten(1), (1, DIGITS + 1), value=SPACE)
        width, n = text.shape[1], len(text)
        text = text.flatten()
        second = (text == ord("(")) | (text == ord("/"))
        at = (second | (text == ord(":"))).nonzero().flatten()
        frame = at // width
        field = self.fields.take(text.take(at - 1).long())
        pair = torch.where(frame == frame.roll(1), field.roll(1) + 1, -1)
        pair[:1] = -1  # it would follow the last one of a lone frame
        field = torch.where(second.take(at), pair, field)
        kept = (field >= 0).nonzero().flatten()
        place = frame.mul_(NUMBERS).add_(field).take(kept)
        digits = text.take(at.take(kept)[:, None] + self.ahead)
        negative = digits[:, :1] == MINUS
        digits = torch.where(negative, digits[:, 1:], digits[:, :-1]) - ZERO
        run = (digits < 10).cumprod(1)
        # A digit weighs ten to the power of the digits after it.
        weight = self.powers.take(run.sum(1, keepdim=True) - run.cumsum(1)).mul_(run)
        value = (weight * digits).sum(1).mul_(1 - 2 * negative[:, 0].int())
        table = value.new_zeros(n * NUMBERS).index_add_(0, place, value).view(n, NUMBERS)
        bucket = torch.bucketize(table, self.bounds, right=True).float()
        bucket[:, ARMOUR] = table[:, ARMOUR] + 12
        bucket[:, SHARES] = 16 * table[:, PARTS] / table[:, WHOLES].clamp(min=1)
        return bucket.clamp_(0, BUCKETS - 1).floor_()

    def inventory(self, glyphs: torch.Tensor, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
        """What is carried, glyphs int16 (N, 55), frame after frame: hashes as `words` gives them.

        Two for each object: what it is, and what it is in which slot, whose letter a key names.
        """
        frame, slot = (glyphs != NO_GLYPH).nonzero(as_tuple=True)
        glyph = glyphs[frame, slot].long()
        keys = torch.stack((glyph, glyph + GLYPHS * (slot + 1)), 1).flatten()
        frames = torch.arange(len(glyphs), device=glyphs.device)
        return _hashed(keys, rows), 2 * torch.searchsorted(frame, frames)


def kinds() -> torch.Tensor:
    """Kind int32 (4096,) of each pair of character and colour."""
    pairs = torch.arange(128 * COLOURS)
    char, colour = (pairs // COLOURS - SPACE).clamp(0, PLAIN - 1), pairs % COLOURS
    plain = (colour == 0) | (colour == 7)
    mixed = PLAIN + (7 * char + 13 * colour) % (KINDS - PLAIN)
    return torch.where(plain, char, mixed).int()


def fields() -> torch.Tensor:
    """Number int64 (256,) that each character before a colon stands for, or -2."""
    found = torch.full((256,), -2)
    found[[ord(char) for char in FIELDS]] = torch.tensor(list(FIELDS.values()))
    return found


def _differing(now: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """Where characters (2, ...)[0] or colours (2, ...)[1] differ, numbered through."""
    differ = now != before
    return (differ[0] | differ[1]).flatten().nonzero().flatten()


def _taken(x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """(2, n) of x (2, ...): what _differing has numbered."""
    return torch.stack((x[0].take(index), x[1].take(index)))


def _hashed(key: torch.Tensor, rows: int) -> torch.Tensor:
    return (key * GOLDEN >> 40) & (rows - 1)
