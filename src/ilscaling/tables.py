"""The table of a study's results: one row a cell.

Every cell of the grid has exactly one row: done, failed or left out by a stated rule, and why.
"""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ilscaling.errors import FitError
from ilscaling.files import atomic

# column -> (pandas dtype, meaning); tables published by others need only a subset
COLUMNS = {
    "game": ("str", "section of the study: a game, or a setting of one"),
    "domain": ("str", "which interface plays it: atari, nethack, gymnasium"),
    "algorithm": ("str", "how the policy learns from the expert"),
    "family": ("str", "policy family"),
    "size": ("int64", "the family's size dial"),
    "seed": ("int64", "seed of weights and sample order"),
    "budget": ("float64", "declared training FLOPs"),
    "flops": ("float64", "FLOPs spent that the budget counts, by the study's convention"),
    "added": ("float64", "of these, those spent for this cell, beside the cells before it"),
    "params": ("int64", "trainable parameters"),
    "samples": ("float64", "samples trained on, repeats counted"),
    "updates": ("float64", "gradient steps"),
    "batch": ("float64", "samples a gradient step"),
    "rate": ("float64", "Adam's rate after the warm-up"),
    "unique_samples": ("float64", "different ones of the samples"),
    "env_steps": ("float64", "steps that the algorithm played"),
    "expert_labels": ("float64", "steps for which it asked the expert"),
    "flops_learner": ("float64", "FLOPs of the policy's updates"),
    "flops_acting": ("float64", "FLOPs of its play"),
    "flops_discriminator": ("float64", "FLOPs of networks beside the policy"),
    "epochs": ("float64", "samples over the size of the training data"),
    "dev_loss": ("float64", "mean cross-entropy on the dev split, nats a step"),
    "dev_loss_se": ("float64", "its standard error over whole episodes"),
    "test_loss": ("float64", "mean cross-entropy on the test split, by which nothing is selected"),
    "test_loss_se": ("float64", "its standard error over whole episodes"),
    "dev_expected_loss": ("float64", "that under the expert's own distribution, nats a step"),
    "dev_expected_loss_se": ("float64", "its standard error over whole episodes"),
    "dev_kl": ("float64", "its excess over the expert's entropy at the same steps, nats"),
    "dev_kl_se": ("float64", "its standard error over whole episodes"),
    "test_expected_loss": ("float64", "as dev_expected_loss, on the test split"),
    "test_expected_loss_se": ("float64", "its standard error over whole episodes"),
    "test_kl": ("float64", "as dev_kl, on the test split"),
    "test_kl_se": ("float64", "its standard error over whole episodes"),
    "top1": ("float64", "share of dev steps whose action is the likeliest"),
    "return_mean": ("float64", "mean return over full episodes, game points"),
    "return_se": ("float64", "its standard error"),
    "return_first": ("float64", "mean return over the first half of those episodes"),
    "return_second": ("float64", "mean return over the second half"),
    "return_median": ("float64", "median return of those episodes"),
    "own_loss": ("float64", "expected cross-entropy on the states of those episodes, nats a step"),
    "own_loss_se": ("float64", "its standard error over whole episodes"),
    "depth_mean": ("float64", "mean of the deepest dungeon level reached, NetHack"),
    "length_mean": ("float64", "mean length of those episodes, steps"),
    "episodes": ("float64", "episodes behind return_mean"),
    "expert_return": ("float64", "mean return of the demonstrations"),
    "random_return": ("float64", "mean return of uniformly random play"),
    "action_entropy": ("float64", "entropy of the training actions' frequencies, nats"),
    "expert_entropy": (
        "float64",
        "entropy of the expert on the dev split, nats: the floor",
    ),
    "expert_entropy_se": ("float64", "its standard error over whole episodes"),
    "test_expert_entropy": ("float64", "the same on the test split"),
    "test_expert_entropy_se": ("float64", "its standard error over whole episodes"),
    "status": ("str", "done, failed or left out"),
    "reason": ("str", "why a cell is not done; empty otherwise"),
    "key": ("str", "key of the evaluation that the row comes from"),
}


