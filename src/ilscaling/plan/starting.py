"""A first study whose plan takes as long as somebody has: sizes stay, budgets and data scale."""

from collections.abc import Callable

from ilscaling import grid
from ilscaling.errors import ParamsError
from ilscaling.params import Params
from ilscaling.plan import schedule
from ilscaling.plan.speed import Speed

SCALES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # where the search begins: the first possible one
MOST, STEPS = 1e4, 30


def scale(make: Callable[[float], Params], seconds: float, cores: int, speed: Speed) -> float:
    """The scale at which a study takes at most so long on so many cores, by the plan.

    Parameters
    ----------
    make
        Scale -> the study; what it takes rises with the scale.
    seconds
        Of the clock.
    cores
        Jobs at once.
    speed
        Of this machine.

    Raises
    ------
    ParamsError
        If the smallest study takes longer.
    """
    low, high = smallest(make), MOST
    if (least := takes(make(low), cores, speed)) > seconds:
        raise ParamsError(
            f"the smallest study takes about {least / 60:.0f} minutes here",
            where="--minutes",
            fix=f"--minutes {least / 60 + 1:.0f}",
        )
    for _ in range(STEPS):
        middle = float(f"{(low * high) ** 0.5:.2g}")
        if middle in (low, high):
            break
        if _fits(make, middle, seconds, cores, speed):
            low = middle
        else:
            high = middle
    return low


def smallest(make: Callable[[float], Params]) -> float:
    """The smallest of SCALES at which there is a study at all."""
    for number in SCALES[:-1]:
        try:
            make(number)
        except ParamsError:
            continue
        return number
    return SCALES[-1]


def _fits(make, number: float, seconds: float, cores: int, speed: Speed) -> bool:
    try:
        return takes(make(number), cores, speed) <= seconds
    except ParamsError:
        return False  # budgets beyond what the data bear


def takes(study: Params, cores: int, speed: Speed) -> float:
    """Seconds of the clock that a study takes by the plan.

    Parameters
    ----------
    study
        Its parameters.
    cores
        Jobs at once.
    speed
        Of this machine.
    """
    planned = grid.cells(study)
    return schedule.makespan(schedule.jobs(study, planned, speed), cores).seconds
