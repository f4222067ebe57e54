"""Results tables of ours: written, summed up, and what of them was measured."""

from pathlib import Path

import pandas as pd

from ilscaling.files import atomic
from ilscaling.tables.columns import COLUMNS


def write_table(path: str | Path, rows: list[dict]) -> None:
    """Write rows as CSV in the schema's column order, sorted by game, family, size, seed, budget.

    Parameters
    ----------
    path
        The file.
    rows
        A cell each, by columns of COLUMNS; others are dropped, missing ones empty.
    """
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table = table.sort_values(["game", "family", "size", "seed", "budget"], kind="stable")
    with atomic(path) as temporary:
        # 10 digits: more than any measurement here carries, and the same text on every machine.
        table.to_csv(temporary, index=False, float_format="%.10g")


def spent(rows: pd.DataFrame) -> tuple[float, float]:
    """Training FLOPs of a game's grid, and of its cells as separate runs.

    Parameters
    ----------
    rows
        The game's rows of a results table; cells that were left out do not count. Without the
        column `added` a run is counted once, at its largest budget.

    Returns
    -------
    grid, separate : float
        FLOPs.
    """
    status = rows["status"] if "status" in rows else pd.Series("done", index=rows.index)
    rows = rows[status != "left out"]
    each = rows["flops"].fillna(rows["budget"]) if "flops" in rows else rows["budget"]
    each = each.astype("float64")
    if "added" in rows and rows["added"].notna().all():
        return float(rows["added"].sum()), float(each.sum())
    size = "size" if "size" in rows else "params"
    run = [rows[column] for column in ("family", size, "seed", "run") if column in rows]
    return float(each.groupby(run, dropna=False).max().sum()), float(each.sum())


def halves(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series] | None:
    """Returns by which to choose a policy and returns to report of it.

    The best of noisy returns is too high; that of other episodes of the same policy is not.

    Parameters
    ----------
    rows
        Rows of a results table.

    Returns
    -------
    (first, second) or None
        Mean returns over either half of the episodes (rows,), if every row that has a return has
        both.
    """
    if not {"return_mean", "return_first", "return_second"} <= set(rows):
        return None
    parts = ("return_mean", "return_first", "return_second")
    mean, *pair = (pd.to_numeric(rows[name], errors="coerce") for name in parts)
    known = mean.notna()
    both = pair[0].notna() & pair[1].notna()
    return tuple(pair) if known.any() and both[known].all() else None


def measured(realised: pd.DataFrame) -> pd.DataFrame:
    """Rows of a results table that were measured, with numbers as such.

    Parameters
    ----------
    realised
        A results table, with texts in place of numbers if need be.

    Returns
    -------
    DataFrame
        The rows that are done (without a column `status`, those with a dev loss), numbered anew.
        Where `flops` is missing it is the budget.
    """
    if realised.empty:
        return pd.DataFrame(columns=["game", "budget", "flops"])
    numbers = [name for name, (dtype, _) in COLUMNS.items() if dtype == "float64"]
    rows = realised.copy()
    for name in (*numbers, "params"):
        if name in rows:
            rows[name] = pd.to_numeric(rows[name], errors="coerce").astype("float64")
    rows["flops"] = rows["flops"].fillna(rows["budget"]) if "flops" in rows else rows["budget"]
    done = rows["status"] == "done" if "status" in rows else rows["dev_loss"].notna()
    return rows[done].reset_index(drop=True)
