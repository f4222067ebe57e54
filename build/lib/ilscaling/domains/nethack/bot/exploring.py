"""Finding the rest of a level: frontiers, locked doors, boulders, hidden ways."""

from ilscaling.domains.nethack.bot import keys as k
from ilscaling.domains.nethack.bot.paths import KEYS, STRAIGHT, around, first_step, spread, squares

KICKS, SEARCHES = 30, 240  # a door, a level


def explore(bot) -> int | None:
    """Walk to the nearest square beside the unknown."""
    view, level = bot.view, bot.level
    if level.explored and not level.frontier & ~level.locked:
        return None
    targets = level.frontier & ~level.locked
    step = first_step(view.here, targets, level.walk & ~level.locked, level.doors, ahead=bot.ahead)
    if step:
        return bot.walk(step[0])
    level.explored = True
    return None


def kick(bot) -> int | None:
    """Kick a locked door in, where nobody minds."""
    view, level = bot.view, bot.level
    doors = level.locked & ~level.blocked & ~level.forbidden
    if not doors or bot.in_mines:
        return None
    for offset in STRAIGHT:
        square = view.here + offset
        if square >= 0 and doors >> square & 1:
            level.failures[square] += 1
            if level.failures[square] > KICKS:
                level.blocked |= 1 << square
                return None
            return bot.press(k.KICK, KEYS[offset])
    step = first_step(view.here, doors, level.walk & ~doors, level.doors)
    return bot.walk(step[0]) if step else None


def squeeze(bot) -> int | None:
    """Push boulders and risk traps for what lies behind them."""
    view, level = bot.view, bot.level
    walk = level.walk | (level.boulders | level.traps) & ~level.closed_off
    goals = 0 if bot.goals >> view.here & 1 else bot.goals & walk
    targets = walk & around(level.unknown) & ~level.visited & ~level.locked | goals
    step = first_step(view.here, targets, walk & ~level.locked, level.doors)
    return bot.walk(step[0]) if step else None


def search(bot) -> int | None:
    """Search where a hidden way is most likely: dead ends, walls with room behind them."""
    view, level = bot.view, bot.level
    if level.searches >= SEARCHES:
        return None
    if bot.search_place is None:
        bot.search_place = _place(bot)
        if bot.search_place is None:
            return None
    if bot.search_place == view.here:
        bot.search_place = None
        level.searches += 1
        level.explored = False
        for square in squares(around(1 << view.here)):
            level.searched[square] += 1
        return bot.press(*k.times(12, k.SEARCH))
    step = first_step(view.here, 1 << bot.search_place, level.walk & ~level.locked, level.doors)
    if step is None:
        bot.search_place = None
        return None
    return bot.walk(step[0])


def _place(bot) -> int | None:
    view, level = bot.view, bot.level
    merits = dict(level.hiding_places())
    if not merits:
        return None
    best, place, distance = None, None, 0
    seen = wave = 1 << view.here
    candidates = sum(1 << square for square in merits)
    while wave:
        for square in squares(wave & candidates):
            cost = distance - merits[square] + 45 * level.searched[square]
            if best is None or cost < best:
                best, place = cost, square
        wave = spread(wave, level.walk & ~level.locked, level.doors) & ~seen
        seen |= wave
        distance += 1
    return place
