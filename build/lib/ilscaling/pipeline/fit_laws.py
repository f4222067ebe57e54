"""Fit the laws of a table: the fits, the tables behind them, and the numbers for DVC."""

import argparse
import sys
from pathlib import Path

import pandas as pd

from ilscaling import files, laws, tables
from ilscaling.params import Laws
from ilscaling.pipeline import headline, result_folder, study_context
from ilscaling.show import markdown


def fit(
    table: pd.DataFrame,
    settings: Laws,
    out: Path,
    *,
    metrics: Path | None = None,
    processes: int = 1,
) -> laws.StudyFit:
    """Fit the laws of a table of runs and write them.

    Parameters
    ----------
    table
        A row a cell, as `tables.read_table` returns it.
    settings
        How to fit.
    out
        Folder for the fits and the tables behind them (docs/laws.md).
    metrics
        File for all headline numbers, if wanted.
    processes
        Games are fitted in parallel.
    """
    fit = laws.fit_table(table, settings, processes=processes)
    laws.write(fit, out)
    markdown.write(fit, out)
    if metrics is not None:
        files.write_json(metrics, laws.metrics(table, fit))
    for note in fit.notes:
        print(note, file=sys.stderr)
    return fit


def make(study: study_context.Study, out: Path, inputs: argparse.Namespace) -> dict:
    """The step `fit`."""
    table = tables.read_table(inputs.table / "results.csv")
    fitted = fit(
        table,
        study.params.laws,
        out / "laws",
        metrics=out / "metrics.json",
        processes=len(study.params.games),
    )
    numbers = headline.headline(files.read_json(out / "metrics.json"))
    files.write_json(out / "headline.json", numbers)
    return {"notes": fitted.notes}


if __name__ == "__main__":
    result_folder.main(make, __doc__, "table")
