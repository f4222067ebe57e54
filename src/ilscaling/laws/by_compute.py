"""Rolling origin without budgets: surfaces from runs of less compute, judged on those of more."""

import numpy as np
import pandas as pd

from ilscaling.laws import surfaces
from ilscaling.laws.interval import combined
from ilscaling.laws.runs import Runs
from ilscaling.laws.validation import table
from ilscaling.params import Laws

# Parts by quantiles of compute that the first prediction rests on.
FEWEST = 3


def validate(runs: Runs, draws: int, settings: Laws) -> tuple[pd.DataFrame, list[str]]:
    """Predict the loss of every row of more compute from the rows of less.

    Parameters
    ----------
    runs : Runs
        Of a game that is not isoFLOP: positions are parts of the rows by quantiles of compute.
    draws : int
        Resamples behind the intervals.
    settings
        How surfaces are fitted, and the `level` of the intervals.

    Returns
    -------
    table : DataFrame
        validation.COLUMNS: the law is 'loss', `ahead` counts parts, `position` is the row's part,
        `budget` its own compute.
    notes : list of str
    """
    parts = np.unique(runs.position)
    origins = parts[FEWEST - 1 : -1]
    if not len(origins):
        what = f"{len(runs.L)} rows, a test on those of more compute needs more"
        return table([]), [f"{runs.game}: too_few: {what}"] if len(runs.L) else []
    rows = []
    for origin in origins:
        ahead = runs.where(runs.position > origin)
        for surface in surfaces.fit(runs.upto(origin), draws, settings):
            if surface.model is None or surface.residual is None:
                continue
            predicted = surface.model.loss(np.log(ahead.N)[None], np.log(ahead.D)[None])
            predicted = np.where(surface.usable[:, None], predicted, np.nan)
            sigma, freedom = surface.residual
            low, high = combined(predicted, np.full(len(ahead.L), sigma), freedom, settings.level)
            names = {"game": runs.game, "law": "loss", "method": surface.method, "form": "surface"}
            names |= {"trained_on": int(origin) + 1, "origin": runs.budgets[origin]}
            names |= {"level": settings.level, "held_out": origin == origins[-1]}
            known = np.isfinite(low) & np.isfinite(high)
            rows += [
                {
                    **names,
                    "position": ahead.position[i],
                    "budget": ahead.C[i],
                    "ahead": ahead.position[i] - origin,
                    "flops": ahead.C[i],
                    "predicted": predicted[0, i],
                    "low": low[i],
                    "high": high[i],
                    "measured": ahead.L[i],
                    "error": np.log(predicted[0, i] / ahead.L[i]),
                    "covered": bool(low[i] <= ahead.L[i] <= high[i]) if known[i] else None,
                }
                for i in np.flatnonzero(np.isfinite(predicted[0]))
            ]
    return table(rows), []
