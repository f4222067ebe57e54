"""NetHack 3.6 by the NetHack Learning Environment (NLE), one key a step."""

from ilscaling.games.nethack.game import ACTIONS, KEYS, Game
from ilscaling.games.nethack.vector import Vector, spec

__all__ = ["ACTIONS", "KEYS", "Game", "Vector", "spec"]
