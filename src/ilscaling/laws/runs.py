"""The admitted cells of one game as arrays: a row a (run, budget)."""

from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd

from ilscaling.laws import episodes
from ilscaling.laws.episodes import Episodes
from ilscaling.laws.regime import Admission

# A game with more rows than this, times its resamples, is slow and fills the memory: its runs are
# taken together down to about so many rows.
MANY, FEW = 10_000, 5_000
# What makes a run, as far as the table tells.
RUN = ("family", "size", "params", "seed", "run")
# Measured columns, and what they are called in a results table.
MEASURED = {
    "L": "dev_loss",
    "R": "return_mean",
    "L_test": "test_loss",
    "R_first": "return_first",
    "R_second": "return_second",
}
# The standard error of the dev loss.
ERROR = "dev_loss_se"


@dataclass(frozen=True)
class Runs:
    """Rows of one game in the order of budget, N, run.

    Parameters
    ----------
    game, flops : str
        The game; which FLOPs are fitted on, realised or nominal.
    budgets : array (budgets,)
        Declared FLOPs of each budget of the game, whether or not it has rows here.
    position : array of int (rows,)
        The row's budget, as an index of `budgets`: what groups rows into profiles.
    N, D, C : arrays (rows,)
        Parameters, samples, and the FLOPs fitted on.
    L, R : arrays (rows,)
        Dev loss and return, NaN where not measured.
    run : array of int (rows,)
        The run that the row is a snapshot of.
    size : array (rows,)
        The family's dial, NaN if unknown.
    entropy : array (rows,)
        Of the training actions, nats, NaN if unknown.
    L_test, R_first, R_second : arrays (rows,), optional
        Test loss, and returns over either half of the episodes; all NaN where not known of every
        row that has a dev loss (a return): then sizes are chosen and judged by one measurement.
    losses, returns : arrays (rows,), optional
        How many runs' losses (returns) the row is the mean of (see `together`); by default one
        where there is one, else none.
    L_se : array (rows,), optional
        Standard error of L, nats; NaN where not known.
    weight : array (rows,), optional
        What a row counts in fits of the loss, the mean being 1 (see weights.weighed); by default
        all rows the same. NaN for a row without a loss.
    isoflop : bool
        Whether `position` groups rows into profiles; see regime.Admission.
    dev, test : Episodes, optional
        The held-out episodes behind L and L_test, where the table tells them apart.
    """

    game: str
    flops: str
    budgets: np.ndarray
    position: np.ndarray
    N: np.ndarray
    D: np.ndarray
    C: np.ndarray
    L: np.ndarray
    R: np.ndarray
    run: np.ndarray
    size: np.ndarray
    entropy: np.ndarray
    L_test: np.ndarray | None = None
    R_first: np.ndarray | None = None
    R_second: np.ndarray | None = None
    losses: np.ndarray | None = None
    returns: np.ndarray | None = None
    L_se: np.ndarray | None = None
    weight: np.ndarray | None = None
    isoflop: bool = True
    dev: Episodes | None = None
    test: Episodes | None = None

    def __post_init__(self):
        names = ("L_test", "R_first", "R_second", "L_se")
        absent = dict.fromkeys(names, np.full(len(self.L), np.nan))
        counts = {"losses": 1.0 * np.isfinite(self.L), "returns": 1.0 * np.isfinite(self.R)}
        counts["weight"] = np.ones(len(self.L))
        for name, values in {**absent, **counts}.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, values)

    @property
    def count(self) -> int:
        """Number of runs."""
        return int(self.run.max(initial=-1)) + 1

    @property
    def budget(self) -> np.ndarray:
        """Declared FLOPs of each row (rows,)."""
        return self.budgets[self.position]

    @property
    def tested(self) -> bool:
        """Whether losses are judged on the test split."""
        return bool(np.isfinite(self.L_test).any())

    @property
    def halved(self) -> bool:
        """Whether returns are judged on episodes that did not choose them."""
        return bool(np.isfinite(self.R_second).any())

    def where(self, rows: np.ndarray) -> "Runs":
        """The rows that a mask (rows,) selects; positions of budgets stay."""
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        part = {
            name: values[rows]
            for name, values in columns.items()
            if isinstance(values, np.ndarray) and name != "budgets"
        }
        part["run"] = np.unique(part["run"], return_inverse=True)[1]
        split = {"dev": self.dev, "test": self.test}
        part |= {name: of.where(rows) for name, of in split.items() if of is not None}
        return replace(self, **part)

    def upto(self, position: int) -> "Runs":
        """The rows of budgets up to and including that at `position`."""
        return self.where(self.position <= position)


