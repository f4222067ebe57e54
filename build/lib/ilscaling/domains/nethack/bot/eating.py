"""Food."""

from nle import nethack as nh

from ilscaling.domains.nethack.bot import glyphs as g
from ilscaling.domains.nethack.bot import keys as k
from ilscaling.domains.nethack.bot.paths import first_step, gap

HUNGRY, FULL = 2, 500
# Meat weighs on a monk's conscience: the last choice.
BEST = ("food ration", "cram", "lembas", "apple", "orange", "pear", "melon", "banana", "carrot",
        "fortune cookie", "candy", "pancake", "lichen", "kelp", "gunyoki", "K-ration", "C-ration",
        "tripe", "egg")  # fmt: skip


FRESH = 20  # turns


def eat_corpse(bot) -> int | None:
    """Eat what was just killed beside the bot, if it is good and the bot not full."""
    view, level = bot.view, bot.level
    if view.hunger == 0 or (view.hunger < HUNGRY and view.turn < bot.last_meal + FULL):
        return None
    if bot.threats(3) or view.load > 1 or bot.wields_pick:
        return None
    meals = 0
    for square, turn in list(level.fresh.items()):
        if view.turn - turn > FRESH:
            del level.fresh[square]
        elif square == view.here:
            del level.fresh[square]
            bot.last_meal = view.turn
            bot.eating_here = True
            return bot.press(k.EAT, k.ESC)
        elif gap(square, view.here) <= 2:
            kind = view.glyph(square) - nh.GLYPH_BODY_OFF
            if kind in g.EDIBLE:
                meals |= 1 << square
    step = first_step(view.here, meals, level.walk, level.doors, limit=4) if meals else None
    return bot.walk(step[0]) if step else None


def eat(bot) -> int | None:
    """Eat from the pack when hungry."""
    view = bot.view
    if view.hunger < HUNGRY or bot.threats(3) or view.turn < bot.next_meal:
        return None
    food = [item for item in view.items if item.kind == nh.FOOD_CLASS]
    for name in BEST:
        for item in food:
            if name in item.text:
                bot.next_meal = view.turn + 3
                bot.last_meal = view.turn
                return bot.press(k.EAT, item.key)
    return None
