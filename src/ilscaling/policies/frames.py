"""What NetHack's frames say, as rows of embedding tables: `screen.Screen`, compiled for the CPU.

Reads a frame in about a microsecond, where PyTorch's operations take seven, most of it for their
dispatch. Both give the same numbers, which the tests hold them to.
"""

from typing import NamedTuple

import numba
import numpy as np

from ilscaling.policies import screen
from ilscaling.policies.widths import COLUMNS, CROP, KINDS, MAP_ROWS, NUMBERS, PATCH, ROWS
from ilscaling.rows import Rows

CELLS = CROP**2
REACH = CROP // 2
FACTS = 3 + NUMBERS
# Letters that can begin a word: every other one of the message's and of the conditions'.
TEXT = COLUMNS + COLUMNS - screen.CONDITIONS + 1
WORDS = (TEXT + 1) // 2
SLOTS = 55
MAP = (MAP_ROWS[1] - MAP_ROWS[0]) * COLUMNS
ACROSS = COLUMNS // PATCH[1]
SPACE, BLANK = screen.SPACE, screen.BLANK
KIND_OF = screen.kinds().numpy()
FIELD_OF = screen.fields().numpy()
BOUNDS = np.array(screen.BOUNDS)
GOLDEN = np.int64(screen.GOLDEN)
NO_INVENTORY = np.zeros((0, SLOTS), np.int16)


class Read(NamedTuple):
    """What n frames say. `crop` uint8 (n, 81): kinds of the cells around the cursor; `facts` int32
    (n, 17): rows for previous key, cursor and numbers; `words` int32 (n, 61) and `told` (n,): rows
    for the first `told` words; `carried`, `things`: the same for the inventory. `starts` int64
    (n + 1,): changes [starts[k], starts[k + 1]) of the map lead from the frame before to frame k:
    `patch` uint8, and `new`, `old` int16, rows for the cell's kinds."""

    crop: np.ndarray
    facts: np.ndarray
    words: np.ndarray
    told: np.ndarray
    carried: np.ndarray
    things: np.ndarray
    starts: np.ndarray
    patch: np.ndarray
    new: np.ndarray
    old: np.ndarray


def read(
    chars: Rows,
    colours: Rows,
    cursor: np.ndarray,
    previous: np.ndarray,
    offsets: np.ndarray,
    rows: int,
    inventory: np.ndarray | None = None,
) -> Read:
    """Read stretches: chars uint8 and colours int8 (B, T, 24, 80), stretches of the same places,
    cursor uint8 (B, T, 2), previous int64 (B, T), inventory int16 (B, T, 55); offsets int64 (17,):
    where each fact's rows begin; rows: of the table of words, 2 ** k."""
    lanes, steps = previous.shape
    n = lanes * steps
    things = NO_INVENTORY if inventory is None else _flat(inventory)
    found = room(n, len(things))
    cells = (_flat(chars.items), _flat(colours.items))
    strips = (values.view(np.int64) for values in cells)
    seen = (*cells, *strips, chars.index, _flat(cursor), previous.reshape(n), things)
    fill(*seen, steps, offsets, rows, found)
    return found


def room(n: int, things: int) -> Read:
    """Memory for what n frames say, and for the inventory of `things` of them."""
    return Read(
        np.empty((n, CELLS), np.uint8),
        np.empty((n, FACTS), np.int32),
        np.empty((n, WORDS), np.int32),
        np.empty(n, np.int64),
        np.empty((things, 2 * SLOTS), np.int32),
        np.empty(things, np.int64),
        np.empty(n + 1, np.int64),
        # As many as there can be: memory that is not written to costs nothing.
        *(np.empty(n * MAP, dtype) for dtype in (np.uint8, np.int16, np.int16)),
    )


def _flat(values: np.ndarray) -> np.ndarray:
    """(B, T, ...) as (B T, ...), each of one axis."""
    return np.ascontiguousarray(values).reshape(values.shape[0] * values.shape[1], -1)


