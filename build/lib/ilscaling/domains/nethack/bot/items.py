"""Things to pick up and to wear."""

from ilscaling.domains.nethack.bot import glyphs as g
from ilscaling.domains.nethack.bot import keys as k
from ilscaling.domains.nethack.bot.paths import first_step

DWARVES = g.kinds("dwarf", "dwarf lord", "dwarf king")
ERRANDS = 500  # steps a level
NAMES = ("pick-axe", "hard hat", "dwarvish iron helm", "hard shoes", "iron shoes")


def wear(bot) -> int | None:
    """Put on a helmet or boots; a monk fights worse in a suit or with a shield."""
    view = bot.view
    if bot.threats(6):
        return None
    for kinds in (g.HELMETS, g.BOOTS):
        pieces = [item for item in view.items if item.glyph in kinds]
        if any("being worn" in item.text for item in pieces):
            continue
        for item in pieces:
            if (item.key, item.text) not in bot.tried:
                bot.tried.add((item.key, item.text))
                return bot.press(k.WEAR, item.key)
    return None


def drop_gold(bot) -> int | None:
    """Leave a vault's gold where its guard wants it."""
    if not bot.asked_for_gold:
        return None
    bot.asked_for_gold = False
    return bot.press(k.DROP, k.GOLD)


def enhance(bot) -> int | None:
    """Take a step in martial arts when NetHack says that one is due."""
    if not bot.can_enhance:
        return None
    bot.can_enhance = False
    bot.wanted = ("martial arts", "a - ")
    return bot.press(k.ENHANCE)


def pick_up(bot) -> int | None:
    """Pick up what is wanted here, or walk to it."""
    view, level = bot.view, bot.level
    wanted = level.wanted & ~level.ignored & ~level.forbidden
    if wanted >> view.here & 1:
        level.ignored |= 1 << view.here
        bot.wanted = bot.useful
        return bot.press(k.PICK_UP)
    treasure = view.planes[g.TREASURE] & ~level.visited & ~level.forbidden
    if bot.view.hp * 2 < bot.view.hp_most:
        return None
    level.errands += 1
    if level.errands > ERRANDS:
        return None
    goals = wanted | treasure
    step = first_step(view.here, goals, level.walk, level.doors, ahead=bot.ahead, limit=40)
    return bot.walk(step[0]) if step else None
