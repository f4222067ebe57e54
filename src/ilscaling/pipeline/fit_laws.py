"""Fit the laws of a table: the fits, the tables behind them, and the numbers for DVC."""

import argparse
from pathlib import Path

from ilscaling import files, tables
from ilscaling.pipeline import headline, result_folder, study_context
from ilscaling.show import fits


def make(study: study_context.Study, out: Path, inputs: argparse.Namespace) -> dict:
    """The step `fit`.

    Parameters
    ----------
    study
        Whose laws are fitted.
    out
        Folder of the step.
    inputs
        Folder of each step that it uses: `table`.

    Returns
    -------
    dict
        Notes of the fit, for `done.json`.
    """
    table = tables.read_table(inputs.table / "results.csv")
    fitted = fits.write(
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
