"""The exponents to quote: the median of four methods, resampled as one statistic.

Each method has a weakness that another lacks: a vertex throws away what its neighbours in compute
know, a surface is wrong where its form is. Their median follows none of them far.
docs/coverage.md has how often its interval covers planted exponents, and how wide it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ilscaling.laws import surfaces
from ilscaling.laws.draws import Draws, interval
from ilscaling.laws.forms import POWER
from ilscaling.laws.runs import Runs
from ilscaling.params import Laws

NAME = "median"
LAWS = ("N_opt", "D_opt")
# Resamples: a standard deviation needs no more.
DRAWS = 300
# Methods that a median needs, and budgets.
FEWEST, BUDGETS = 3, 3


@dataclass(frozen=True)
class Headline:
    """The exponents to quote, and sizes and samples by the same median (a Frontier).

    Parameters
    ----------
    exponents : dict of str to array (draws,)
        By law; NaN where too few methods have one.
    flags : dict
        Law -> list of 'code: sentence'.
    n : int
        Cells that they rest on.
    dof : int
        Degrees of freedom between runs (see Draws).
    methods : tuple of Frontier
        Those that the median is of.
    vertex : Frontier, optional
        Whose optima say how a new one scatters.
    """

    exponents: dict[str, np.ndarray]
    flags: dict[str, list[str]]
    n: int
    dof: int
    methods: tuple = ()
    vertex: object = None
    method: str = NAME
    form: str = POWER

    @property
    def parameters(self) -> dict[tuple[str, str], np.ndarray]:
        return {(law, "exponent"): values for law, values in self.exponents.items()}

    @property
    def runs_dof(self) -> int:
        return self.dof

    def predict(self, law: str, C: np.ndarray) -> np.ndarray:
        """The median of the methods' values at compute C (see Frontier.predict).

        In logarithms; NaN where fewer than FEWEST of them have one, and for laws but LAWS.
        """
        C = np.asarray(C, dtype=np.float64)
        values = self.exponents[LAWS[0]]
        if law not in LAWS or not self.methods:
            return np.full((len(values), len(C)), np.nan)
        with np.errstate(all="ignore"):
            every = np.log([f.predict(law, C)[: len(values)] for f in self.methods])
        every[:, ~np.isfinite(self.exponents[law])] = np.nan
        several = np.isfinite(every).sum(axis=0) >= FEWEST
        middle = np.full(several.shape, np.nan)
        middle[several] = np.exp(np.nanmedian(every[:, several], axis=0))
        return middle

    def spread(self, law: str) -> tuple[float, int]:
        """How the vertices scatter about the median (see Frontier.spread)."""
        curve = None if self.vertex is None else self.vertex.curves.get(law)
        if curve is None:
            return np.nan, 0
        there = np.isfinite(curve.x[0]) & np.isfinite(curve.y[0])
        with np.errstate(all="ignore"):
            away = np.log(curve.y[0, there] / self.predict(law, curve.x[0, there])[0])
        away = away[np.isfinite(away)]
        freedom = len(away) - 2
        return (float(np.sqrt(away @ away / freedom)), freedom) if freedom > 0 else (np.nan, 0)

    def scatter(self, law: str) -> float:
        """See frontier.Points.scatter: that of the vertices."""
        return 0.0 if self.vertex is None else self.vertex.scatter(law)


def headline(runs: Runs, draws: Draws, frontiers: Sequence, settings: Laws) -> Headline:
    """The median of the exponents by the vertex and the three surfaces, in every draw.

    All four are fitted to the same resamples, those of whole runs' residuals (see draws), so that
    the median is resampled as one statistic. A method without an exponent of the measurement is
    left out, with a flag; so is the median of fewer than FEWEST methods.

    Parameters
    ----------
    runs : Runs
        What surfaces are fitted to: rows of the budgets that enter.
    draws : Draws
        Of the same rows.
    frontiers : sequence of Frontier
        Those of `draws` by the vertex are taken from here.
    settings
        Of the surfaces; `level` is that of the intervals by which methods disagree.

    Returns
    -------
    Headline
        Of DRAWS resamples at most; of the measurement alone, as NaN, with fewer than BUDGETS
        budgets.
    """
    budgets = len(np.unique(runs.position[np.isfinite(runs.L)]))
    if budgets < BUDGETS:
        # A surface goes through two budgets as a line does: nothing is left that could disagree.
        why = f"not_fitted: {budgets} budgets, an exponent to quote needs {BUDGETS}"
        nothing = {law: np.full(1, np.nan) for law in LAWS}
        return Headline(nothing, {law: [why] for law in LAWS}, len(runs.L), draws.dof)
    count = min(draws.count, DRAWS)
    some = replace(
        draws,
        values={name: values[: 1 + count] for name, values in draws.values.items()},
        weight=draws.weight[: 1 + count],
    )
    fitted = {f.method: f for f in surfaces.about(runs, some, settings)}
    fitted |= {f.method: f for f in frontiers if (f.method, f.form) == ("vertex", POWER)}
    exponents, flags = {}, {law: [] for law in LAWS}
    for law in LAWS:
        by = {method: f.parameters[law, "exponent"][: 1 + count] for method, f in fitted.items()}
        known = {method: values for method, values in by.items() if np.isfinite(values[0])}
        if len(known) < len(by):
            lacking = ", ".join(sorted(by.keys() - known.keys()))
            flags[law].append(f"methods: {lacking} gives no exponent")
        values = np.full(1 + count, np.nan)
        if len(known) >= FEWEST:
            every = np.stack(list(known.values()))
            several = np.isfinite(every).sum(axis=0) >= FEWEST
            values[several] = np.nanmedian(every[:, several], axis=0)
            flags[law] += _apart(known, values[0], draws.dof, settings.level)
        else:
            flags[law].append(f"not_fitted: a median needs {FEWEST} methods with an exponent")
        exponents[law] = values
    n = int(np.isfinite(runs.L).sum())
    vertex = fitted.get("vertex")
    return Headline(exponents, flags, n, draws.dof, tuple(fitted.values()), vertex)


def _apart(known: dict[str, np.ndarray], middle: float, dof: int, level: float) -> list[str]:
    """A flag of the methods whose interval does not hold the median, if any."""
    away = []
    for method, values in known.items():
        ends = interval(values, dof, level)
        if ends is not None and not ends[0] <= middle <= ends[1]:
            away.append(f"{method} says {values[0]:.3f} [{ends[0]:.3f}, {ends[1]:.3f}]")
    return [f"disagree: {'; '.join(away)}, which does not hold it"] if away else []
