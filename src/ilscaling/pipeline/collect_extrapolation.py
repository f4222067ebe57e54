"""What became of the forecast: its cells as they were trained and measured."""

import argparse
from pathlib import Path

from ilscaling import files
from ilscaling.pipeline import collect_table, result_folder, study_context
from ilscaling.pipeline.keys import Keys
from ilscaling.plan import extrapolation


def make(study: study_context.Study, out: Path, inputs: argparse.Namespace) -> dict:
    """The step `forecast`.

    Parameters
    ----------
    study
        Whose forecast was trained.
    out
        Folder of the step.
    inputs
        Folder of each step that it uses: `proposal`.

    Returns
    -------
    dict
        What was proposed and predicted, and rows of the results table, for `done.json`.
    """
    proposed = files.read_json(inputs.proposal / result_folder.DONE)
    wanted = Keys(extrapolation.study(study.params, proposed["proposals"]))
    predicted = {name: proposed[name] for name in ("proposals", "predictions")}
    return {**predicted, "realised": collect_table.rows(study_context.of(wanted))}


if __name__ == "__main__":
    result_folder.main(make, __doc__, "proposal")
