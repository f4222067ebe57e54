"""Scaling laws from a table of runs: pure functions, no torch, no plots.

`fit_table` takes a results table (ours or published by others) and finds, for each game, the
compute-optimal points of the isoFLOP profiles (`optima`), the power laws of these points on compute
(`power`), their other forms (`forms`, `verdicts`), the loss as a surface over size and data
(`surfaces`), intervals from resampled runs (`draws`), and how well each law predicts larger budgets
(`validation`, `forecast`). What does not enter is listed (`regime`); what cannot be fitted is a
record with its reason (`records`). docs/laws.md is the account of it.
"""

from ilscaling.laws.forecast import proposal
from ilscaling.laws.future import forecast, goals
from ilscaling.laws.metrics import metrics
from ilscaling.laws.optima import METHODS, curve
from ilscaling.laws.power import power_law, predict
from ilscaling.laws.records import LAWS, Fit, Line, read_fits
from ilscaling.laws.study import StudyFit, fit_table, read, write
from ilscaling.laws.validation import summary

__all__ = [
    "LAWS",
    "METHODS",
    "Fit",
    "Line",
    "StudyFit",
    "curve",
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
