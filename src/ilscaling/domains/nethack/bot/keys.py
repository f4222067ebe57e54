"""Key codes of the commands that the bot uses."""

from nle.nethack import Command, MiscAction, MiscDirection, TextCharacters

APPLY = int(Command.APPLY)
DOWN = int(MiscDirection.DOWN)
DROP = int(Command.DROP)
EAT = int(Command.EAT)
ENGRAVE = int(Command.ENGRAVE)
ENHANCE = int(Command.ENHANCE)
ENTER = int(MiscAction.MORE)
ESC = int(Command.ESC)
FIGHT = int(Command.FIGHT)
KICK = int(Command.KICK)
GOLD = int(TextCharacters.DOLLAR)
NOTHING = int(TextCharacters.MINUS)
PICK_UP = int(Command.PICKUP)
PRAY = int(Command.PRAY)
QUAFF = int(Command.QUAFF)
READ = int(Command.READ)
SEARCH = int(Command.SEARCH)
SPACE = int(TextCharacters.SPACE)
TRAVEL = int(Command.TRAVEL)
UP = int(MiscDirection.UP)
WEAR = int(Command.WEAR)
WIELD = int(Command.WIELD)
YES, NO = ord("y"), ord("n")


def times(count: int, key: int) -> tuple[int, ...]:
    """Keys for a command, repeated by NetHack itself.

    Parameters
    ----------
    count
        How often.
    key
        Code of the command.

    Returns
    -------
    tuple
        Codes of the digits, then of the command.
    """
    return (*map(ord, str(count)), key)
