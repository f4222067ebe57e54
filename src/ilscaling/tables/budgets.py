"""Which rows of a table belong to one budget."""

import numpy as np
import pandas as pd

# FLOPs that lie closer than this belong to one budget, and a budget spans no more than that.
GAP, SPAN = 1.1, 1.5
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
    places = np.full(len(budgets), -1)
    places[rows] = np.cumsum(np.diff(np.log(budgets[rows]), prepend=-np.inf) > SAME) - 1
    return places


def game_positions(table: pd.DataFrame) -> np.ndarray:
    """Which budget each row has, among those of its game (see `positions`).

    Parameters
    ----------
    table
        A results table.

    Returns
    -------
    array of int (rows,)
        From 0; -1 where there is no positive budget.
    """
    budgets = pd.to_numeric(table["budget"], errors="coerce").to_numpy(np.float64)
    games = table["game"].factorize()[0]
    places = np.full(len(table), -1)
    for game in np.unique(games):
        places[games == game] = positions(budgets[games == game])
    return places


def cluster(flops: pd.Series) -> pd.Series:
    """Budgets of rows that have realised FLOPs alone.

    Parameters
    ----------
    flops : Series (rows,)
        Training FLOPs.

    Returns
    -------
    Series of float (rows,)
        Sorted, a gap of GAP starts the next budget, which is the geometric mean of its rows. All
        NaN where a budget would span more than SPAN: then gaps do not tell budgets.
    """
    known = np.log(flops[np.isfinite(flops) & (flops > 0)].sort_values())
    group = (known.diff() > np.log(GAP)).cumsum()
    span = known.groupby(group).agg(lambda g: g.max() - g.min())
    if (span > np.log(SPAN)).any():
        return pd.Series(np.nan, index=flops.index)
    return np.exp(known.groupby(group).transform("mean")).reindex(flops.index)
