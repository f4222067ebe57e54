"""What a fit is: one record a (game, law, method), and the laws there are."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from ilscaling.errors import FitError
from ilscaling.files import read_json


@dataclass(frozen=True)
class Law:
    """A power law y = exp(intercept) * x ** estimate between columns of the optima table.

    Parameters
    ----------
    x, y : str
        Columns; inverse_loss is 1 / L_min.
    optimum : str
        Suffix of the columns that judge it: used, reason, edge (+ _return).
    judge : str
        Column that says whether the measurement that chose an optimum is another than y's.
    meaning : str
    """

    x: str
    y: str
    optimum: str
    judge: str
    meaning: str


LAWS = {
    "L_min": Law("flops", "L_min", "", "tested", "lowest loss on compute"),
    "N_opt": Law("flops", "N_opt", "", "", "loss-optimal parameters on compute"),
    "D_opt": Law("flops", "D_opt", "", "", "loss-optimal samples on compute"),
    "R_max": Law("flops_return", "R_max", "_return", "halved", "highest return on compute"),
    "R_on_1/L": Law("inverse_loss", "R_opt", "", "tested", "return on 1/loss at the loss optima"),
}


class Line(TypedDict):
    """What the band of a fitted line needs, in natural logs of x and y: the variance of the line at
    x is sigma^2 (1 / n + (ln x - centre)^2 / sxx), n that of the record."""

    centre: float  # mean of ln x; by bootstrap: where the resamples' lines scatter least
    sxx: float  # sum of squares of ln x about it; by bootstrap: for the scatter of the slopes
    sigma: float | None  # residual standard deviation of ln y, with `dof` degrees of freedom
    own: float | None  # standard deviation of a new measurement about the line; None: sigma
    dof: int
    x_low: float  # range of the data: x, not its logarithm
    x_high: float


class Fit(TypedDict):
    """A record of fits.json: ln y = intercept + estimate * ln x, or the reason why not.

    Values are JSON's own types and never NaN. A law that cannot be fitted has estimate None; the
    flags, each 'code: sentence', say why, and what else a sceptic should know.
    """

    game: str
    law: str  # a key of LAWS, or loss: the surface L(N, D)
    method: str  # grid, vertex, quadratic, chinchilla or varpro
    form: str  # power, saturating, broken, surface, or one of a study's own
    parameter: str  # what is estimated: exponent, offset, E, alpha, ...
    flops: str  # compute fitted on: realised or nominal
    estimate: float | None
    intercept: float | None  # natural logarithm of the factor
    ci_low: float | None  # interval of the estimate
    ci_high: float | None
    level: float  # of the interval
    interval: str | None  # how it was found: a key of INTERVALS
    n: int  # points, or cells of a surface
    r2: float | None  # of ln y
    durbin_watson: float | None  # of the residuals along x; far below 2: they are correlated
    flags: list[str]
    line: Line | None


# interval -> how it was found
INTERVALS = {
    "t": "Student's, of ordinary least squares over budgets",
    "bootstrap": "resampled runs: their standard deviation times Student's quantile; of the "
    "parameters of a surface, their quantiles",
    "delta": "delta method, errors clustered by run",
}


def blank(**known) -> Fit:
    """A record with nothing fitted, but for what is known."""
    return Fit(**{**dict.fromkeys(Fit.__annotations__), "flags": [], **known})


def read_fits(path: str | Path) -> list[Fit]:
    """Read fits.json; raises FitError if it is not a list of records."""
    try:
        fits = read_json(path, list)
        wrong = [fit for fit in fits if set(fit) != set(Fit.__annotations__)]
    except (OSError, ValueError, TypeError) as error:
        raise FitError(f"cannot read fits: {error}", where=str(path)) from None
    if wrong:
        raise FitError(f"{len(wrong)} records lack fields of a fit", where=str(path))
    return fits
