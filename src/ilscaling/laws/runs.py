"""The admitted cells of one game as arrays: a row a (run, budget)."""

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from ilscaling.cells import budget_name

# What makes a run, as far as the table tells.
RUN = ("family", "size", "params", "seed", "run")


@dataclass(frozen=True)
class Runs:
    """Rows of one game; arrays of shape (rows,) in the order of budget, N, run.

    budget: declared FLOPs, which groups rows into profiles; N parameters, D samples, C the FLOPs
    fitted on (`flops` says which: realised or nominal); L dev loss and R return, NaN where not
    measured; run: index of the run that the row is a snapshot of; size: the family's dial, NaN if
    unknown; entropy: of the training actions, nats, NaN if unknown.
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
