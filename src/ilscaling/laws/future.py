"""Forecasts from a results table: every method of every game at a larger budget."""

import pandas as pd

from ilscaling.laws import draws as resampling
from ilscaling.laws.forecast import Sizes, goals_of, predictions
from ilscaling.laws.frontier import Frontier
from ilscaling.laws.game import admit, frontiers
from ilscaling.laws.runs import Runs
from ilscaling.params import Laws


def forecast(
    table: pd.DataFrame, settings: Laws, budget: float, *, sizes: dict[str, Sizes] | None = None
) -> pd.DataFrame:
    """What every method says of each game at `budget` FLOPs: a table of forecast.COLUMNS.

    `sizes`: game -> (size, parameters) that can be built. Raises FitError for a budget that is not
    positive.
    """
    found = [
        predictions(runs, of, budget, level=settings.level, sizes=(sizes or {}).get(runs.game))
        for runs, of in _fitted(table, settings)
    ]
    return pd.concat(found, ignore_index=True)


def goals(table: pd.DataFrame, settings: Laws, wanted: float) -> pd.DataFrame:
    """The budget at which each game's return reaches `wanted`: a table of forecast.GOALS."""
    found = [
        goals_of(runs, of, wanted, level=settings.level) for runs, of in _fitted(table, settings)
    ]
    return pd.concat(found, ignore_index=True)


def _fitted(table: pd.DataFrame, settings: Laws) -> list[tuple[Runs, list[Frontier]]]:
    found = []
    for game in sorted(table["game"].unique()):
        admitted = admit(table[table["game"] == game], game, settings)
        drawn = resampling.draw(admitted.runs, settings.bootstrap, settings.seed)
        found.append((admitted.runs, frontiers(admitted, admitted.runs, drawn, settings)))
    return found
