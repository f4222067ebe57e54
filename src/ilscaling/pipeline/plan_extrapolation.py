"""What the fitted laws propose and predict at the forecast's budget, before anything is trained."""

import argparse
from pathlib import Path

from ilscaling import laws, plan, tables
from ilscaling.pipeline import result_folder, study_context
from ilscaling.plan import extrapolation


def make(study: study_context.Study, out: Path, inputs: argparse.Namespace) -> dict:
    """The step `proposal`.

    Parameters
    ----------
    study
        Whose laws are followed.
    out
        Folder of the step.
    inputs
        Folder of each step that it uses: `table` and `fit`.

    Returns
    -------
    dict
        Proposals and predictions, records for `done.json`.

    Raises
    ------
    ParamsError
        Where every proposed cell breaks its game's own rules of the grid.
    """
    wanted, fit = study.params, laws.read(inputs.fit / "laws")
    table = tables.read_table(inputs.table / "results.csv")
    proposals, predictions = [], []
    for name, game in wanted.games.items():
        budget = extrapolation.budget(wanted, name)
        largest = table.loc[table["game"] == name, "params"].max()
        sizes = plan.buildable(name, game, 100 * largest)
        rows = table[table["game"] == name]
        forecast = laws.forecast(rows, wanted.laws, budget, sizes={name: sizes})
        known = forecast.notna()
        predictions += forecast.astype(object).where(known, None).to_dict("records")
        proposals.append(laws.proposal(fit, forecast, name, budget, sizes))
    trainable = extrapolation.possible(wanted, proposals)
    return {"proposals": trainable, "predictions": predictions}


if __name__ == "__main__":
    result_folder.main(make, __doc__, "table", "fit")
