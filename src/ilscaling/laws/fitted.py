"""The games of a table, each with its frontiers by every method: what forecasts are asked of."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ilscaling.laws import draws as resampling
from ilscaling.laws.frontier import Frontier
from ilscaling.laws.game import Admitted, admit, frontiers, middle
from ilscaling.laws.weights import refuse_without_errors
from ilscaling.params import Laws

# Its name, what of it was admitted, and its frontiers by every method.
FittedGame = tuple[str, Admitted, list[Frontier]]


def fitted(table: pd.DataFrame, settings: Laws) -> list[FittedGame]:
    """Each game of a table, what of it was admitted, and its frontiers by every method, the median
    that is quoted among them.

    Parameters
    ----------
    table
        A results table.
    settings
        How laws are fitted.

    Raises
    ------
    FitError
        If cells are to be weighed by standard errors that no row has.
    """
    refuse_without_errors(table, settings)
    every = []
    for game in sorted(table["game"].unique()):
        admitted = admit(table[table["game"] == game], game, settings)
        drawn = resampling.draw(admitted.runs, settings.bootstrap, settings.seed)
        of = frontiers(admitted, admitted.runs, drawn, settings)
        median = middle(admitted, drawn, of, settings) if admitted.runs.isoflop else None
        every.append((game, admitted, [*of, *([median] if median is not None else [])]))
    return every


def expert_return(rows: pd.DataFrame) -> float:
    """The expert's return, NaN where no row has it.

    Parameters
    ----------
    rows
        Those of one game of a results table.
    """
    column = rows["expert_return"] if "expert_return" in rows else pd.Series(dtype=float)
    return float(pd.to_numeric(column, errors="coerce").max())


def has_law(frontier: Frontier, law: str) -> bool:
    """Whether a frontier has a law, in the measurement or a draw.

    Parameters
    ----------
    frontier
        Of a game.
    law
        A key of records.LAWS.
    """
    values = [v[0] for (name, _), v in frontier.parameters.items() if name == law]
    return bool(values) and np.isfinite(values).any()


def typed(rows: list[dict], columns: Mapping[str, str]) -> pd.DataFrame:
    """Rows as a table, texts that are missing empty.

    Parameters
    ----------
    rows
        By columns.
    columns
        Column -> its dtype.
    """
    table = pd.DataFrame(rows, columns=list(columns))
    texts = {name: "" for name, kind in columns.items() if kind == "str"}
    return table.fillna(texts).astype(dict(columns))
