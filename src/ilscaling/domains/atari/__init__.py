"""Atari games by the Arcade Learning Environment."""

from ilscaling.domains.atari.section import Atari
from ilscaling.domains.domain import Domain

DOMAIN = Domain("atari", Atari, shows="screen", module="ilscaling.domains.atari.game")
