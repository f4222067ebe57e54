"""Games behind one interface; a new one is a module here and an entry in `DOMAINS`."""

from importlib import import_module

from ilscaling.games.base import GameSpec, Step, VectorGame

__all__ = ["DOMAINS", "GameSpec", "Step", "VectorGame", "make", "spec"]

# domain -> module with `spec(game)` and `Vector(game, lanes, emulator, threads=)`. Named, not
# imported: a study of one domain needs neither the packages nor the keys of another.
DOMAINS = {"atari": "ilscaling.games.atari", "nethack": "ilscaling.games.nethack"}


def spec(domain: str, game: str) -> GameSpec:
    """Specification of a game; raises GameError for an unknown one."""
    return import_module(DOMAINS[domain]).spec(game)


def make(domain: str, game: str, lanes: int, emulator, *, threads: int = 1) -> VectorGame:
    """A vectorised game of `lanes` episodes."""
    return import_module(DOMAINS[domain]).Vector(game, lanes, emulator, threads=threads)
