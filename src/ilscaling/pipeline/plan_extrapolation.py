"""What the fitted laws propose and predict at the forecast's budget, before anything is trained."""

import argparse
from pathlib import Path

import pandas as pd

from ilscaling import laws, plan, tables
from ilscaling.params import Params
from ilscaling.pipeline import result_folder, study_context
from ilscaling.plan import extrapolation


def foretell(
    params: Params, fit: laws.StudyFit, rows: pd.DataFrame, name: str, budget: float
) -> tuple[dict, list[dict]]:
    """What the laws propose for a game at a budget, and every prediction, as records for JSON.

    Parameters
    ----------
    params
        The study.
    fit
        Its laws.
    rows
        The game's, of the results table.
    name
        Of its section.
    budget
        FLOPs.
    """
    sizes = plan.buildable(name, params.games[name], 100 * rows["params"].max())
    forecast = laws.forecast(rows, params.laws, budget, sizes={name: sizes})
    proposed = laws.proposal(fit, forecast, name, budget, sizes)
    return proposed, forecast.astype(object).where(forecast.notna(), None).to_dict("records")


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
    for name in wanted.games:
        rows, budget = table[table["game"] == name], extrapolation.budget(wanted, name)
        proposed, predicted = foretell(wanted, fit, rows, name, budget)
        proposals.append(proposed)
        predictions += predicted
    trainable = extrapolation.possible(wanted, proposals)
    return {"proposals": trainable, "predictions": predictions}


if __name__ == "__main__":
    result_folder.main(make, __doc__, "table", "fit")
