"""What NetHack's frames say, as rows of embedding tables: read once, compiled, on the CPU.

A loader's thread reads them for training and for the dev loss, on whatever device; the playing loop
reads them by the same function. A frame of 3,840 bytes becomes some 400 bytes of integers in about
a microsecond.
"""

import math
from typing import NamedTuple

import numba
import numpy as np

from ilscaling.policies.config import (
    BUCKETS,
    COLUMNS,
    CROP,
    KINDS,
    MAP_ROWS,
    NUMBERS,
    PATCH,
    PLAIN,
    ROWS,
    fact_sizes,
)

SPACE, ZERO, MINUS = ord(" "), ord("0"), ord("-")
COLON, SECONDS = ord(":"), (ord("("), ord("/"))
# Strips are eight cells of a row, the width of a patch, compared as one integer.
BLANK = int.from_bytes(b" " * 8, "little")
ACROSS = COLUMNS // PATCH[1]
CELLS, REACH = CROP**2, CROP // 2
MAP = (MAP_ROWS[1] - MAP_ROWS[0]) * COLUMNS
FACTS = 3 + NUMBERS
COLOURS = 32

MESSAGE, STATUS = 0, 22
# Conditions such as Hungry follow the turn counter, which ends beyond this column.
CONDITIONS = 40
# Letters that can begin a word: every other one of the message's and of the conditions'.
TEXT = COLUMNS + COLUMNS - CONDITIONS + 1
WORDS = (TEXT + 1) // 2
DIGITS = 7
# Numbers of the status lines by the character before their colon, as in 'HP:12(15)'; the second
# of a pair takes the next place. The last places hold what is left of hit points and of power.
FIELDS = {"l": 0, "$": 1, "P": 2, "w": 4, "C": 6, "p": 7, "T": 9, "S": 10, "D": 11}
ARMOUR, HIT_POINTS, SHARES = 6, 2, 12
# Least number of each bucket from the second on: two buckets to a doubling, from 0 on; a little
# less, so that 2 ** k - 1 begins one.
BOUNDS = np.array([math.ceil(2 ** ((bucket - 1e-4) / 2) - 1) for bucket in range(BUCKETS - 1)])

SLOTS = 55
# NLE fills empty slots of the inventory with its MAX_GLYPH.
NO_GLYPH, GLYPHS = 5976, 8192
NO_INVENTORY = np.zeros((0, SLOTS), np.int16)
# 2 ** 64 over the golden ratio: high bits of a product with it are a hash (Knuth).
GOLDEN = np.int64(-7046029254386353131)
PIECE = 1_024  # frames that are read into the same memory, which stays in the caches


