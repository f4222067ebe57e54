"""Keys are computed once, and may be written down for the jobs of a cluster to read."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ilscaling import plan
from ilscaling.grid import Run
from ilscaling.params import Params, Section


@dataclass(frozen=True, eq=False)
class Memory:
    """The study, its runs, and what is known of its keys.

    Parameters
    ----------
    params
        The study.
    root
        The project's folder.
    """

    params: Params
    root: Path = field(default_factory=Path)

    @cached_property
    def cells(self) -> list[plan.Cell]:
        return plan.cells(self.params)

    @cached_property
    def runs(self) -> dict[Run, list[plan.Cell]]:
        return plan.by_run(self.cells)

    def section(self, game: str) -> Section:
        return self.params.games[game]

    @cached_property
    def _known(self) -> dict[tuple, object]:
        return {}

    def _once(self, name: tuple, make):
        if name not in self._known:
            self._known[name] = make()
        return self._known[name]

    def frozen(self) -> list[list]:
        """What is known of the keys, for `thaw`: [step, game or run, key] of each."""
        return [
            [step, list(vars(of).values()) if isinstance(of, Run) else of, key]
            for (step, of), key in self._known.items()
            if isinstance(key, str)
        ]

    def thaw(self, frozen: list[list]) -> None:
        """Take keys as they were `frozen` instead of computing them: a job of a cluster belongs
        to the pipeline that submitted it, whatever was edited since."""
        for step, of, key in frozen:
            self._known[step, Run(*of) if isinstance(of, list) else of] = key