def runs_of(admitted: Admission, game: str) -> Runs:
    """Runs of the admitted rows of a game.

    A run is what has the same columns RUN, as far as the table has them. Test losses and halves of
    returns are taken only where every row with a dev loss (a return) has them.

    Parameters
    ----------
    admitted
        The game's rows (see regime.admit).
    game
        Its name.
    """
    rows = admitted.rows
    named = [column for column in RUN if column in rows and rows[column].notna().any()]
    run = rows.groupby(named, dropna=False, sort=True).ngroup() if len(rows) else rows["position"]

    def column(name: str) -> np.ndarray:
        values = rows[name] if name in rows else pd.Series(np.nan, index=rows.index)
        return values.to_numpy(np.float64)

    measured = {name: column(of) for name, of in MEASURED.items()}
    # Losses and returns last: a mean must not depend on the order of rows in its last digits.
    keys = (measured["R"], measured["L"], run, rows["params"], rows["position"])
    order = np.lexsort(keys)
    there = np.isfinite(measured["L"])
    if not (measured["L_test"][there] > 0).all():
        measured["L_test"] = np.full(len(rows), np.nan)
    there = np.isfinite(measured["R"])
    halves = [measured[name] for name in ("R_first", "R_second")]
    if not all(np.isfinite(half[there]).all() for half in halves):
        measured |= dict.fromkeys(("R_first", "R_second"), np.full(len(rows), np.nan))
    return Runs(
        game=game,
        flops=admitted.flops,
        budgets=admitted.budgets,
        isoflop=admitted.isoflop,
        position=rows["position"].to_numpy(np.int64)[order],
        N=column("params")[order],
        D=column("samples")[order],
        C=column("compute")[order],
        run=np.asarray(run, np.int64)[order],
        size=column("size")[order],
        entropy=column("action_entropy")[order],
        L_se=column(ERROR)[order],
        **{name: values[order] for name, values in measured.items()},
        **_held_out(rows, order, tested=bool(np.isfinite(measured["L_test"]).any())),
    )


def _held_out(rows: pd.DataFrame, order: np.ndarray, *, tested: bool) -> dict[str, Episodes]:
    """Those of the splits that count and whose episodes are known."""
    splits = {name: episodes.read(rows, name) for name in ("dev", "test")[: 1 + tested]}
    known = {name: of.where(order) for name, of in splits.items() if of is not None}
    return known if len(known) == len(splits) else {}


def together(runs: Runs) -> Runs:
    """A large game's runs of each size in groups, each group a run: the means of its runs.

    Groups are resampled whole, as runs are. There are at least two of each size that has two runs,
    and more as long as about FEW rows remain; a game of up to MANY rows is left alone.

    Parameters
    ----------
    runs
        Rows of one game.

    Returns
    -------
    Runs
        `runs` itself where nothing is to be averaged; else `losses` and `returns` say how many runs
        each row is the mean of.
    """
    if len(runs.L) <= MANY or not runs.isoflop:
        return runs
    budget, N = (np.unique(v, return_inverse=True)[1] for v in (runs.position, runs.N))
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
        total = np.bincount(to, np.where(known, values, 0.0), len(row))
        with np.errstate(invalid="ignore"):
            return total / np.bincount(to, known, len(row))

    averaged = ("D", "C", "entropy", "L_se", "weight", *MEASURED)
    means = {name: mean(getattr(runs, name)) for name in averaged}
    same = {name: getattr(runs, name)[one] for name in ("position", "N", "size")}
    losses, returns = (np.bincount(to, np.isfinite(v), len(row)) for v in (runs.L, runs.R))
    means |= {"dev": None, "test": None}  # a mean of runs has no episodes of its own
    return replace(runs, run=group[one], losses=losses, returns=returns, **means, **same)
