"""Which rows of a results table enter the fits, and why the others do not.

Nothing is dropped, averaged or left unchecked without a line in the notes.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ilscaling.errors import FitError
from ilscaling.params import Laws
from ilscaling.tables import positions

NUMBERS = ("budget", "params", "samples", "dev_loss")
OPTIONAL = ("flops", "updates", "epochs", "return_mean", "action_entropy")
OPTIONAL += ("test_loss", "return_first", "return_second", "dev_loss_se")
MORE = "; and more"
# A table that is not isoFLOP is cut into at most so many parts by compute, of so many rows each.
PARTS, PART = 10, 6


@dataclass(frozen=True)
class Admission:
    """The rows of a game that enter the fits.

    Parameters
    ----------
    rows : DataFrame
        Numbers as float64, `compute`, the FLOPs fitted on, and `position`, the index of the row's
        budget.
    budgets : array (budgets,)
        FLOPs of the budgets of all rows, those that are left or not.
    flops : str
        Which FLOPs are fitted on: 'realised' or 'nominal'.
    isoflop : bool
        Whether sizes are compared at budgets. If not, a position is a part of the rows by quantiles
        of compute, and `budgets` are the largest FLOPs of the parts.
    notes : list of str
    """

    rows: pd.DataFrame
    budgets: np.ndarray
    flops: str
    isoflop: bool
    notes: list[str]


def admit(rows: pd.DataFrame, game: str, settings: Laws) -> Admission:
    """Apply the row rules to the rows of one game; a row goes by the first rule it breaks.

    Parameters
    ----------
    rows
        The game's rows of a results table.
    game
        Its name in the notes.
    settings
        Of which `flops`, `min_updates` and `max_epochs` count here.

    Raises
    ------
    FitError
        If the rows hold several policy families, whose sizes do not compare.
    """
    families = sorted(set(rows["family"]) - {""}) if "family" in rows else []
    if len(families) > 1:
        raise FitError(
            f"{game} holds the families {', '.join(families)}, whose sizes do not compare",
            fix="fit each family from a table of its own",
        )
    notes: list[str] = []
    rows = _numbers(rows)
    kind = settings.flops
    if kind == "realised" and rows["flops"].isna().all() and len(rows):
        kind = "nominal"
        notes.append(f"{game} has no realised FLOPs: fitted on nominal budgets")
    if kind == "nominal" and rows["budget"].isna().all() and len(rows):
        kind = "realised"
        notes.append(f"{game} has no budgets: fitted on realised FLOPs")
    rows["position"] = positions(rows["budget"])
    budgets = rows[rows["position"] >= 0].groupby("position")["budget"].min().to_numpy()
    rows["compute"] = rows["flops" if kind == "realised" else "budget"]

    try:
        twice = rows.duplicated()
    except TypeError:  # columns of others may hold lists
        twice = rows.astype(str).duplicated()
    rows = _drop(rows, twice, game, "repeated word for word", notes)
    status = rows.get("status", pd.Series("done", index=rows.index))
    for name in sorted(set(status) - {"done"}):
        because = sorted({str(r) for r in rows.loc[status == name].get("reason", ()) if r})
        why = f"status {name}" + (
            f" ({'; '.join(because[:3])}{MORE * (len(because) > 3)})" if because else ""
        )
        rows = _drop(rows, status.reindex(rows.index) == name, game, why, notes)
    rows = _returns_only(rows, game, notes)
    numbers = NUMBERS if len(budgets) else NUMBERS[1:]
    for column in (*numbers, "compute"):
        bad = ~(np.isfinite(rows[column]) & (rows[column] > 0))
        if column == "dev_loss":
            bad &= ~rows["returns_only"]
        rows = _drop(rows, bad, game, f"{column} missing or not positive", notes)
    updates, epochs = settings.min_updates, settings.max_epochs
    for column, broken, text in (
        ("updates", rows["updates"] < updates, f"fewer than {updates} updates"),
        ("epochs", rows["epochs"] > epochs, f"data seen more than {epochs:g} times"),
    ):
        unknown = int(rows[column].isna().sum())
        if unknown:
            notes.append(f"kept {_rows(unknown)} of {game} unchecked for '{text}': no {column}")
        rows = _drop(rows, broken.reindex(rows.index), game, text, notes)
    if "seed" in rows:
        seeded = rows[rows["seed"].notna()]
        again = int(seeded.duplicated(["position", "params", "seed"]).sum())
        if again:
            notes.append(f"{_rows(again)} of {game} repeat a seed: taken as further runs")
    isoflop = _isoflop(rows)
    if not isoflop:
        rows, budgets = _by_compute(rows)
        notes.append(
            f"{game} does not compare sizes at equal budgets: surfaces alone are fitted, and tested"
            " on the rows of more compute"
        )
    return Admission(rows, budgets, kind, isoflop, notes)


def _isoflop(rows: pd.DataFrame) -> bool:
    """Whether at least half of the rows stand beside another size at their budget; so it is where
    there is one budget, one size, or nothing to judge by."""
    known = (rows["position"] >= 0).all()
    if known and (rows["position"].nunique() < 2 or rows["params"].nunique() < 2):
        return True
    sizes = rows.groupby("position")["params"].transform("nunique")
    return bool(((sizes > 1) & (rows["position"] >= 0)).mean() >= 0.5)


def _by_compute(rows: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows in parts of about equal numbers by rising compute; equal compute is not parted."""
    parts = int(np.clip(len(rows) // PART, 1, PARTS))
    ends = np.quantile(rows["compute"], np.arange(1, parts) / parts)
    part = np.unique(np.searchsorted(ends, rows["compute"], side="left"), return_inverse=True)[1]
    rows = rows.assign(position=part)
    return rows, rows.groupby("position")["compute"].max().to_numpy()


def _returns_only(rows: pd.DataFrame, game: str, notes: list[str]) -> pd.DataFrame:
    """Mark the rows that have a return and no loss, in a cell of which another row has the loss:
    returns of its further runs. The return beside the loss is one more run's, unless it is the mean
    of theirs."""
    cell = [rows["position"], rows["params"]]
    there = np.isfinite(rows["dev_loss"]) & (rows["dev_loss"] > 0)
    lost = rows["dev_loss"].isna() & rows["return_mean"].notna()
    # Not so for a run whose loss is missing: its cell has no other row.
    rows = rows.assign(returns_only=lost & there.groupby(cell).transform("any"))
    if not rows["returns_only"].any():
        return rows
    count = int(rows["returns_only"].sum())
    notes.append(f"{_rows(count)} of {game} with a return and no loss: returns of further runs")
    named = pd.Series(False, index=rows.index)
    for column in ("seed", "run"):
        if column in rows:
            named |= rows[column].notna()
    further = rows["return_mean"].where(rows["returns_only"] & named)
    mean = further.groupby(cell).transform("mean")
    beside = there & ~named & rows["return_mean"].notna() & mean.notna()
    # A mean of these runs stands there, not one more of them: then it is that in most cells.
    same = np.isclose(rows["return_mean"], mean, rtol=1e-4, atol=1e-9)
    if beside.any() and same[beside].mean() > 0.5:
        notes.append(
            f"returns of {_rows(int(beside.sum()))} of {game} without a seed not averaged in: "
            "they are the means of the returns by seed"
        )
        rows.loc[beside, ["return_mean", "return_first", "return_second"]] = np.nan
    return rows


def _numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """Number columns as float64 (products overflow int64 at 1e19); absent ones all missing."""
    rows = rows.reset_index(drop=True)
    for column in (*NUMBERS, *OPTIONAL):
        values = rows[column] if column in rows else pd.Series(np.nan, index=rows.index)
        rows[column] = pd.to_numeric(values, errors="coerce").astype("float64")
    return rows


def _drop(rows, broken, game: str, why: str, notes: list[str]) -> pd.DataFrame:
    count = int(broken.sum())
    if count:
        notes.append(f"dropped {_rows(count)} of {game}: {why}")
    return rows[~broken]


def _rows(count: int) -> str:
    return f"{count} row" + ("s" if count > 1 else "")
