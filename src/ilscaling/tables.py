"""The table of a study's results: one row a cell.

Every cell of the grid has exactly one row: done, failed or left out by a stated rule, and why.
"""

from pathlib import Path

import pandas as pd

from ilscaling.errors import FitError
from ilscaling.files import atomic

# column -> (pandas dtype, meaning); tables published by others need only a subset
COLUMNS = {
    "game": ("str", "section of the study: a game, or a setting of one"),
    "domain": ("str", "which interface plays it: atari, nethack"),
    "family": ("str", "policy family"),
    "size": ("int64", "the family's size dial"),
    "seed": ("int64", "seed of weights and sample order"),
    "budget": ("float64", "declared training FLOPs"),
    "flops": ("float64", "training FLOPs spent, by the study's convention"),
    "params": ("int64", "trainable parameters"),
    "samples": ("float64", "samples trained on, repeats counted"),
    "updates": ("float64", "gradient steps"),
    "batch": ("float64", "samples a gradient step"),
    "rate": ("float64", "Adam's rate after the warm-up"),
    "epochs": ("float64", "samples over the size of the training data"),
    "dev_loss": ("float64", "mean cross-entropy on the dev split, nats a step"),
    "dev_loss_se": ("float64", "its standard error over whole episodes"),
    "top1": ("float64", "share of dev steps whose action is the likeliest"),
    "return_mean": ("float64", "mean return over full episodes, game points"),
    "return_se": ("float64", "its standard error"),
    "return_median": ("float64", "median return of those episodes"),
    "depth_mean": ("float64", "mean of the deepest dungeon level reached, NetHack"),
    "length_mean": ("float64", "mean length of those episodes, steps"),
    "episodes": ("float64", "episodes behind return_mean"),
    "expert_return": ("float64", "mean return of the demonstrations"),
    "random_return": ("float64", "mean return of uniformly random play"),
    "action_entropy": ("float64", "entropy of the training actions' frequencies, nats"),
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


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a results table; columns of ours get their dtypes, missing numbers become NaN.

    Raises FitError when a column without which nothing can be fitted is missing.
    """
    table = pd.read_csv(path, keep_default_na=True)
    needed = [c for c in ("game", "budget", "params", "samples", "dev_loss") if c not in table]
    if needed:
        raise FitError(
            f"columns are missing: {', '.join(needed)}",
            where=str(path),
            fix=f"columns found: {', '.join(table.columns)}; rename yours to the schema's",
        )
    for column, (dtype, _) in COLUMNS.items():
        if column in table and dtype == "float64":
            table[column] = pd.to_numeric(table[column], errors="coerce").astype("float64")
        elif column in table and dtype == "str":
            table[column] = table[column].fillna("").astype(str)
    if "status" not in table:
        table["status"] = "done"
    return table
