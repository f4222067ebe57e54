"""Shortest paths over sets of squares, each set one Python integer.

Bit 80 * row + column stands for a square; column 79 is never used, so that shifts do not wrap. A
wave of breadth-first search is then a dozen shifts of one integer: about a microsecond.
"""

WIDTH = 80
FULL = sum(((1 << 79) - 1) << (WIDTH * row) for row in range(21))
# Straight moves first: where several squares are as near, the walk stays straight.
OFFSETS = (1, -1, WIDTH, -WIDTH, WIDTH + 1, WIDTH - 1, -WIDTH + 1, -WIDTH - 1)
KEYS = {offset: ord(key) for offset, key in zip(OFFSETS, "lhjknbuy", strict=True)}
STRAIGHT = OFFSETS[:4]


def on_map(square: int) -> bool:
    """Is it a square of the map?"""
    return square >= 0 and bool(FULL >> square & 1)


def square(row: int, column: int) -> int:
    """Number of a square: the bit that stands for it in a set.

    Parameters
    ----------
    row, column
        On the map, from 0 on.
    """
    return WIDTH * row + column


def around(squares: int) -> int:
    """The squares and their eight neighbours."""
    line = squares | squares << 1 | squares >> 1
    return (line | line << WIDTH | line >> WIDTH) & FULL


def beside(squares: int) -> int:
    """The four straight neighbours."""
    return (squares << 1 | squares >> 1 | squares << WIDTH | squares >> WIDTH) & FULL


def spread(wave: int, walk: int, doors: int) -> int:
    """Squares one move from some; doors are not passed diagonally.

    Parameters
    ----------
    wave
        Set of squares that the move begins on.
    walk
        Set of squares that can be walked on.
    doors
        Set of squares with a door.
    """
    free = walk & ~doors
    start = wave & ~doors
    sides = start << 1 | start >> 1
    straight = wave << 1 | wave >> 1 | wave << WIDTH | wave >> WIDTH
    return straight & walk | (sides << WIDTH | sides >> WIDTH) & free


def reach(start: int, walk: int, doors: int) -> int:
    """All squares that can be reached from some, these included.

    Parameters
    ----------
    start
        Set of squares.
    walk, doors
        As of `spread`.
    """
    reached = wave = start
    while wave:
        wave = spread(wave, walk, doors) & ~reached
        reached |= wave
    return reached


def first_step(
    start: int, targets: int, walk: int, doors: int, *, ahead: int = 0, limit: int = 400
) -> tuple[int, int] | None:
    """First move on a shortest way from a square to the nearest of a set.

    The search runs from the targets, so no path has to be traced.

    Parameters
    ----------
    start
        Number of the square.
    targets
        Set of squares; the start itself does not count.
    walk, doors
        As of `spread`; the start can be walked on.
    ahead
        Offset of the last move, kept where it is as good as any; 0: there was none.
    limit
        Most moves.

    Returns
    -------
    tuple or None
        (offset of the first move, distance in moves); None: no way, or none within `limit` moves.
    """
    origin = 1 << start
    walk |= origin
    seen = wave = targets & ~origin
    distance = 1
    while wave and distance <= limit:
        near = spread(origin, wave, doors)
        if near:
            if ahead and start + ahead >= 0 and near >> (start + ahead) & 1:
                return ahead, distance
            for offset in OFFSETS:
                if start + offset >= 0 and near >> (start + offset) & 1:
                    return offset, distance
        wave = spread(wave, walk, doors) & ~seen
        seen |= wave
        distance += 1
    return None


def squares(bits: int) -> list[int]:
    """The squares of a set, in order."""
    ordered = []
    while bits:
        low = bits & -bits
        ordered.append(low.bit_length() - 1)
        bits ^= low
    return ordered


def gap(one: int, other: int) -> int:
    """Moves between two squares if nothing were in the way.

    Parameters
    ----------
    one, other
        Numbers of the squares.
    """
    return max(
        abs(one // WIDTH - other // WIDTH),
        abs(one % WIDTH - other % WIDTH),
    )
