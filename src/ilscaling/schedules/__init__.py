"""How the rate runs along a run, and how much of a cell its run's larger budgets go on from.

A schedule is an entry of the registry (see `schedule`); `constant`, `cosine` and `wsd` are ours.
What follows from any of them for a ladder of budgets stands here. Functions take the section
`train` of a study's section as `settings`.
"""

from collections.abc import Sequence
from itertools import pairwise

from ilscaling import registry
from ilscaling.schedules.schedule import Schedule


def of(settings) -> Schedule:
    """The schedule that the settings name.

    Parameters
    ----------
    settings
        The section `train`.

    Raises
    ------
    ExtensionError
        For an unknown one.
    """
    return registry.get("SCHEDULE", settings.schedule, "train.schedule")


def all_read() -> frozenset[str]:
    """Settings of `train` that some schedule reads, and on which no trunk depends."""
    return frozenset().union(
        *(registry.get("SCHEDULE", name).reads for name in registry.names("SCHEDULE"))
    )


def unread(settings) -> frozenset[str]:
    """Those of `all_read` that the schedule of the settings does not read."""
    return all_read() - of(settings).reads


def shared(settings, end: int) -> int:
    """Updates of a cell that larger budgets of its run go on from.

    Parameters
    ----------
    settings
        The section `train`.
    end
        Updates of the cell.

    Returns
    -------
    int
        0 to `end`.
    """
    return of(settings).shared(settings, end)


def factor(settings, update: int, end: int | None) -> float:
    """Adam's rate at an update as a share of the full one.

    The linear rise over `warmup_steps`, times the factor of the schedule.

    Parameters
    ----------
    settings
        The section `train`.
    update
        The first is 1.
    end
        The update at which the rate has fallen; None: on a trunk, where it never falls.
    """
    rise = min(1.0, update / max(1, settings.warmup_steps))
    return rise if end is None else rise * of(settings).factor(settings, update, end)


def own(settings, end: int) -> int:
    """Updates of a cell's own part, the rest of those that are `shared`.

    Parameters
    ----------
    settings
        The section `train`.
    end
        Updates of the cell.
    """
    return end - shared(settings, end)


def added(settings, ends: Sequence[int]) -> list[int]:
    """Updates that each cell of a run adds to those before it.

    Parameters
    ----------
    settings
        The section `train`.
    ends
        Updates of each cell, rising.
    """
    reached = [0, *(shared(settings, end) for end in ends)]
    return [end - before for before, end in zip(reached, ends, strict=False)]


def trunk(settings, ends: Sequence[int]) -> list[int]:
    """Updates at which branches leave a run's trunk, rising, each once and after the start.

    Parameters
    ----------
    settings
        The section `train`.
    ends
        Updates of each cell, rising.
    """
    leaves = [shared(settings, end) for end in ends]
    return [b for a, b in pairwise([0, *leaves]) if b > a]
