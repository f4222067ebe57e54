"""Scaling laws from a table of runs, without torch.

    from ilscaling import laws

    fit = laws.fit("runs.csv")
    print(fit.summary())

`fit` takes anyone's table and returns an object to ask (`results`). Behind it,
`fit_table` takes a results table (ours or published by others) and finds, for each game, the
compute-optimal points of the isoFLOP profiles (`profiles`, `optima`), the power laws of these
points on compute (`lines`), their other forms (`forms`, `verdicts`), the loss as a surface over
size and data (`surfaces`), intervals from resampled runs (`draws`), and how well each law predicts
larger budgets (`validation`, `prediction`). What does not enter is listed (`regime`, `cells`); what
cannot be fitted is a record with its reason (`records`). docs/laws.md is the account of it.
"""

from ilscaling.laws.doubts import determined
from ilscaling.laws.forms import FORMS, POWER, Form, Toward
from ilscaling.laws.lines import power_law, predict
from ilscaling.laws.metrics import metrics
from ilscaling.laws.optima import curve
from ilscaling.laws.prediction import forecast, goals, proposal
from ilscaling.laws.profiles import METHODS
from ilscaling.laws.records import LAWS, Fit, Line, read_fits
from ilscaling.laws.results import LawFit, changed, fit
from ilscaling.laws.study import StudyFit, fit_table, read, write
from ilscaling.laws.validation import curves, summary

__all__ = [
    "FORMS",
    "LAWS",
    "METHODS",
    "POWER",
    "Fit",
    "Form",
    "LawFit",
    "Line",
    "StudyFit",
    "Toward",
    "changed",
    "curve",
    "curves",
    "determined",
    "fit",
    "fit_table",
    "forecast",
    "goals",
    "metrics",
    "power_law",
    "predict",
    "proposal",
    "read",
    "read_fits",
    "summary",
    "write",
]
