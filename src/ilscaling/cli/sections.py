"""The section of a study that a verb is about."""

from pathlib import Path

from ilscaling import params
from ilscaling.errors import ParamsError


def section(path: Path, game: str, *kinds: type[params.Model]) -> params.Section:
    """The game's section of a parameter file; raises ParamsError if it is of another kind."""
    study = params.read(path)
    if game not in study.games:
        raise ParamsError(
            f"no game {game!r} in the study",
            where=f"{path}: games",
            fix=f"--game {next(iter(study.games))}",
        )
    found = study.games[game]
    if kinds and not isinstance(found, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        fitting = [name for name, other in study.games.items() if isinstance(other, kinds)]
        raise ParamsError(
            f"this step is for games of {wanted}, {game!r} is of {type(found).__name__}",
            where=f"{path}: games.{game}.domain",
            fix=f"--game {fitting[0]}" if fitting else f"add a game of {wanted}",
        )
    return found
