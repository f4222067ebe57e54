"""Anyone's table of runs as a results table."""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from ilscaling.errors import FitError
from ilscaling.tables import naming, numerals, source
from ilscaling.tables.budgets import GAP, cluster
from ilscaling.tables.columns import COLUMNS

# Without one of these nothing can be fitted; `game` and one of budget and flops can be made up for.
NEEDED = ("params", "samples", "dev_loss")
# Numbers that a fit reads: a text in one of them is refused, in any other column of ours it is
# missing, and said to be.
READ = (
    *NEEDED, "budget", "flops", "added", "updates", "epochs", "test_loss", "return_mean",
    "return_first", "return_second", "expert_return", "random_return", "action_entropy",
    "unique_samples", "demonstrations",
)  # fmt: skip
# How others call a run that is done, or is not.
DONE = ("done", "finished", "completed", "complete", "success", "succeeded", "ok", "true", "1", "")
FAILED = ("failed", "crashed", "error", "failure", "nan", "diverged")
# FLOPs are no logarithms of FLOPs: these are smaller, and span less than sizes times samples.
SMALL = 100.0


def read_table(
    path: str | Path, columns: Mapping[str, str] | None = None, *, assume_6nd: bool = False
) -> pd.DataFrame:
    """Read a results table, ours or anyone's.

    Parameters
    ----------
    path : str or Path
        CSV, JSON, Parquet or Feather, also packed: what it holds counts, not its suffix.
    columns : mapping of str to str, optional
        Our name -> theirs.
    assume_6nd : bool
        Make a missing column samples or flops of C = 6 N D, FLOPs of training a network of N
        weights on D samples, each used once in it (Kaplan et al. 2020).

    Returns
    -------
    DataFrame
        See `standard`.

    Raises
    ------
    FitError
        If the file can't be read, lacks a column without which nothing can be fitted, or holds a
        value that is no number where one is needed.
    """
    path = Path(path)
    table, notes = source.read(path)
    separator = table.attrs.pop("separator", ",")
    return standard(
        table, columns, name=path, assume_6nd=assume_6nd, separator=separator, notes=notes
    )


def standard(
    table: pd.DataFrame,
    columns: Mapping[str, str] | None = None,
    *,
    name: str | Path = "table",
    assume_6nd: bool = False,
    separator: str = ",",
    notes: list[str] | None = None,
) -> pd.DataFrame:
    """A results table of a DataFrame: columns of ours with their dtypes.

    Parameters
    ----------
    table
        A row a run at one budget.
    columns
        Our name -> theirs.
    name
        What errors call it, and, up to its first dot, the game of a table without `game`.
    assume_6nd
        Make a missing column samples or flops of C = 6 N D (see `read_table`).
    separator
        What separated the fields of its file (see numerals.columns).
    notes
        What there is to note already.

    Returns
    -------
    DataFrame
        Missing numbers are NaN. A table without `game` is one game; one without `budget` gets
        budgets by `cluster`, or none where FLOPs have no gaps. What was made up, or read in a way
        that one may doubt, stands in `attrs["notes"]`.

    Raises
    ------
    FitError
        For a table without rows or without a column that fits need, a value that is no number where
        one is needed, and FLOPs that look like logarithms.
    """
    path, notes = Path(name), list(notes or ())
    if not len(table):
        raise FitError("the table has no rows", where=str(path), fix=f"head {path}")
    named = [name for name in table.index.names if name is not None and name not in table]
    table = (table.reset_index(level=named) if named else table).reset_index(drop=True)
    table = naming.renamed(table, {} if columns is None else columns, path)
    for ours, theirs in (columns or {}).items():
        table = _scaled(table, ours, theirs, separator, path, notes)
    if assume_6nd:
        table = _computed(table, separator, path, notes)
    missing = [column for column in NEEDED if column not in table]
    if "budget" not in table and "flops" not in table:
        missing.append("budget or flops")
    if missing:
        raise naming.missing(missing, table, path)
    if "game" not in table:
        # A file's name may hold bytes that are no text.
        name = path.name.encode("utf-8", "replace").decode()
        table["game"] = name.partition(".")[0]
        notes.append(f"no column game: the whole table is taken for {table['game'].iloc[0]}")
    table = _typed(table, separator, path, notes)
    nameless = table["game"] == ""
    if nameless.any():
        notes.append(f"dropped {nameless.sum()} of {len(table)} rows: no game")
        table = table[~nameless].reset_index(drop=True)
    for column in ("budget", "flops"):
        if column in table:
            _refuse_logarithms(table, column, path)
    if "budget" not in table:
        table["budget"] = np.nan
        for game, rows in table.groupby("game", sort=True):
            table.loc[rows.index, "budget"] = budgets = cluster(rows["flops"])
            if budgets.notna().any():
                how = f"{budgets.nunique()} budgets by gaps of {GAP - 1:.0%} in flops"
            else:
                how = "no gaps in flops that would tell budgets: surfaces alone are fitted"
            notes.append(f"{game} has no column budget: {how}")
    table["status"] = _status(table, notes)
    table.attrs["notes"] = notes
    return table


