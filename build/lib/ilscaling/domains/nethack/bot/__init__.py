"""A symbolic NetHack player: a monk that explores, fights, prays, eats, and digs for depth."""

from ilscaling.domains.nethack.bot.bot import Bot
from ilscaling.domains.nethack.bot.view import FIELDS

__all__ = ["FIELDS", "Bot"]
