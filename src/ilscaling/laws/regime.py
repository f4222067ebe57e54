"""Which rows of a results table enter the fits, and why the others do not.

Nothing is dropped, averaged or left unchecked without a line in the notes.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ilscaling.errors import FitError
from ilscaling.grid import budget_name
from ilscaling.laws.optima import Profile
from ilscaling.params import Laws

NUMBERS = ("budget", "params", "samples", "dev_loss")
OPTIONAL = ("flops", "updates", "epochs", "return_mean", "action_entropy")
MORE = "; and more"


def admit(rows: pd.DataFrame, game: str, settings: Laws) -> tuple[pd.DataFrame, str, list[str]]:
    """Apply the row rules to the rows of one game.

    Returns the rows left (numbers as float64, with `compute`, the FLOPs fitted on), which FLOPs
    these are ('realised' or 'nominal'), and the notes. A row goes by the first rule it breaks.
    Raises FitError if the rows hold several policy families, whose sizes do not compare.
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
    return rows, kind, notes


def _returns_only(rows: pd.DataFrame, game: str, notes: list[str]) -> pd.DataFrame:
    """Mark the rows that have a return and no loss, in a cell of which another row has the loss:
    returns of its further runs. Where these have a seed or run of their own, the return beside the
    loss, which has none, is not one more of them."""
    cell = [rows["budget"], rows["params"]]
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
        rows.loc[beside, "return_mean"] = np.nan
    return rows


def average(rows: pd.DataFrame, game: str) -> tuple[pd.DataFrame, list[str]]:
    """Cells of one game: the arithmetic mean over the runs (seeds) of each size and budget.

    Rows of one budget and parameter count are runs of one cell. `runs` counts them and `returns`
    those with a measured return, so that a cell that lacks one is flagged where it is used.
    """
    rows = rows.assign(label=rows["budget"].map(budget_name))
    # Sorted first: a mean must not depend on the order of the table's rows in its last digits.
    rows = rows.sort_values(["label", "params", "dev_loss", "return_mean", "samples", "compute"])
    groups = rows.groupby(["label", "params"], sort=True)
    names = {"compute": "flops", "samples": "samples", "dev_loss": "dev_loss"}
    names |= {"return_mean": "return_mean", "action_entropy": "action_entropy"}
    means = groups[list(names)].mean().rename(columns=names)
    means["budget"] = groups["budget"].min()
    means["size"] = groups["size"].first() if "size" in rows else np.nan
    measured = rows[~rows["returns_only"]].groupby(["label", "params"], sort=True)
    means["runs"] = measured.size()
    means["returns"] = groups["return_mean"].count()
    cells = means.reset_index().sort_values(["budget", "params"], ignore_index=True)
    cells.insert(0, "game", game)
    columns = ["game", "budget", "size", "params", "samples", "flops", "dev_loss", "return_mean"]
    cells = cells[[*columns, "action_entropy", "runs", "returns"]]
    notes = []
    again = "seed" in rows and rows[rows["seed"].notna()].duplicated(["label", "params", "seed"])
    if np.any(again):
        notes.append(f"{_rows(int(again.sum()))} of {game} repeat a seed: taken as further runs")
    lost = int((cells["return_mean"] <= 0).sum())
    if lost:
        notes.append(
            f"returns of {lost} of {len(cells)} cells of {game} are not positive: without a"
            " logarithm they enter no law and no parabola"
        )
    several = int((cells["runs"] > 1).sum())
    if several:
        most = int(cells["runs"].max())
        notes.append(f"averaged {several} of {len(cells)} cells of {game} over up to {most} runs")
    return cells, notes


def profiles(cells: pd.DataFrame, settings: Laws) -> Iterator[Profile]:
    """The isoFLOP profile of each budget of one game, with the reason if it is no use."""
    most = cells["runs"].max()
    for budget, group in cells.groupby("budget", sort=True):
        flags, excluded, sizes = [], "", len(group)
        fewer = int((group["runs"] < most).sum())
        if fewer:
            flags.append(f"seeds: {fewer} of {sizes} sizes have fewer than {most} runs")
        partial = int((group["returns"] < np.minimum(group["runs"], group["returns"].max())).sum())
        if partial and group["returns"].any():
            flags.append(f"returns: {partial} of {sizes} sizes lack the return of a run")
        spread = group["flops"].max() / group["flops"].min()
        if spread > 1.1:
            flags.append(f"compute: realised FLOPs differ {spread:.2g} times between sizes")
        entropy, lowest = group["action_entropy"].max(), group["dev_loss"].min()
        if sizes < settings.min_sizes:
            excluded = f"sizes: {sizes}, fewer than {settings.min_sizes}"
        elif lowest > settings.plateau * entropy:
            excluded = (
                f"plateau: lowest loss {lowest:.4g} exceeds {settings.plateau:g} x "
                f"the action entropy {entropy:.4g}"
            )
        known = int((group["returns"] > 0).sum())
        excluded_return = excluded
        if not excluded and known < settings.min_sizes:
            excluded_return = f"missing: returns at {known} sizes, fewer than {settings.min_sizes}"
        yield Profile(
            budget=float(budget),
            size=group["size"].to_numpy(float),
            N=group["params"].to_numpy(float),
            D=group["samples"].to_numpy(float),
            C=group["flops"].to_numpy(float),
            L=group["dev_loss"].to_numpy(float),
            R=group["return_mean"].to_numpy(float),
            excluded=excluded,
            excluded_return=excluded_return,
            flags=tuple(flags),
        )


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
