"""Whom to hit, whom to leave alone."""

from ilscaling.domains.nethack.bot import glyphs as g
from ilscaling.domains.nethack.bot import keys as k
from ilscaling.domains.nethack.bot.paths import KEYS, OFFSETS, first_step, gap, spread


def attack(bot) -> int | None:
    """Hit an enemy beside the bot, the one last hit first."""
    view = bot.view
    near = [enemy for enemy in bot.enemies if enemy.distance == 1]
    if not near or bot.escapes:
        return None
    if bot.wields_pick:
        return bot.press(k.WIELD, k.NOTHING)
    enemy = min(near, key=lambda near: (near.kind == -1, near.square != bot.target, near.square))
    bot.target = enemy.square
    key = KEYS[enemy.square - view.here]
    if enemy.kind == -1 or view.planes[g.BOULDER] >> enemy.square & 1:
        return bot.press(k.FIGHT, key)
    return key


def hale(bot) -> bool:
    return bot.view.hp >= 25 and bot.view.hp * 5 >= bot.view.hp_most * 4


def avoid(bot) -> int | None:
    """Step away from what bursts."""
    view, level = bot.view, bot.level
    near = [m for m in view.monsters if m.kind in g.BURSTING and m.distance <= 2]
    if not near or near[0] in bot.enemies:
        return None
    if level.down >> view.here & 1:
        return bot.press(k.DOWN)
    best, far = None, near[0].distance
    for offset in OFFSETS:
        square = view.here + offset
        if square >= 0 and spread(1 << view.here, level.walk, level.doors) >> square & 1:
            distance = min(gap(square, monster.square) for monster in near)
            if distance > far:
                best, far = offset, distance
    return bot.walk(best) if best else None


def clear(bot) -> int | None:
    """Hit what stands in the only way, hale and with no other enemy about."""
    view, level = bot.view, bot.level
    if not level.posts or bot.threats(8):
        return None
    if not hale(bot) and view.hp < view.hp_most:
        bot.rest_until = 0.9
        return bot.press(*k.times(20, k.SEARCH))
    if not hale(bot):
        return None
    posts = sum(
        1 << square
        for square, kind in level.posts.items()
        if kind not in g.PARALYSING or level.searches > 60
    )
    step = first_step(view.here, posts, level.walk, level.doors)
    if step is None:
        return None
    bot.clearing = True
    return bot.press(k.FIGHT, KEYS[step[0]]) if step[1] == 1 else bot.walk(step[0])


def approach(bot) -> int | None:
    """Walk up to an enemy in sight; give up on one that keeps away."""
    view = bot.view
    if view.hp * 2 < view.hp_most or view.turn < bot.no_chase or bot.escapes:
        return None
    targets = 0
    for enemy in bot.enemies:
        if enemy.distance <= 8 and enemy.kind not in g.ELUSIVE and enemy.kind != -1:
            targets |= 1 << enemy.square
    if not targets:
        bot.chased = 0
        return None
    bot.chased += 1
    if bot.chased > 25:
        bot.chased, bot.no_chase = 0, view.turn + 20
        return None
    level = bot.level
    step = first_step(view.here, targets, level.walk, level.doors, ahead=bot.ahead, limit=10)
    return bot.walk(step[0]) if step else None
