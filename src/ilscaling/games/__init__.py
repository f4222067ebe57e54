"""Games behind one interface; a new one is a module here and an entry in `DOMAINS`."""

from ilscaling.games import atari
from ilscaling.games.base import GameSpec, Step, VectorGame

__all__ = ["DOMAINS", "GameSpec", "Step", "VectorGame", "make", "spec"]

# domain -> (specification, vectorised environment)
DOMAINS = {"atari": (atari.spec, atari.AtariVector)}


def spec(domain: str, game: str) -> GameSpec:
    """Specification of a game; raises GameError for an unknown one."""
    return DOMAINS[domain][0](game)


def make(domain: str, game: str, lanes: int, options, *, threads: int = 1) -> VectorGame:
    """A vectorised game of `lanes` episodes."""
    return DOMAINS[domain][1](game, lanes, options, threads=threads)
