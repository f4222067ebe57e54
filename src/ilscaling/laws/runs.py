"""The admitted cells of one game as arrays: a row a (run, budget)."""

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from ilscaling.grid import budget_name

# A game with more rows than this, times its resamples, is slow and fills the memory: its runs are
# taken together down to about so many rows.
MANY, FEW = 10_000, 5_000
# What makes a run, as far as the table tells.
RUN = ("family", "size", "params", "seed", "run")


@dataclass(frozen=True)
class Runs:
    """Rows of one game; arrays of shape (rows,) in the order of budget, N, run.

    budget: declared FLOPs, which groups rows into profiles; N parameters, D samples, C the FLOPs
    fitted on (`flops` says which: realised or nominal); L dev loss and R return, NaN where not
    measured; run: index of the run that the row is a snapshot of; size: the family's dial, NaN if
    unknown; entropy: of the training actions, nats, NaN if unknown; weight: how many runs the row
    is the mean of (see `together`), by default one.
    """

    game: str
    flops: str
    budget: np.ndarray
    N: np.ndarray
    D: np.ndarray
    C: np.ndarray
    L: np.ndarray
    R: np.ndarray
    run: np.ndarray
    size: np.ndarray
    entropy: np.ndarray
    weight: np.ndarray | None = None

    def __post_init__(self):
        if self.weight is None:
            object.__setattr__(self, "weight", np.ones(len(self.L)))

    @property
    def count(self) -> int:
        """Number of runs."""
        return int(self.run.max(initial=-1)) + 1

    def where(self, rows: np.ndarray) -> "Runs":
        """The rows that a mask (rows,) selects."""
        kept = {
            f.name: getattr(self, f.name)[rows]
            for f in fields(self)
            if isinstance(getattr(self, f.name), np.ndarray)
        }
        kept["run"] = np.unique(kept["run"], return_inverse=True)[1]
        return Runs(self.game, self.flops, **kept)

    def upto(self, budget: float) -> "Runs":
        """The rows of budgets up to `budget`."""
        return self.where(self.budget <= budget * (1 + 1e-9))


def runs_of(rows: pd.DataFrame, game: str, flops: str) -> Runs:
    """Runs of the admitted rows of a game (see regime.admit)."""
    # Budgets that agree in the digits of their names are one.
    label = rows["budget"].map(budget_name)
    rows = rows.assign(budget=rows["budget"].groupby(label).transform("min"))
    named = [column for column in RUN if column in rows and rows[column].notna().any()]
    run = rows.groupby(named, dropna=False, sort=True).ngroup() if len(rows) else rows["budget"]
    order = np.lexsort((run, rows["params"], rows["budget"]))

    def column(name: str) -> np.ndarray:
        values = rows[name] if name in rows else pd.Series(np.nan, index=rows.index)
        return values.to_numpy(np.float64)[order]

    return Runs(
        game=game,
        flops=flops,
        budget=column("budget"),
        N=column("params"),
        D=column("samples"),
        C=column("compute"),
        L=column("dev_loss"),
        R=column("return_mean"),
        run=np.asarray(run, np.int64)[order],
        size=column("size"),
        entropy=column("action_entropy"),
    )


def together(runs: Runs) -> Runs:
    """A large game's runs of each size in groups, each group a run: the means of its runs.

    Groups are resampled whole, as runs are. There are at least two of each size that has two runs,
    and more as long as about FEW rows remain; a game of up to MANY rows is left alone.
    """
    if len(runs.L) <= MANY:
        return runs
    budget, N = (np.unique(v, return_inverse=True)[1] for v in (runs.budget, runs.N))
    cells = len(np.unique(budget * (N.max() + 1) + N))
    if cells == len(runs.L):  # nothing to average
        return runs
    groups = max(2, FEW // cells)
    # A run's place among the runs of its size says which group it is in.
    first = np.unique(runs.run, return_index=True)[1]
    size = N[first]
    order = np.argsort(size, kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order)) - np.searchsorted(size[order], size[order])
    group = np.unique(size * groups + place % groups, return_inverse=True)[1][runs.run]
    row, to = np.unique(budget * (group.max() + 1) + group, return_inverse=True)
    one = np.zeros(len(row), np.int64)
    one[to] = np.arange(len(to))

    def mean(values: np.ndarray) -> np.ndarray:
        known = np.isfinite(values)
        total = np.bincount(to, np.where(known, values, 0.0) * runs.weight, len(row))
        with np.errstate(invalid="ignore"):
            return total / np.bincount(to, known * runs.weight, len(row))

    means = {name: mean(getattr(runs, name)) for name in ("D", "C", "L", "R", "entropy")}
    same = {name: getattr(runs, name)[one] for name in ("budget", "N", "size")}
    weight = np.bincount(to, np.isfinite(runs.L) * runs.weight, len(row))
    return Runs(runs.game, runs.flops, run=group[one], weight=weight, **means, **same)
