"""From a table of runs to a folder with its laws, for programs and for people."""

import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pandas as pd

from ilscaling import files, laws
from ilscaling.errors import FitError
from ilscaling.laws import excess, relations, study
from ilscaling.params import Laws
from ilscaling.show import markdown

# All that may be written into the folder.
FILES = (
    "fits.json", "fits.csv", "fits.md", "notes.txt", "floors.csv", "relations.csv",
    "selection.csv", *(f"{name}.csv" for name in study.TABLES),
)  # fmt: skip


def write(
    table: pd.DataFrame,
    settings: Laws,
    out: Path,
    *,
    metrics: Path | None = None,
    processes: int = 1,
    validate: bool = True,
) -> laws.StudyFit:
    """Fit the laws of a table of runs, write them, and print the notes.

    Parameters
    ----------
    table
        A row a cell, as `tables.read_table` returns it.
    settings
        How to fit.
    out
        Folder for the fits and the tables behind them (docs/laws.md); where the floor of the loss
        is known, also floors.csv, what every estimate of it says (`laws.excess`); where the table
        has the columns of laws of more than size and data, relations.csv (docs/relations.md).
    metrics
        File for all headline numbers, if wanted.
    processes
        Games are fitted in parallel.
    validate
        Test every law on larger budgets.
    """
    fit = laws.fit_table(table, settings, processes=processes, validate=validate)
    with suppress(FitError):  # of a table without the columns of any
        fit = replace(fit, relations=relations.table(table, settings, processes=processes))
    laws.write(fit, out)
    markdown.write(fit, out)
    if excess.known(table):
        with files.atomic(out / "floors.csv") as temporary:
            excess.judged(table, fit).to_csv(temporary, index=False, float_format="%.10g")
    if metrics is not None:
        files.write_json(metrics, laws.metrics(table, fit))
    for note in fit.notes:
        print(note, file=sys.stderr)
    return fit
