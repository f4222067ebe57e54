"""The section of a study that a verb is about, and its domain."""

from pathlib import Path
from typing import TYPE_CHECKING

from ilscaling.errors import ParamsError

if TYPE_CHECKING:  # their import takes longer than all of `ilscaling --help`
    from ilscaling.agents import Agent
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


def agent(
    snapshot: Path, path: Path, study: list[Path] | None, game: str | None = None
) -> tuple["Agent", "Section"]:
    """A snapshot's policy, and the section that it plays in.

    Parameters
    ----------
    snapshot
        The weights, as `agents.load_policy` takes them.
    path, study
        Parameter file, and overlays of it.
    game
        Which section, if several play the policy's game; None: the first.

    Raises
    ------
    IlscalingError
        For a file that is no snapshot, and a study that has no section for it.
    """
    from ilscaling import agents, params

    files = (path, *(study or []))
    params.read(*files)  # knows the study's extensions, which may define the family
    policy = agents.load_policy(snapshot)
    return policy, agents.section_of(policy, *files, name=game)


def domain(section: "Section") -> "Domain":
    """The domain of a section."""
    from ilscaling import registry

    return registry.get("DOMAIN", section.domain)
