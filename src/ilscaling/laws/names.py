"""The names of the package, which it imports when the first is asked for."""
# ruff: noqa: F401

from ilscaling.laws.doubts import determined
from ilscaling.laws.forms import FORMS, POWER, Form, Toward
from ilscaling.laws.goal import goals
from ilscaling.laws.lines import power_law, predict
from ilscaling.laws.more_seeds import precision
from ilscaling.laws.optima import curve
from ilscaling.laws.prediction import forecast
from ilscaling.laws.profiles import METHODS
from ilscaling.laws.recommendation import proposal
from ilscaling.laws.records import LAWS, Fit, Line, read_fits
from ilscaling.laws.results import LawFit, changed, fit
from ilscaling.laws.sizing import excess_compute
from ilscaling.laws.study import StudyFit, fit_table, read, write
from ilscaling.laws.study_metrics import metrics
from ilscaling.laws.validation import curves, summary
