"""What a model of another than the optimal size costs: the excess compute of a mis-sized model.

At a budget C a size N comes to a loss that the optimal size reaches with less, C*. The multiple
C / C*, by each surface, says what the size spends beyond need: 1 at N_opt. Kaplan et al. 2020
(arXiv 2001.08361), appendix B.4, and Hoffmann et al. 2022 (arXiv 2203.15556) discuss it.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ilscaling.errors import FitError
from ilscaling.laws import arguments, prediction
from ilscaling.laws.fitted import FittedGame, fitted
from ilscaling.laws.runs import Runs
from ilscaling.laws.surfaces import METHODS, Surface
from ilscaling.params import Laws

COLUMNS = {
    "game": "str",
    "method": "str",
    "budget": "float64",
    "params": "float64",
    "times_N_opt": "float64",
    "estimate": "float64",
    "low": "float64",
    "high": "float64",
    "level": "float64",
    "flags": "str",
}

Numbers = float | Sequence[float]


def excess_compute(
    table: pd.DataFrame,
    settings: Laws,
    budget: Numbers,
    params: Numbers,
    *,
    games: list[FittedGame] | None = None,
) -> pd.DataFrame:
    """The excess compute of sizes at budgets, by every surface of every game.

    Parameters
    ----------
    table
        A results table.
    settings
        How laws are fitted.
    budget : float or sequence of float
        Training FLOPs.
    params : float or sequence of float
        Parameters; a sequence is of the budgets, one each, or all at the one budget.
    games : list, optional
        The table's games as `fitted.fitted` returns them; by default they are fitted here.

    Returns
    -------
    DataFrame
        See `of_game`.

    Raises
    ------
    FitError
        For a budget or parameters that are not positive.
    """
    pairs(budget, params)  # a slip is told before the fits
    parts = [
        of_game(admitted.runs, surface, budget, params, level=settings.level)
        for _, admitted, of in games or fitted(table, settings)
        for surface in of
        if surface.method in METHODS
    ]
    return pd.concat(parts, ignore_index=True) if parts else typed([])


def of_game(
    runs: Runs, surface: Surface, budget: Numbers, params: Numbers, *, level: float
) -> pd.DataFrame:
    """The excess compute of sizes at budgets, by one surface of one game.

    Parameters
    ----------
    runs
        The admitted rows of the game.
    surface
        By whose draws.
    budget, params
        See `excess_compute`.
    level
        Of the interval.

    Returns
    -------
    DataFrame
        Of COLUMNS, a row a pair of budget and parameters: `times_N_opt` is params / N_opt;
        `estimate` is C / C*, `low` and `high` are quantiles of the draws, moved out to the estimate
        where that lies beyond (it cannot be below 1, and all draws are above it at N_opt). What is
        unknown is NaN, and a flag says why.

    Raises
    ------
    FitError
        For a budget or parameters that are not positive.
    """
    C, N = pairs(budget, params)
    multiple, best = surface.excess_compute(N, C), surface.predict("N_opt", C)[0]
    rows = []
    for i in range(len(C)):
        row = {"game": runs.game, "method": surface.method, "budget": C[i], "params": N[i]}
        row |= {"times_N_opt": N[i] / best[i], "estimate": multiple[0, i], "level": level}
        flags = list(surface.flags["N_opt"])
        known = multiple[1:, i][np.isfinite(multiple[1:, i])]
        if not np.isfinite(row["estimate"]):
            if surface.usable is not None and surface.usable[0]:
                flags.append("not_reached: by this surface no budget of the optimal size is as bad")
        elif 2 * len(known) >= len(multiple) - 1 > 1:
            low, high = np.quantile(known, [0.5 - level / 2, 0.5 + level / 2])
            row |= {"low": min(low, row["estimate"]), "high": max(high, row["estimate"])}
        else:
            flags.append(f"no_interval: {len(known)} of {len(multiple) - 1} resamples have a value")
        row["flags"] = "; ".join([*flags, *_beyond(runs, C[i], N[i])])
        rows.append(row)
    return typed(rows)


def pairs(budget: Numbers, params: Numbers) -> tuple[np.ndarray, np.ndarray]:
    """Budgets and parameters as arrays of one length.

    Parameters
    ----------
    budget, params
        See `excess_compute`.

    Returns
    -------
    two arrays (pairs,)

    Raises
    ------
    FitError
        If one is not positive, or their lengths differ.
    """
    C = np.array(arguments.numbers(budget, "a budget"))
    N = np.array(arguments.numbers(params, "params"))
    for values, what in ((C, "a budget is a positive number of FLOPs"), (N, "a size is positive")):
        wrong = values[~(np.isfinite(values) & (values > 0))]
        if len(wrong):
            raise FitError(f"{what}, not {wrong[0]:g}")
    if len(C) != len(N) and 1 not in (len(C), len(N)):
        raise FitError(f"{len(C)} budgets and {len(N)} sizes are no pairs", fix="one size a budget")
    return tuple(np.broadcast_arrays(C, N))


def typed(rows: list[dict]) -> pd.DataFrame:
    """Rows as a table of COLUMNS.

    Parameters
    ----------
    rows
        See `of_game`.
    """
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _beyond(runs: Runs, budget: float, params: float) -> list[str]:
    """Flags of a budget and a size that were not measured, nor lie between those that were."""
    flags = prediction.outside(budget, runs.budgets)
    least, most = runs.N.min(), runs.N.max()
    if not least <= params <= most:
        flags.append(f"beyond_sizes: {params:.3g} parameters, {least:.3g} to {most:.3g} were run")
    return flags
