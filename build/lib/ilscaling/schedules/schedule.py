"""What a schedule of the rate is: the entry SCHEDULE."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar


class Schedule(ABC):
    """How the rate runs after the warm-up, and how much of a cell its run's larger budgets share.

    A cell consists of a shared part, which it has in common with the larger budgets of its run (the
    trunk), and a part of its own (the branch), in which the rate falls. What a schedule says is a
    function of the arguments: a run that is resumed asks again.

    Attributes
    ----------
    name
        How the parameters call it: `train.schedule`.
    reads
        Settings of `train` that it reads beside `warmup_steps`: of the branches alone, so that
        trunks outlive a change of one.
    branches
        Whether the rate falls, so that each cell ends on a branch of its own; otherwise a run is
        measured at every budget on its way.
    """

    CALLED: ClassVar = ("shared", "factor", "words")

    name: str
    reads: frozenset[str] = frozenset()
    branches: bool = True

    @abstractmethod
    def shared(self, settings: Any, end: int) -> int:
        """Updates that larger budgets of the run go on from.

        Parameters
        ----------
        settings
            The section `train`.
        end
            Updates of the cell, from 0 on.

        Returns
        -------
        int
            0 to `end`, and no less for a larger `end`; less than `end` where the rate falls.
        """

    @abstractmethod
    def factor(self, settings: Any, update: int, end: int) -> float:
        """The rate at an update of a cell's own part, as a share of the full one.

        Parameters
        ----------
        settings
            The section `train`.
        update
            From 1 to `end`. The rise of the warm-up is multiplied in by others; up to
            `shared(settings, end)` the factor is 1.
        end
            Updates of the cell.
        """

    def words(self, settings: dict, number: Callable[[float], str]) -> str:
        """How the rate falls, for the report; empty if it does not.

        Parameters
        ----------
        settings
            The section `train` as a mapping.
        number
            Writes a number.
        """
        return ""
