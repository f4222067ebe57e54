"""What a cell counts in the fits of the loss: all the same, or by the loss's own standard error."""

from dataclasses import replace

import numpy as np
import pandas as pd

from ilscaling.errors import FitError
from ilscaling.laws.quality import of_a_cell
from ilscaling.laws.runs import ERROR, Runs
from ilscaling.params import Laws


def refuse_without_errors(table: pd.DataFrame, settings: Laws) -> None:
    """Refuse to weigh cells by standard errors that no row of a table has.

    Parameters
    ----------
    table
        A results table.
    settings
        Of which `weights` counts here.

    Raises
    ------
    FitError
        For a table without a standard error of the dev loss, where cells are weighed by it.
    """
    if settings.weights == "equal":
        return
    errors = table[ERROR] if ERROR in table else pd.Series(dtype=float)
    if not pd.to_numeric(errors, errors="coerce").gt(0).any():
        raise FitError(
            "no row has the standard error of its dev loss, by which cells are to be weighed",
            where=f"column {ERROR}",
            fix="--weights equal",
        )


def weighed(runs: Runs, settings: Laws) -> tuple[Runs, list[str]]:
    """The runs of a game with the weights that the settings ask for.

    By standard errors a row weighs 1 / (s^2 + (se / L)^2), scaled to mean 1 over the game: the
    variance of ln L. s is the rows' own scatter (see quality.of_a_cell), without which a tiny
    standard error would rule; where nothing tells it the median of se / L stands for it. So it
    does for the standard error of a row that has none.

    Parameters
    ----------
    runs
        Rows of one game.
    settings
        Of which `weights` counts here.

    Returns
    -------
    runs : Runs
    notes : list of str
        How far the weights lie apart, and how many rows have no standard error.
    """
    if settings.weights == "equal":
        return runs, []
    there = np.isfinite(runs.L)
    with np.errstate(invalid="ignore"):
        share = np.where(there & (runs.L_se > 0), runs.L_se / runs.L, np.nan)
    known = np.isfinite(share)
    if not known.any():
        return runs, [f"no row of {runs.game} has {ERROR}: its cells weigh the same"]
    typical = float(np.median(share[known]))
    own = of_a_cell(runs.where(there)) or typical
    weight = 1 / (own**2 + np.where(known, share, typical) ** 2)
    weight = np.where(there, weight / weight[there].mean(), np.nan)
    least, most = weight[there].min(), weight[there].max()
    notes = [f"rows of {runs.game} weigh {least:.2g} to {most:.2g} times the mean, by {ERROR}"]
    without = int((there & ~known).sum())
    if without:
        rows = f"{without} of {there.sum()} rows of {runs.game}"
        notes.append(f"{rows} have no {ERROR}: the median's counts")
    return replace(runs, weight=weight), notes
