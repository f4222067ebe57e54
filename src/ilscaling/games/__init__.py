"""Games behind one interface; a new one is a module here and an entry in `DOMAINS`."""

from importlib import import_module

from ilscaling.games.base import GameSpec, Step, VectorGame

__all__ = ["DOMAINS", "GameSpec", "Step", "VectorGame", "make", "name", "of", "played", "spec"]

# domain -> module with `spec(game, emulator)` and `Vector(game, lanes, emulator, threads=)`. Named,
# not imported: a study of one domain needs neither the packages nor the keys of another.
DOMAINS = {
    "atari": "ilscaling.domains.atari.game",
    "nethack": "ilscaling.domains.nethack",
    "gymnasium": "ilscaling.domains.gymnasium.game",
}


def spec(domain: str, game: str, emulator=None) -> GameSpec:
    """Specification of a game, run in that way; raises GameError for an unknown one."""
    return import_module(DOMAINS[domain]).spec(game, emulator)


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
    return import_module(DOMAINS[domain]).Vector(game, lanes, emulator, threads=threads)
