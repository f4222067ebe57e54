"""NetHack 3.6 by the NetHack Learning Environment (NLE), one key a step."""

from ilscaling.domains.nethack.game import ACTIONS, KEYS, Game
from ilscaling.domains.nethack.vector import Vector, spec

__all__ = ["ACTIONS", "KEYS", "Game", "Vector", "spec"]
