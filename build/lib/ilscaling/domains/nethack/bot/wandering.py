"""Out of whatever else has failed."""

from ilscaling.domains.nethack.bot import glyphs as g
from ilscaling.domains.nethack.bot import keys as k
from ilscaling.domains.nethack.bot.paths import KEYS, OFFSETS

STILL, PATIENCE, ROUNDS, STEPS = 30, 700, 20, 20


def unstick(bot) -> int | None:
    """Keys have passed without a turn, or turns without anything new: do something else."""
    view = bot.view
    if bot.still > STILL:
        return (k.ESC, k.SEARCH, _any_step(bot))[bot.still % 3]
    circles = bot.rounds[view.here, bot.decided_by] > ROUNDS
    if (circles or view.turn - bot.progress_turn > PATIENCE) and not bot.wandering:
        bot.progress_turn = view.turn
        bot.rounds.clear()
        bot.wandering = STEPS
        level = bot.level
        level.blocked = level.ignored = level.locked = 0
        level.blocks.clear()
        level.failures.clear()
        level.explored = False
        level.desperate += 1
    if bot.wandering and not bot.threats(2):
        bot.wandering -= 1
        return _any_step(bot)
    return None


def wander(bot) -> int:
    """Nothing left to do: a few turns of waiting, then a step anywhere."""
    if any(monster.kind in g.GUARDS for monster in bot.view.monsters):
        return k.SEARCH
    if bot.random.random() < 0.5:
        return bot.press(*k.times(10, k.SEARCH))
    return _any_step(bot)


def _any_step(bot) -> int:
    view, level = bot.view, bot.level
    free = [
        offset
        for offset in OFFSETS
        if view.here + offset >= 0 and level.walk >> (view.here + offset) & 1
    ]
    offset = bot.random.choice(free or list(OFFSETS))
    bot.step = bot.ahead = offset
    return KEYS[offset]
