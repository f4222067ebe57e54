"""Whatever NetHack asks: questions, menus, texts to type, --More--."""

import re

from ilscaling.domains.nethack.bot import keys as k

# The first that is part of the question counts; any other question gets Escape.
ANSWERS = (
    ("Really attack", k.ESC),
    ("Are you sure you want to pray", k.YES),
    ("Drink from the", k.NO),
    ("Stop eating?", k.YES),
    ("It smells like", k.YES),
    ("Do you want to add to the current engraving", k.NO),
    ("Do you want to remove", k.NO),
    ("Beware, there will be no return", k.NO),
)
_MENU_END = re.compile(r"\(end\)|\(\d+ of \d+\)")
# The guard of a vault leaves whoever says Croesus, and leads out anyone else.
NAME_TO_STAY, NAME_TO_LEAVE = "Croesus\r", "Agent\r"


def answer(bot) -> int | None:
    """The key that a prompt on the screen wants; None: there is no prompt."""
    view = bot.view
    if view.waiting:
        return _menu(bot) if bot.wanted else k.SPACE
    if view.asked:
        return _question(bot)
    if view.typing:
        if bot.queue:
            return bot.queue.popleft()[0]
        if "who are you" in view.message or "your name" in view.message:
            return bot.press(*map(ord, NAME_TO_STAY if bot.pick else NAME_TO_LEAVE))
        return k.ESC
    return None


def _question(bot) -> int:
    text = bot.view.message
    if "eat it?" in text or "eat one?" in text:
        return k.YES if bot.eating_here and "corpse" in text else k.NO
    if "Really attack" in text:
        bot.found_peaceful()
    if "Continue?" in text:
        return k.YES if any(part in text for part in bot.wanted) else k.ESC
    for part, key in ANSWERS:
        if part in text:
            if bot.queue and bot.queue[0][0] == key:
                bot.queue.popleft()
            return key
    if bot.queue:
        return bot.queue.popleft()[0]
    return k.ESC


def _menu(bot) -> int:
    """Choose the lines that contain one of `bot.wanted`; Enter ends a menu, Space a text."""
    view = bot.view
    if not _MENU_END.search("\n".join(view.screen())):
        return k.SPACE
    for letter, text in view.menu():
        if any(part in text for part in bot.wanted):
            return letter
    return k.ENTER
