"""The section of a study that a verb is about, and its domain."""

from pathlib import Path
from typing import TYPE_CHECKING

from ilscaling.errors import ParamsError

if TYPE_CHECKING:  # their import takes longer than all of `ilscaling --help`
    from ilscaling.domains.domain import Domain
    from ilscaling.params import Section


def section(path: Path, game: str) -> "Section":
    """The game's section of a parameter file.

    Parameters
    ----------
    path
        The file.
    game
        Its name there.

    Raises
    ------
    ParamsError
        For one that is not there.
    """
    from ilscaling import params

    study = params.read(path)
    if game not in study.games:
        raise ParamsError(
            f"no game {game!r} in the study",
            where=f"{path}: games",
            fix=f"--game {next(iter(study.games))}",
        )
    return study.games[game]


def domain(section: "Section") -> "Domain":
    """The domain of a section."""
    from ilscaling import registry

    return registry.get("DOMAIN", section.domain)
