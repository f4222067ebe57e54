"""Games behind one interface, whatever their domain."""

from importlib import import_module

from ilscaling import registry
from ilscaling.games.base import GameSpec, Step, VectorGame

__all__ = ["GameSpec", "Step", "VectorGame", "make", "name", "of", "played", "spec"]


def _module(domain: str):
    return import_module(registry.get("DOMAIN", domain).module)


def spec(domain: str, game: str, emulator=None) -> GameSpec:
    """Specification of a game, run in that way; raises GameError for an unknown one."""
    return _module(domain).spec(game, emulator)


def played(section: str) -> str:
    """The game that a section of named games plays: 'breakout' of 'breakout__wsd'."""
    return section.partition("__")[0]


def name(section: str, settings) -> str:
    """The game that a section of the study (its name, its parameters) plays."""
    return getattr(settings, "game", None) or played(section)


def of(section: str, settings) -> GameSpec:
    """Specification of the game of a section."""
    return spec(settings.domain, name(section, settings), settings.emulator)


def make(domain: str, game: str, lanes: int, emulator, *, threads: int = 1) -> VectorGame:
    """A vectorised game of `lanes` episodes."""
    return _module(domain).Vector(game, lanes, emulator, threads=threads)
