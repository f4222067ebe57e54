"""The cells of one game, averaged over runs, and which budgets enter the fits."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ilscaling.laws.profiles import Profiles, cell_means
from ilscaling.laws.runs import Runs
from ilscaling.params import Laws

# column -> meaning; a row a (game, budget, size) that entered
COLUMNS = {
    "game": "game",
    "position": "index of the budget among those of the game",
    "budget": "declared training FLOPs",
    "size": "the family's size dial",
    "params": "trainable parameters",
    "samples": "samples trained on",
    "flops": "FLOPs fitted on",
    "dev_loss": "mean over runs",
    "return_mean": "mean over runs",
    "action_entropy": "nats",
    "runs": "runs with a loss",
    "returns": "runs with a return",
}


@dataclass(frozen=True)
class Budget:
    """What there is to know of one budget before a law is fitted.

    Parameters
    ----------
    position : int
        Its index in `Runs.budgets`.
    sizes : int
        Sizes that were measured.
    excluded, excluded_return : str
        'code: sentence' if its losses (returns) do not enter the fits, else empty.
    flags : tuple of str
    """

    position: int
    sizes: int
    excluded: str
    excluded_return: str
    flags: tuple[str, ...]


def table(runs: Runs, cells: Profiles | None) -> pd.DataFrame:
    """The cells of one game as a table of COLUMNS.

    Parameters
    ----------
    runs
        The admitted rows.
    cells
        Their measured profiles (see profiles.profiles of draws.measurement). None without rows or
        budgets: then a row is a cell, and its own compute its budget.
    """
    if cells is None:
        return _single(runs)
    once = np.ones((1, len(runs.L)))
    counts = {
        name: cell_means(runs, np.isfinite(v)[None].astype(float), once)[0]
        * np.nan_to_num(_rows(runs))
        for name, v in (("runs", runs.L), ("returns", runs.R))
    }
    entropy, size = (cell_means(runs, v[None], once)[0] for v in (runs.entropy, runs.size))
    b, s = np.nonzero(np.isfinite(cells.L[0]))
    values = {
        "position": cells.position[b],
        "budget": runs.budgets[cells.position[b]],
        "size": size[b, s],
        "params": cells.N[s],
        "samples": cells.D[b, s],
        "flops": cells.C[b, s],
        "dev_loss": cells.L[0, b, s],
        "return_mean": cells.R[0, b, s],
        "action_entropy": entropy[b, s],
        **{name: np.rint(count[b, s]).astype(np.int64) for name, count in counts.items()},
    }
    return pd.DataFrame({"game": runs.game, **values}, columns=list(COLUMNS))


def _single(runs: Runs) -> pd.DataFrame:
    """The rows themselves as a table of COLUMNS; their own compute is their budget."""
    values = {
        "position": runs.position,
        "budget": runs.C,
        "size": runs.size,
        "params": runs.N,
        "samples": runs.D,
        "flops": runs.C,
        "dev_loss": runs.L,
        "return_mean": runs.R,
        "action_entropy": runs.entropy,
        "runs": runs.losses.astype(np.int64),
        "returns": runs.returns.astype(np.int64),
    }
    return pd.DataFrame({"game": runs.game, **values}, columns=list(COLUMNS))


def _rows(runs: Runs) -> np.ndarray:
    """Rows of each cell (budgets, sizes)."""
    position, b = np.unique(runs.position, return_inverse=True)
    N, s = np.unique(runs.N, return_inverse=True)
    count = np.bincount(b * len(N) + s, minlength=len(position) * len(N))
    return count.reshape(len(position), len(N))


def notes(cells: pd.DataFrame, game: str) -> list[str]:
    """What to say of the cells of a game.

    Parameters
    ----------
    cells
        A table of COLUMNS.
    game
        Its name in the sentences.
    """
    lines = []
    lost = int((cells["return_mean"] <= 0).sum())
    if lost:
        lines.append(
            f"returns of {lost} of {len(cells)} cells of {game} are not positive: without a"
            " logarithm they enter no law and no parabola"
        )
    several = int((cells["runs"] > 1).sum())
    if several:
        most = int(cells["runs"].max())
        lines.append(f"averaged {several} of {len(cells)} cells of {game} over up to {most} runs")
    if len(cells) and cells["action_entropy"].isna().all():
        lines.append(f"{game} has no action_entropy: budgets not checked for the plateau")
    return lines


def budgets(cells: pd.DataFrame, settings: Laws) -> list[Budget]:
    """The budgets of a game by rising position, with the reason where one is no use.

    Parameters
    ----------
    cells
        A table of COLUMNS, of one game.
    settings
        Of which `min_sizes` and `plateau` count here.
    """
    most = cells["runs"].max()
    return [
        _budget(int(position), group, most, settings)
        for position, group in cells.groupby("position", sort=True)
    ]


def _budget(position: int, group: pd.DataFrame, most: int, settings: Laws) -> Budget:
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
    return Budget(position, sizes, excluded, excluded_return, tuple(flags))