@numba.njit(cache=True, nogil=True)
def fill(
    chars, colours, now, tints, places, cursor, previous, inventory, steps, offsets, rows, read
):  # fmt: skip
    """What `read` does, compiled; now and tints are chars and colours eight at a time, frame k lies
    at row places[k // steps] * steps + k % steps of them."""
    crop, facts, words, told, carried, things, starts, patch, new, old = read
    values = np.empty(NUMBERS, np.float32)
    text = np.empty(TEXT + 2, np.int64)
    starts[0] = 0
    for k in range(len(crop)):
        at, first = places[k // steps] * steps + k % steps, k % steps == 0
        starts[k + 1] = _changes(chars, colours, now, tints, at, first, starts[k], patch, new, old)
        _crop(chars[at], colours[at], cursor[k], crop[k])
        _numbers(chars[at], values)
        facts[k, 0] = offsets[0] + previous[k]
        facts[k, 1] = offsets[1] + cursor[k, 0]
        facts[k, 2] = offsets[2] + cursor[k, 1]
        _buckets(values, offsets, facts[k])
        told[k] = _words(chars[at], text, rows, words[k])
    for k in range(len(inventory)):
        things[k] = _inventory(inventory[k], rows, carried[k])


@numba.njit(cache=True)
def _kind(char, colour):
    return KIND_OF[(char & 127) * 32 + (colour & 31)]


@numba.njit(cache=True)
def _changes(chars, colours, now, tints, k, first, count, patch, new, old):
    # Eight cells at a time: most of a map stays as it was.
    for strip in range(MAP_ROWS[0] * ACROSS, MAP_ROWS[1] * ACROSS):
        if first:
            same = now[k, strip] == BLANK and tints[k, strip] == 0
        else:
            same = now[k, strip] == now[k - 1, strip] and tints[k, strip] == tints[k - 1, strip]
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
    values[:] = 0
    begin, last = screen.STATUS * COLUMNS, len(chars)
    before = -2
    for at in range(begin, last):
        char = chars[at]
        second = char == 40 or char == 47  # ( and /
        if not second and char != 58:  # :
            continue
        own = FIELD_OF[chars[at - 1]] if at > begin else -2
        field = before + 1 if second else own
        before = own
        if field < 0:
            continue
        sign, place = 1, at + 1
        if place < last and chars[place] == screen.MINUS:
            sign, place = -1, place + 1
        value, end = 0, min(last, place + screen.DIGITS)
        while place < end and screen.ZERO <= chars[place] < screen.ZERO + 10:
            value = 10 * value + chars[place] - screen.ZERO
            place += 1
        values[field] += np.float32(sign * value)


@numba.njit(cache=True)
def _buckets(values, offsets, facts):
    for field in range(NUMBERS):
        value = values[field]
        if field == screen.ARMOUR:
            bucket = np.int64(max(np.float32(0), value + np.float32(12)))
        elif field >= screen.SHARES.start:
            part = screen.PARTS.start + 2 * (field - screen.SHARES.start)
            whole = max(values[part + 1], np.float32(1))
            bucket = np.int64(max(np.float32(0), np.float32(16) * values[part] / whole))
        else:
            bucket = np.searchsorted(BOUNDS, value, side="right")
        facts[3 + field] = offsets[3 + field] + min(bucket, screen.BUCKETS - 1)


@numba.njit(cache=True)
def _words(chars, text, rows, words):
    text[:] = SPACE
    text[1 : COLUMNS + 1] = chars[screen.MESSAGE * COLUMNS : (screen.MESSAGE + 1) * COLUMNS]
    begin = (screen.STATUS + 1) * COLUMNS + screen.CONDITIONS - 1
    for at in range(1, len(chars) - begin):
        low = chars[begin + at] | 32
        if 97 <= low <= 122:
            text[COLUMNS + 1 + at] = chars[begin + at]
    count, key, within = 0, np.int64(0), False
    for at in range(1, len(text)):
        if text[at] != SPACE:
            triple = (text[at - 1] << 16) + (text[at] << 8) + text[at + 1]
            key += (triple * GOLDEN) >> 24
            within = True
        elif within:
            words[count] = _hashed(key, rows)
            count, key, within = count + 1, np.int64(0), False
    return count


@numba.njit(cache=True)
def _inventory(glyphs, rows, carried):
    count = 0
    for slot in range(SLOTS):
        if glyphs[slot] != screen.NO_GLYPH:
            glyph = np.int64(glyphs[slot])
            carried[count] = _hashed(glyph, rows)
            carried[count + 1] = _hashed(glyph + screen.GLYPHS * (slot + 1), rows)
            count += 2
    return count


@numba.njit(cache=True)
def _hashed(key, rows):
    return ((key * GOLDEN) >> 40) & (rows - 1)
