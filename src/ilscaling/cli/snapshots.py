"""The policy of a snapshot, for the verbs that play it.

Apart from `sections`, which jobs import: what that imports is in the keys of all that they make.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # their import takes longer than all of `ilscaling --help`
    from ilscaling.agents import Agent
    from ilscaling.params import Section


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
