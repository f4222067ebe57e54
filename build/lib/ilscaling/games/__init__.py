"""Games behind one interface, whatever their domain."""

from ilscaling import registry
from ilscaling.games.base import GameSpec, Step, VectorGame

__all__ = ["GameSpec", "Step", "VectorGame", "make", "name", "of", "spec"]


def spec(domain: str, game: str, emulator=None) -> GameSpec:
    """Specification of a game, run in that way; raises GameError for an unknown one."""
    return registry.get("DOMAIN", domain).spec(game, emulator)


def name(section: str, settings) -> str:
    """The game that a section of the study (its name, its parameters) plays."""
    return registry.get("DOMAIN", settings.domain).game(section, settings)


def of(section: str, settings) -> GameSpec:
    """Specification of the game of a section."""
    return spec(settings.domain, name(section, settings), settings.emulator)


def make(domain: str, game: str, lanes: int, emulator, *, threads: int = 1) -> VectorGame:
    """A vectorised game of `lanes` episodes."""
    return registry.get("DOMAIN", domain).make(game, lanes, emulator, threads=threads)
