"""Which way down, and when: the Gnomish Mines for a pick-axe, then straight down with it."""

from nle import nethack as nh

from ilscaling.domains.nethack.bot import glyphs as g
from ilscaling.domains.nethack.bot import keys as k
from ilscaling.domains.nethack.bot.emergencies import write
from ilscaling.domains.nethack.bot.paths import OFFSETS, around, first_step

MAIN, MINES = 0, 2
MINES_ABOVE = 4  # the branch to the Mines is on level 2, 3 or 4
DEEP = 10  # from here on the way out of a fight is down
CAMP = 2_500  # turns
READY = {1: 1, 2: 2, 3: 3, 4: 7, 5: 7}  # rank with which to leave a level of the main dungeon
MINES_FLOOR = 13  # with a pick-axe no deeper into the Mines
DIVE_RANK, MINES_RANK, LATE = 8, 5, 5_000


def decide(bot) -> None:
    """Fix whether to dive, which ways down count, and whether the level is done."""
    view, level = bot.view, bot.level
    deep_enough = view.branch == MINES and view.depth >= MINES_FLOOR
    if bot.pick and (view.rank >= DIVE_RANK or view.turn > LATE or deep_enough):
        bot.diving = True
    bot.diving = bot.diving and bot.pick is not None
    if bot.diving and view.branch == MINES and level.desperate:
        bot.mines_below = True
    seeks = bot.pick is None and not bot.mines_done
    upper = view.branch == MAIN and view.depth <= MINES_ABOVE
    ways = level.down | level.holes
    to_mines = sum(1 << square for square, branch in level.leads.items() if branch == MINES)
    to_main = sum(1 << square for square, branch in level.leads.items() if branch == MAIN)
    if view.branch == MAIN and not seeks and level.desperate < 3:
        ways &= ~to_mines
    elif view.branch == MAIN and ways & ~to_main & ~level.holes:
        ways &= ~to_main & ~level.holes
    if to_mines and view.rank < MINES_RANK and not level.explored:
        ways &= ~to_mines
    bot.ways_down = ways
    rises = view.branch == MINES and (bot.diving or bot.mines_done) and not bot.mines_below
    bot.goals = level.up if rises else ways
    starving = view.hunger >= 2 and not any(item.kind == nh.FOOD_CLASS for item in view.items)
    if starving and view.depth > 1 and view.turn < bot.next_prayer:
        bot.camped = CAMP
        bot.level_done = True
    elif level.desperate:
        bot.level_done = True
    elif upper:
        several = seeks and level.down.bit_count() > 1
        bot.level_done = level.explored or (several and view.rank >= MINES_RANK)
    elif view.branch == MINES:
        bot.level_done = level.explored
        if level.explored and level.searches > 20 and not level.down:
            bot.mines_done = True
    else:
        bot.level_done = level.explored or view.rank >= 8


def leave(bot) -> int | None:
    """Take stairs or holes when the level has given what the plan wants of it."""
    view, level = bot.view, bot.level
    decide(bot)
    if bot.diving:
        if view.branch == MINES and not bot.mines_below:
            return _go(bot, level.up, k.UP)
        return dig(bot)
    if view.branch == MINES and (bot.mines_done or (view.rank < MINES_RANK and bot.camped < CAMP)):
        return _go(bot, level.up, k.UP)
    if not bot.level_done:
        return None
    if bot.ways_down >> view.here & 1 and _unready(bot) and not bot.threats(2):
        bot.camped += 20
        return bot.press(*k.times(20, k.SEARCH))
    return _go(bot, bot.ways_down, k.DOWN)


def _unready(bot) -> bool:
    """Better wait here for enemies of one's own class than meet those further down?"""
    view = bot.view
    if bot.camped >= CAMP or bot.level.desperate > 3:
        return False
    if view.branch == MINES:
        return view.rank < 6
    level = bot.level
    mines = level.leads.get(view.here) == MINES or (
        view.depth <= MINES_ABOVE and level.down.bit_count() > 1 and view.here not in level.leads
    )
    return view.rank < (MINES_RANK if mines else READY.get(view.depth, 8))


def leave_anyway(bot) -> int | None:
    """Nothing left to explore: down by any way known."""
    if bot.level.branch == MINES and (bot.mines_done or bot.diving):
        return None
    return _go(bot, bot.ways_down, k.DOWN)


def dig(bot) -> int | None:
    """Dig through the floor; not on stairs and the like."""
    view, level = bot.view, bot.level
    if not bot.pick or view.floating or bot.dig_failures > 3:
        return _go(bot, level.down | level.holes, k.DOWN)
    bit = 1 << view.here
    if (level.down | level.up) & bit or bot.undiggable & bit:
        if level.down & bit and view.depth > MINES_ABOVE:
            return bot.press(k.DOWN)
        for offset in OFFSETS:
            square = view.here + offset
            if (
                square >= 0
                and level.walk >> square & 1
                and not (
                    (level.doors | view.planes[g.MONSTER] | level.up | bot.undiggable) >> square & 1
                )
            ):
                return bot.walk(offset)
        return None
    if level.holes & bit:
        return bot.press(k.DOWN)
    liquid = around(view.planes[g.LIQUID])
    if liquid & bit and bot.digs < 10:
        bot.digs += 1
        step = first_step(view.here, level.walk & ~liquid, level.walk, level.doors, limit=8)
        if step:
            return bot.walk(step[0])
    if bot.threats(6) and (bot.word != view.here or bot.hurt):
        key = write(bot)
        if key is not None:
            return key
    bot.digs += 1
    return bot.press(k.APPLY, bot.pick.key, k.DOWN)


def _go(bot, ways: int, key: int) -> int | None:
    view, level = bot.view, bot.level
    ways &= level.walk & ~level.forbidden
    if ways >> view.here & 1:
        bot.taken = view.here
        return bot.press(key)
    if not ways:
        return None
    step = first_step(view.here, ways, level.walk & ~level.locked, level.doors, ahead=bot.ahead)
    if step is None:
        return None
    offset, distance = step
    stairs = level.down if key == k.DOWN else level.up
    if (
        distance > 4
        and ways == stairs
        and ways.bit_count() == 1
        and not bot.threats(10)
        and (bot.travels < 6)
    ):
        bot.travels += 1
        return bot.press(k.TRAVEL, key, ord("."))
    return bot.walk(offset)
