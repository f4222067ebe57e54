"""Scaling laws from a table of runs: pure functions, no torch, no plots.

`fit_table` takes a results table (ours or published by others) and finds, for each game and budget,
the compute-optimal point (`optima`), then the power laws of these points on compute (`power`). What
does not enter is listed (`regime`); what cannot be fitted is a record with its reason (`records`).
"""

from ilscaling.laws.metrics import metrics
from ilscaling.laws.optima import METHODS, curve
from ilscaling.laws.power import power_law, predict
from ilscaling.laws.records import LAWS, Fit, Line, read_fits
from ilscaling.laws.study import StudyFit, fit_table, read, write

__all__ = [
    "LAWS",
    "METHODS",
    "Fit",
    "Line",
    "StudyFit",
    "curve",
    "fit_table",
    "metrics",
    "power_law",
    "predict",
    "read",
    "read_fits",
    "write",
]
