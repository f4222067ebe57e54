"""A symbolic NetHack player: a monk that explores, fights, prays, eats, and digs for depth."""

from ilscaling.experts.bot.bot import Bot
from ilscaling.experts.bot.view import FIELDS

__all__ = ["FIELDS", "Bot"]
