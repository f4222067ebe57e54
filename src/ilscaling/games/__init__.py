"""Games behind one interface, whatever their domain."""

from ilscaling import registry
from ilscaling.games.base import GameSpec, Step, VectorGame

__all__ = ["GameSpec", "Step", "VectorGame", "make", "name", "of", "spec"]


def spec(domain: str, game: str, emulator=None) -> GameSpec:
    """Specification of a game.

    Parameters
    ----------
    domain
        Name of the entry DOMAIN.
    game
        Name of the game there.
    emulator
        How it is run: the section `emulator`; None: as the domain does by itself.

    Raises
    ------
    GameError
        For an unknown game.
    """
    return registry.get("DOMAIN", domain).spec(game, emulator)


def name(section: str, settings) -> str:
    """The game that a section of the study plays.

    Parameters
    ----------
    section
        Name of the section.
    settings
        Its parameters.
    """
    return registry.get("DOMAIN", settings.domain).game(section, settings)


def of(section: str, settings) -> GameSpec:
    """Specification of the game of a section.

    Parameters
    ----------
    section, settings
        As of `name`.
    """
    return spec(settings.domain, name(section, settings), settings.emulator)


def make(domain: str, game: str, lanes: int, emulator, *, threads: int = 1) -> VectorGame:
    """A vectorised game.

    Parameters
    ----------
    domain, game
        As of `spec`.
    lanes
        Episodes side by side.
    emulator
        How it is run: the section `emulator`.
    threads
        CPU threads that step the lanes; a domain may take one alone.

    Raises
    ------
    GameError
        For a game that cannot be played.
    """
    return registry.get("DOMAIN", domain).make(game, lanes, emulator, threads=threads)
