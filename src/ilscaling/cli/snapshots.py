"""The policy of a snapshot, for the verbs that play it.

Apart from `sections`, which jobs import: what that imports is in the keys of all that they make.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from ilscaling import files
from ilscaling.errors import DamagedFile, TrainingError

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

    _refuse_other(snapshot)
    files = (path, *(study or []))
    params.read(*files)  # knows the study's extensions, which may define the family
    policy = agents.load_policy(snapshot)
    return policy, agents.section_of(policy, *files, name=game)


def _refuse_other(snapshot: Path) -> None:
    """Raise TrainingError if the record beside the weights is somebody's own: nobody is told to
    remove that."""
    record = snapshot.with_suffix(".json")
    if not record.exists():
        return  # said by who loads it
    try:
        ours = str(files.read_json(record).get("format")).startswith("ilscaling-")
    except (OSError, DamagedFile):
        ours = False
    if not ours:
        raise TrainingError(
            "no snapshot of ours: the record beside it is missing or another's",
            where=str(record),
            fix="ilscaling play --list",
        )