def write_table(path: str | Path, rows: list[dict]) -> None:
    """Write rows as CSV in the schema's column order, sorted by game, size, seed, budget."""
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table = table.sort_values(["game", "family", "size", "seed", "budget"], kind="stable")
    with atomic(path) as temporary:
        # 10 digits: more than any measurement here carries, and the same text on every machine.
        table.to_csv(temporary, index=False, float_format="%.10g")


def spent(rows: pd.DataFrame) -> tuple[float, float]:
    """Training FLOPs of a game's grid, and of its cells as separate runs.

    Without the column `added` a run is counted once, at its largest budget."""
    status = rows["status"] if "status" in rows else pd.Series("done", index=rows.index)
    rows = rows[status != "left out"]
    each = rows["flops"].fillna(rows["budget"]) if "flops" in rows else rows["budget"]
    each = each.astype("float64")
    if "added" in rows and rows["added"].notna().all():
        return float(rows["added"].sum()), float(each.sum())
    size = "size" if "size" in rows else "params"
    run = [rows[column] for column in ("family", size, "seed", "run") if column in rows]
    return float(each.groupby(run, dropna=False).max().sum()), float(each.sum())


# Budgets that differ by less than this share are one, written with other digits.
SAME = 1e-6


def positions(budgets: np.ndarray | pd.Series) -> np.ndarray:
    """Which budget each row has: its place among the distinct ones, from the smallest up.

    A float is no identity: the mean of three equal budgets may differ from each of them.

    Parameters
    ----------
    budgets : array (rows,)
        FLOPs.

    Returns
    -------
    array of int (rows,)
        From 0; -1 where there is no positive budget.
    """
    budgets = np.asarray(budgets, np.float64)
    rows = np.flatnonzero(np.isfinite(budgets) & (budgets > 0))
    rows = rows[np.argsort(budgets[rows], kind="stable")]
    found = np.full(len(budgets), -1)
    found[rows] = np.cumsum(np.diff(np.log(budgets[rows]), prepend=-np.inf) > SAME) - 1
    return found


def game_positions(table: pd.DataFrame) -> np.ndarray:
    """`positions` of the rows of a results table, each among the budgets of its game."""
    budgets = pd.to_numeric(table["budget"], errors="coerce").to_numpy(np.float64)
    games = table["game"].factorize()[0]
    found = np.full(len(table), -1)
    for game in np.unique(games):
        found[games == game] = positions(budgets[games == game])
    return found


def halves(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series] | None:
    """Returns by which to choose a policy and returns to report of it.

    The best of noisy returns is too high; that of other episodes of the same policy is not.

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


# Without one of these nothing can be fitted; `game` and one of budget and flops can be made up for.
NEEDED = ("params", "samples", "dev_loss")
# FLOPs that lie closer than this belong to one budget, and a budget spans no more than that.
GAP, SPAN = 1.1, 1.5


def mapping(pairs: Sequence[str]) -> dict[str, str]:
    """'OURS=THEIRS' pairs as a dictionary; raises FitError for a name that is none of ours, and
    for one that is there twice."""
    found = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not equals or not theirs or (ours not in COLUMNS and ours != "run"):
            close = difflib.get_close_matches(ours, [*COLUMNS, "run"], n=1, cutoff=0.0)
            raise FitError(
                f"{pair!r} does not map a column of ours",
                where="--column",
                fix=f"--column {close[0]}={theirs or 'THEIRS'}",
            )
        if ours in found or theirs in found.values():
            raise FitError(f"{pair!r} maps a column for the second time", where="--column")
        found[ours] = theirs
    return found


def read_table(path: str | Path, columns: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Read a results table, ours or anyone's: CSV (also compressed), or Parquet by its suffix.

    `columns`: our name -> theirs. Columns of ours get their dtypes, missing numbers become NaN.
    A table without `game` is one game, called like the file; one without `budget` gets budgets by
    `cluster`. What was made up stands in `attrs["notes"]`. Raises FitError if the file can't be
    read or lacks a column without which nothing can be fitted.
    """
    path, notes = Path(path), []
    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise FitError(f"cannot read the table: {error}", where=str(path)) from None
    table = _renamed(table, columns or {}, path)
    missing = [name for name in NEEDED if name not in table]
    if "budget" not in table and "flops" not in table:
        missing.append("budget or flops")
    if missing:
        raise _missing(missing, list(table.columns), path)
    if "game" not in table:
        table["game"] = path.name.partition(".")[0]
        notes.append(f"no column game: the whole table is taken for {table['game'].iloc[:1].sum()}")
    for column, (dtype, _) in COLUMNS.items():
        if column in table and dtype == "float64":
            table[column] = pd.to_numeric(table[column], errors="coerce").astype("float64")
        elif column in table and dtype == "str":
            table[column] = table[column].astype(object).where(table[column].notna(), "").map(str)
    nameless = table["game"] == ""
    if nameless.any():
        notes.append(f"dropped {nameless.sum()} of {len(table)} rows: no game")
        table = table[~nameless].reset_index(drop=True)
    if "budget" not in table:
        table["budget"] = np.nan
        for game, rows in table.groupby("game", sort=True):
            table.loc[rows.index, "budget"] = found = cluster(rows["flops"], f"{path}: {game}")
            notes.append(
                f"{game} has no column budget: {found.nunique()} budgets by gaps of"
                f" {GAP - 1:.0%} in flops"
            )
    if "status" not in table:
        table["status"] = "done"
    table.attrs["notes"] = notes
    return table