def _kinds() -> np.ndarray:
    """Kind int32 (4096,) of each pair of character and colour, in [0, KINDS): its character where
    it is plain grey, else one of the rest, which several pairs share."""
    pairs = np.arange(128 * COLOURS)
    char, colour = (pairs // COLOURS - SPACE).clip(0, PLAIN - 1), pairs % COLOURS
    mixed = PLAIN + (7 * char + 13 * colour) % (KINDS - PLAIN)
    return np.where((colour == 0) | (colour == 7), char, mixed).astype(np.int32)


def _fields() -> np.ndarray:
    """Number int64 (256,) that each character before a colon stands for, or -2."""
    fields = np.full(256, -2)
    fields[[ord(char) for char in FIELDS]] = list(FIELDS.values())
    return fields


KIND_OF, FIELD_OF = _kinds(), _fields()


class FrameFeatures(NamedTuple):
    """What n frames say, stretch after stretch; of arrays or of tensors.

    Parameters
    ----------
    cells
        Kinds of the cells around the cursor, row by row, 0 beyond the screen: uint8 (n, 81).
    facts
        Rows of the table of facts for previous key, cursor and numbers: int32 (n, 17).
    words
        Hashes of 24 bits, int32.
    word_starts
        Words of frame k are at [word_starts[k], word_starts[k + 1]): int64 (n + 1,).
    carried, carried_starts
        Likewise for the inventory; empty for a policy without it.
    patch
        Patch of each cell that changes, uint8.
    new, old
        Rows of the table of patches for a cell's kind now and before, int16.
    change_starts
        The changes [change_starts[k], change_starts[k + 1]) of the map lead from the frame before
        to frame k; before a stretch all is blank. int64 (n + 1,).
    """

    cells: np.ndarray
    facts: np.ndarray
    words: np.ndarray
    word_starts: np.ndarray
    carried: np.ndarray
    carried_starts: np.ndarray
    patch: np.ndarray
    new: np.ndarray
    old: np.ndarray
    change_starts: np.ndarray

    def part(self, begin: int, end: int) -> "FrameFeatures":
        """Those of the frames [begin, end), which begin and end with a stretch."""

        def ragged(starts, *values):
            first, last = starts[begin], starts[end]
            return *(v[first:last] for v in values), starts[begin : end + 1] - first

        carried = self.carried, self.carried_starts
        if len(self.carried_starts) > 1:
            carried = ragged(self.carried_starts, self.carried)
        return FrameFeatures(
            self.cells[begin:end],
            self.facts[begin:end],
            *ragged(self.word_starts, self.words),
            *carried,
            *ragged(self.change_starts, self.patch, self.new, self.old),
        )


def room(n: int, inventory: bool) -> FrameFeatures:
    """Memory for what some frames say at most: what is not written to costs nothing.

    Parameters
    ----------
    n
        Frames.
    inventory
        Whether what is carried is read, too.
    """
    objects = n if inventory else 0
    return FrameFeatures(
        np.empty((n, CELLS), np.uint8),
        np.empty((n, FACTS), np.int32),
        np.empty(n * WORDS, np.int32),
        np.zeros(n + 1, np.int64),
        np.empty(objects * 2 * SLOTS, np.int32),
        np.zeros(objects + 1, np.int64),
        *(np.empty(n * MAP, dtype) for dtype in (np.uint8, np.int16, np.int16)),
        np.zeros(n + 1, np.int64),
    )


class Reader:
    """Reads stretches of frames for NetHack's policies; see `store.sequences.Reader`.

    Parameters
    ----------
    actions
        Keys of the keyboard.
    inventory
        Whether what the player carries is read, too.
    """

    def __init__(self, actions: int, inventory: bool):
        self.fields = ("tty_chars", "tty_colors", "tty_cursor")
        self.fields += ("inventory",) if inventory else ()
        # Where each fact's rows begin in their table.
        self.offsets = np.cumsum([0, *fact_sizes(actions)[:-1]])

    def read(self, stretches: dict[str, np.ndarray], order: np.ndarray) -> FrameFeatures:
        """What the stretches say, in an order.

        Parameters
        ----------
        stretches
            tty_chars uint8 and tty_colors int8 (S, T, 24, 80), tty_cursor uint8 (S, T, 2), previous
            int64 (S, T), inventory int16 (S, T, 55), all contiguous.
        order
            int64 (B,), places of stretches.
        """
        steps = stretches["previous"].shape[1]
        at_once = max(1, PIECE // steps)
        inventory = "inventory" in self.fields
        memory, arrays = room(min(at_once, len(order)) * steps, inventory), self.arrays(stretches)
        pieces = []
        for begin in range(0, max(len(order), 1), at_once):
            chosen = order[begin : begin + at_once]
            fill(*arrays, chosen, steps, self.offsets, memory)
            pieces.append(memory.part(0, len(chosen) * steps))
            if begin + at_once < len(order):
                pieces[-1] = FrameFeatures(*(values.copy() for values in pieces[-1]))
        return self.joined(pieces) if len(pieces) > 1 else pieces[0]

    def arrays(self, stretches: dict[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """The fields as `fill` takes them.

        Parameters
        ----------
        stretches
            As of `read`, or one frame a lane: (lanes, ...).

        Returns
        -------
        tuple
            The first seven arguments of `fill`.
        """
        n = stretches["previous"].size
        cells = [stretches[name].reshape(n, -1) for name in ("tty_chars", "tty_colors")]
        objects = NO_INVENTORY
        if "inventory" in self.fields:
            objects = stretches["inventory"].reshape(n, -1)
        strips = [values.view(np.int64) for values in cells]
        cursor, previous = stretches["tty_cursor"].reshape(n, 2), stretches["previous"].reshape(n)
        return *cells, *strips, cursor, previous, objects

    @staticmethod
    def joined(pieces: list[FrameFeatures]) -> FrameFeatures:
        """Features one after the other, as one."""

        def column(name: str) -> np.ndarray:
            values = [getattr(piece, name) for piece in pieces]
            if not name.endswith("starts"):
                return np.concatenate(values)
            ends = np.cumsum([0, *(starts[-1] for starts in values)])
            moved = [starts[1:] + end for starts, end in zip(values, ends, strict=False)]
            return np.concatenate([np.zeros(1, np.int64), *moved])

        return FrameFeatures(*map(column, FrameFeatures._fields))


@numba.njit(cache=True, nogil=True)
def fill(
    chars, colours, strips, tints, cursor, previous, inventory, places, steps, offsets, features
):  # fmt: skip
    """What `Reader.read` does, into memory of `room`.

    Parameters
    ----------
    chars, colours
        Cells of all frames, uint8 and int8 (frames, 1920).
    strips, tints
        The same memory eight cells at a time, int64 (frames, 240).
    cursor
        Row and column, uint8 (frames, 2).
    previous
        Action before each frame, int64 (frames,).
    inventory
        int16 (frames, 55); (0, 55): it is not read.
    places
        Which stretches are read, in order, int64 (stretches,).
    steps
        Frames of a stretch.
    offsets
        Where each fact's rows begin in their table, int64 (17,).
    features
        Written here, those of stretches x steps frames.
    """
    crop, facts, words, word_starts, carried, carried_starts, patch, new, old, starts = features
    values = np.empty(NUMBERS, np.float32)
    text = np.empty(TEXT + 2, np.int64)
    for k in range(len(places) * steps):
        at, first = places[k // steps] * steps + k % steps, k % steps == 0
        starts[k + 1] = _changes(
            chars, colours, strips, tints, at, first, starts[k], patch, new, old
        )
        _crop(chars[at], colours[at], cursor[at], crop[k])
        _numbers(chars[at], values)
        facts[k, 0] = offsets[0] + previous[at]
        facts[k, 1] = offsets[1] + cursor[at, 0]
        facts[k, 2] = offsets[2] + cursor[at, 1]
        _buckets(values, offsets, facts[k])
        word_starts[k + 1] = _words(chars[at], text, words, word_starts[k])
        if len(inventory):
            carried_starts[k + 1] = _inventory(inventory[at], carried, carried_starts[k])


@numba.njit(cache=True)
def _kind(char, colour):
    return KIND_OF[(char & 127) * COLOURS + (colour & (COLOURS - 1))]


@numba.njit(cache=True)
def _changes(chars, colours, strips, tints, k, first, count, patch, new, old):
    # Eight cells at a time: most of a map stays as it was.
    for strip in range(MAP_ROWS[0] * ACROSS, MAP_ROWS[1] * ACROSS):
        if first:
            same = strips[k, strip] == BLANK and tints[k, strip] == 0
        else:
            same = strips[k, strip] == strips[k - 1, strip]
            same = same and tints[k, strip] == tints[k - 1, strip]
        if same:
            continue
        line = strip // ACROSS - MAP_ROWS[0]
        where = line // PATCH[0] * ACROSS + strip % ACROSS
        for across in range(PATCH[1]):
            cell = strip * PATCH[1] + across
            char, colour = (SPACE, 0) if first else (chars[k - 1, cell], colours[k - 1, cell])
            if char == chars[k, cell] and colour == colours[k, cell]:
                continue
            place = (line % PATCH[0] * PATCH[1] + across) * KINDS
            patch[count] = where
            new[count] = place + _kind(chars[k, cell], colours[k, cell])
            old[count] = place + _kind(char, colour)
            count += 1
    return count


@numba.njit(cache=True)
def _crop(chars, colours, cursor, crop):
    at = 0
    for row in range(np.int64(cursor[0]) - REACH, np.int64(cursor[0]) + REACH + 1):
        for column in range(np.int64(cursor[1]) - REACH, np.int64(cursor[1]) + REACH + 1):
            inside = 0 <= row < ROWS and 0 <= column < COLUMNS
            cell = row * COLUMNS + column
            crop[at] = _kind(chars[cell], colours[cell]) if inside else 0
            at += 1


@numba.njit(cache=True)
def _numbers(chars, values):
    """Whole numbers of the status lines, 0 where one is absent."""
    values[:] = 0
    begin, last = STATUS * COLUMNS, len(chars)
    before = -2
    for at in range(begin, last):
        char = chars[at]
        second = char == SECONDS[0] or char == SECONDS[1]
        if not second and char != COLON:
            continue
        own = FIELD_OF[chars[at - 1]] if at > begin else -2
        field = before + 1 if second else own
        before = own
        if field < 0:
            continue
        sign, place = 1, at + 1
        if place < last and chars[place] == MINUS:
            sign, place = -1, place + 1
        value, end = 0, min(last, place + DIGITS)
        while place < end and ZERO <= chars[place] < ZERO + 10:
            value = 10 * value + chars[place] - ZERO
            place += 1
        values[field] += np.float32(sign * value)


@numba.njit(cache=True)
def _buckets(values, offsets, facts):
    """Two buckets to a doubling; the armour class, which falls below zero, by ones; shares of hit
    points and power in sixteenths."""
    for field in range(NUMBERS):
        value = values[field]
        if field == ARMOUR:
            bucket = np.int64(max(np.float32(0), value + np.float32(12)))
        elif field >= SHARES:
            part = HIT_POINTS + 2 * (field - SHARES)
            whole = max(values[part + 1], np.float32(1))
            bucket = np.int64(max(np.float32(0), np.float32(16) * values[part] / whole))
        else:
            bucket = np.searchsorted(BOUNDS, value, side="right")
        facts[3 + field] = offsets[3 + field] + min(bucket, BUCKETS - 1)


@numba.njit(cache=True)
def _words(chars, text, words, count):
    """Words of the message and of the conditions, hashed. A word is what stands between blanks; on
    the status line only letters count, since `_numbers` reads its numbers. Its hash is the sum
    over its letters of a hash of the letter with its neighbours."""
    text[:] = SPACE
    text[1 : COLUMNS + 1] = chars[MESSAGE * COLUMNS : (MESSAGE + 1) * COLUMNS]
    begin = (STATUS + 1) * COLUMNS + CONDITIONS - 1
    for at in range(1, len(chars) - begin):
        low = chars[begin + at] | 32
        if 97 <= low <= 122:
            text[COLUMNS + 1 + at] = chars[begin + at]
    key, within = np.int64(0), False
    for at in range(1, len(text)):
        if text[at] != SPACE:
            triple = (text[at - 1] << 16) + (text[at] << 8) + text[at + 1]
            key += (triple * GOLDEN) >> 24
            within = True
        elif within:
            words[count] = _hashed(key)
            count, key, within = count + 1, np.int64(0), False
    return count


@numba.njit(cache=True)
def _inventory(glyphs, carried, count):
    """Two hashes for each object: what it is, and what it is in which slot, whose letter a key
    names."""
    for slot in range(SLOTS):
        if glyphs[slot] != NO_GLYPH:
            glyph = np.int64(glyphs[slot])
            carried[count] = _hashed(glyph)
            carried[count + 1] = _hashed(glyph + GLYPHS * (slot + 1))
            count += 2
    return count


@numba.njit(cache=True)
def _hashed(key):
    """24 bits, of which a table of 2 ** k rows takes the last k."""
    return ((key * GOLDEN) >> 40) & 0xFFFFFF
