"""Staying alive: prayer, potions, rest."""

from nle import nethack as nh

from ilscaling.domains.nethack.bot import glyphs as g
from ilscaling.domains.nethack.bot import keys as k

# Turns. The gods' patience at the start is 300, and in major trouble 200 are forgiven; after a
# prayer it is seldom above 1,000, and below 700 three times in four.
FIRST_PRAYER, NEXT_PRAYER, LAST_RESORT = 110, 1000, 500
SHELTER, WRITES = 0.25, 4  # share of full health; tries a square
# Shares of full health: rest below the one until the other.
REST, REST_DEEP, RESTED = 0.5, 0.65, 0.8
DESPERATE = 6  # below one in so many, any potion may be the one
WEAK = 3


def pray(bot) -> int | None:
    """Pray when about to die or weak from hunger, if the gods may have calmed down."""
    view = bot.view
    low = view.hp < 6 or view.hp * 7 <= view.hp_most
    if not (low or view.hunger >= WEAK or view.dying):
        return None
    if view.turn < bot.next_prayer:
        return None
    bot.next_prayer = view.turn + NEXT_PRAYER
    return bot.press(k.PRAY, k.YES)


def pray_anyway(bot) -> int | None:
    """Pray earlier than is wise when nothing else is left."""
    view = bot.view
    if (view.hp * 7 > view.hp_most and view.hp > 5) or not bot.threats(1):
        return None
    if view.turn < bot.next_prayer - LAST_RESORT or view.turn < FIRST_PRAYER:
        return None
    bot.next_prayer = view.turn + NEXT_PRAYER
    return bot.press(k.PRAY, k.YES)


def quaff(bot) -> int | None:
    """Drink potions of healing when low beside an enemy; any potion when nothing else is left."""
    view = bot.view
    if view.hp * 3 > view.hp_most or not bot.threats(2):
        return None
    potions = [item for item in view.items if item.kind == nh.POTION_CLASS]
    healing = [item for item in potions if "healing" in item.text]
    if healing:
        return bot.press(k.QUAFF, healing[0].key)
    if view.hp * DESPERATE < view.hp_most:
        unknown = [
            item
            for item in potions
            if item.text.endswith(("potion", "potions"))
            or (" potion" in item.text and " of " not in item.text)
        ]
        if unknown:
            return bot.press(k.QUAFF, unknown[0].key)
    return None


def shelter(bot) -> int | None:
    """Write Elbereth when low beside an enemy, and rest on it.

    Most monsters will not attack in melee whoever stands on the word; each one that it scares may
    smudge it, so being hurt means to write again.
    """
    view = bot.view
    share = view.hp / view.hp_most
    if share >= (RESTED if bot.sheltered else SHELTER) or view.hunger >= WEAK:
        bot.sheltered = False
        return None
    if not (bot.sheltered or bot.threats(3)):
        return None
    if bot.word == view.here and not bot.hurt:
        bot.sheltered = True
        return bot.press(*k.times(20, k.SEARCH))
    bot.sheltered = False
    return write(bot)


def write(bot) -> int | None:
    """Elbereth in the dust, unless it is useless or was in vain."""
    view, level = bot.view, bot.level
    if any(enemy.distance <= 2 and enemy.kind in g.FEARLESS for enemy in bot.enemies):
        return None
    bit = 1 << view.here
    if view.blind or view.floating or (level.down | level.up | level.doors | bot.undiggable) & bit:
        return None
    if bot.word != view.here:
        bot.word, bot.written = view.here, 0
    bot.written += 1
    if bot.written > WRITES:
        return None
    return bot.press(k.ENGRAVE, k.NOTHING, *map(ord, "Elbereth"), k.ENTER)


def rest(bot) -> int | None:
    """Wait until wounds heal, while nobody is in sight."""
    view = bot.view
    if view.hp >= view.hp_most * bot.rest_until:
        bot.rest_until = REST_DEEP if bot.escapes else REST
        return None
    if bot.threats(12) or view.hunger >= WEAK:
        return None
    bot.rest_until = RESTED
    if bot.escapes and bot.word != view.here:
        key = write(bot)
        if key is not None:
            return key
    return bot.press(*k.times(20, k.SEARCH))