def _scaled(
    table: pd.DataFrame, ours: str, theirs: str, separator: str, path: Path, notes: list[str]
) -> pd.DataFrame:
    """A column whose name says its unit, in ones."""
    factor = naming.factor(ours, theirs)
    if factor == 1:
        return table
    own = table[ours].map(lambda value: re.search(r"\d\s*[a-df-zA-DF-Z]", str(value)) is not None)
    if own.any():
        raise FitError(
            f"column {theirs} says its unit, and so does its value {table[ours][own].iloc[0]!r}",
            where=str(path),
            fix="say it in one place",
        )
    values, how = numerals.columns(table, [ours], separator=separator, where=str(path))
    notes += [*how, f"column {ours}: {theirs!r} counts in units of {factor:.4g}"]
    return table.assign(**{ours: values[ours] * factor})


def _computed(table: pd.DataFrame, separator: str, path: Path, notes: list[str]) -> pd.DataFrame:
    """The column of N, D and C that is missing, by C = 6 N D."""
    compute = next((name for name in ("flops", "budget") if name in table), None)
    wanted = "samples" if "samples" not in table and compute else None
    if wanted is None and compute is None and "samples" in table:
        wanted = "flops"
    if wanted is None or "params" not in table:
        return table
    others = ("params", compute if wanted == "samples" else "samples")
    values, _ = numerals.columns(table, others, separator=separator, where=str(path))
    with np.errstate(divide="ignore", invalid="ignore"):
        if wanted == "samples":
            table["samples"] = values[compute] / (6 * values["params"])
        else:
            table["flops"] = 6 * values["params"] * values["samples"]
    formula = f"{compute} / (6 params)" if wanted == "samples" else "6 params samples"
    notes.append(f"no column {wanted}: taken as {formula}")
    return table


def _typed(table: pd.DataFrame, separator: str, path: Path, notes: list[str]) -> pd.DataFrame:
    """Columns of ours with their dtypes; those of others as numbers where all are."""
    numbers = [name for name in READ if name in table]
    values, how = numerals.columns(table, numbers, separator=separator, where=str(path))
    notes += how
    if "params" in table and not numerals.is_text(table["params"]):
        values.pop("params")  # whole numbers stay so
    table = table.assign(**values)
    for column in list(table):
        dtype = COLUMNS.get(column, (None,))[0]
        if column in values:
            continue
        if dtype == "str":
            table[column] = table[column].astype(object).where(table[column].notna(), "").map(str)
            table[column] = table[column].str.strip()
        elif dtype == "float64":
            table[column] = _lenient(table, column, separator, path, notes)
        elif column == "size" and numerals.is_text(table[column]):
            table = _sized(table, notes)
        elif numerals.is_text(table[column]):
            plain = pd.to_numeric(table[column], errors="coerce")
            if (plain.notna() | table[column].isna()).all():
                table[column] = plain
    return table


def _lenient(
    table: pd.DataFrame, column: str, separator: str, path: Path, notes: list[str]
) -> np.ndarray:
    """A column as numbers, missing where it holds none."""
    try:
        values, how = numerals.columns(table, [column], separator=separator, where=str(path))
    except FitError as error:
        notes.append(f"{error.what}: texts in column {column} are taken for missing")
        return pd.to_numeric(table[column], errors="coerce").to_numpy(np.float64)
    notes += how
    return values[column]


def _sized(table: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """`size` as a number if it is one in every row; names of sizes step aside."""
    sizes = [numerals.number("" if pd.isna(v) else str(v)) for v in table["size"]]
    if None not in sizes:
        return table.assign(size=np.array(sizes, np.float64))
    text = str(table["size"].iloc[sizes.index(None)])
    notes.append(f"column size holds {text!r}, no number: not taken for a size dial")
    return table.rename(columns={"size": "size (theirs)"})


def _status(table: pd.DataFrame, notes: list[str]) -> pd.Series:
    """Status in our words."""
    if "status" not in table:
        return pd.Series("done", index=table.index)
    words = table["status"].map(lambda word: str(word).strip().lower())
    words = words.str.removesuffix(".0")
    plain = words.mask(words.isin(DONE), "done").mask(words.isin(FAILED), "failed")
    for ours in ("done", "failed"):
        theirs = sorted(set(table["status"][(plain == ours) & (words != ours)]) - {""})
        if theirs:
            notes.append(f"status {', '.join(theirs)} is taken for {ours}")
    return plain


def _refuse_logarithms(table: pd.DataFrame, column: str, path: Path) -> None:
    """Refuse FLOPs that look like logarithms of FLOPs."""
    flops, work = table[column], table["params"] * table["samples"]
    known = np.isfinite(flops) & (flops > 0) & np.isfinite(work) & (work > 0)
    if known.sum() < 2 or flops[known].max() > SMALL:
        return
    span, truth = (np.ptp(np.log(v[known].to_numpy(np.float64))) for v in (flops, work))
    if truth > 1 and 2 * span < truth:
        low, high = flops[known].min(), flops[known].max()
        raise FitError(
            f"{column} from {low:.4g} to {high:.4g} looks like logarithms: sizes times samples"
            f" differ {np.exp(truth):.3g} times",
            where=str(path),
            fix=f"a column of FLOPs, 10 ** {column}",
        )