def cluster(flops: pd.Series, where: str) -> pd.Series:
    """Budgets of rows that have realised FLOPs alone: sorted, a gap of GAP starts the next budget,
    which is the geometric mean of its rows.

    Raises FitError where a budget would span more than SPAN: then gaps do not tell budgets.
    """
    known = np.log(flops[np.isfinite(flops) & (flops > 0)].sort_values())
    group = (known.diff() > np.log(GAP)).cumsum()
    span = known.groupby(group).agg(lambda g: g.max() - g.min())
    if (span > np.log(SPAN)).any():
        raise FitError(
            "flops without gaps do not tell which rows belong to one budget",
            where=where,
            fix="add a column budget, or --column budget=NAME",
        )
    return np.exp(known.groupby(group).transform("mean")).reindex(flops.index)


def _renamed(table: pd.DataFrame, columns: Mapping[str, str], path: Path) -> pd.DataFrame:
    unknown = [theirs for theirs in columns.values() if theirs not in table]
    if unknown:
        raise _missing(unknown, list(table.columns), path)
    # What is called like a column of ours, but is not meant, steps aside.
    aside = {ours: f"{ours} (theirs)" for ours in columns if ours in table}
    back = {theirs: ours for ours, theirs in columns.items()}
    return table.rename(columns={**aside, **back})


def _missing(names: list[str], found: list[str], path: Path) -> FitError:
    # A column that is called as one of ours holds just that, and is no guess for another.
    free = [str(name) for name in found if name not in COLUMNS]
    guesses = []
    for name in names:
        ours = name.split()[0]
        if close := _closest(ours, free):
            guesses.append(f"--column {ours}={close}")
            free.remove(close)
    return FitError(
        f"columns are missing: {', '.join(names)}",
        where=str(path),
        fix=f"columns found: {', '.join(map(str, found))}"
        + (f"; perhaps {' '.join(guesses)}" if guesses else "; --column OURS=THEIRS maps yours"),
    )


# How others call what we call ours.
OTHERS = {
    "params": ("n", "model_size", "n_params", "num_params", "parameters", "num_parameters"),
    "samples": ("d", "tokens", "n_samples", "num_samples", "examples", "steps", "frames"),
    "dev_loss": ("loss", "val_loss", "valid_loss", "validation_loss", "eval_loss", "l"),
    "budget": ("c", "compute", "training_flops", "train_flops", "flop"),
}


def _closest(ours: str, theirs: Sequence[str]) -> str | None:
    """The name among `theirs` that probably means a column of ours; None if none looks like it."""
    by_lower = {name.lower(): name for name in theirs}
    for name in OTHERS.get(ours, ()):
        if name in by_lower:
            return by_lower[name]
    close = difflib.get_close_matches(ours, by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


def measured(realised: pd.DataFrame) -> pd.DataFrame:
    """Rows of a results table that were measured, with numbers as such; `flops` defaults to the
    budget."""
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
