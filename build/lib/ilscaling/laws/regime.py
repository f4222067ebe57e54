"""Which rows of a results table enter the fits, and why the others do not.

Nothing is dropped, averaged or left unchecked without a line in the notes.
"""

import numpy as np
import pandas as pd

from ilscaling.errors import FitError
from ilscaling.params import Laws
from ilscaling.tables import positions

NUMBERS = ("budget", "params", "samples", "dev_loss")
OPTIONAL = ("flops", "updates", "epochs", "return_mean", "action_entropy")
OPTIONAL += ("test_loss", "return_first", "return_second")
MORE = "; and more"


def admit(
    rows: pd.DataFrame, game: str, settings: Laws
) -> tuple[pd.DataFrame, np.ndarray, str, list[str]]:
    """Apply the row rules to the rows of one game; a row goes by the first rule it breaks.

    Returns
    -------
    rows : DataFrame
        The rows left: numbers as float64, `compute`, the FLOPs fitted on, and `position`, the index
        of the row's budget.
    budgets : array (budgets,)
        FLOPs of the budgets of all rows, those that are left or not.
    flops : str
        Which FLOPs are fitted on: 'realised' or 'nominal'.
    notes : list of str

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
    rows["position"] = positions(rows["budget"])
    budgets = rows[rows["position"] >= 0].groupby("position")["budget"].min().to_numpy()
    rows["compute"] = rows["flops" if kind == "realised" else "budget"]

    twice = rows.duplicated()
    rows = _drop(rows, twice, game, "repeated word for word", notes)
    status = rows.get("status", pd.Series("done", index=rows.index))
    for name in sorted(set(status) - {"done"}):
        because = sorted({str(r) for r in rows.loc[status == name].get("reason", ()) if r})
        why = f"status {name}" + (
            f" ({'; '.join(because[:3])}{MORE * (len(because) > 3)})" if because else ""
        )
        rows = _drop(rows, status.reindex(rows.index) == name, game, why, notes)
    rows = _returns_only(rows, game, notes)
    for column in (*NUMBERS, "compute"):
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
    return rows, budgets, kind, notes


def _returns_only(rows: pd.DataFrame, game: str, notes: list[str]) -> pd.DataFrame:
    """Mark the rows that have a return and no loss, in a cell of which another row has the loss:
    returns of its further runs. Where these have a seed or run of their own, the return beside the
    loss, which has none, is not one more of them."""
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
    seeded = (rows["returns_only"] & named).groupby(cell).transform("any")
    beside = seeded & there & ~named & rows["return_mean"].notna()
    if beside.any():
        notes.append(
            f"returns of {_rows(int(beside.sum()))} of {game} without a seed not averaged in: "
            "their cells have returns by seed"
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
