"""The grid of a study: its runs, and how a budget is written.

A run is one pass of (game, family, size, seed) over the training data; a cell is a run at one
FLOP budget.
"""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Run:
    """One training run."""

    game: str
    family: str
    size: int
    seed: int

    @property
    def name(self) -> str:
        return f"{self.family}-{self.size}-s{self.seed}"


def budget_name(budget: float) -> str:
    """A budget in FLOPs as it stands in file names: '1e+12', '3.16e+11'."""
    return f"{budget:.6g}"
