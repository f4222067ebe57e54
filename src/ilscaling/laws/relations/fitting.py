"""A relation fitted to one game's rows by least squares, with draws of whole runs."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr, stdtrit

from ilscaling.laws.draws import generator
from ilscaling.laws.forms.straight import EXACT
from ilscaling.laws.relations.relation import CELL, Relation, Values
from ilscaling.laws.relations.squares import best, each
from ilscaling.laws.runs import RUN

# In a direction in which a step of e moves the curve by less than this share of the response, the
# rows tell nothing; STEP: of the derivative; SAID: the share of a direction that is a parameter's.
FLAT, STEP, SAID = 1e-6, 1e-4, 0.01


@dataclass(frozen=True)
class RelationFit:
    """A relation through one game's rows.

    Parameters
    ----------
    relation : Relation
    theta : array (parameters,)
        The estimate; NaN where it could not be fitted.
    draws : array (draws, parameters)
        Of whole runs drawn with replacement.
    n, runs : int
        Rows, and the runs that they are of.
    rss : float
        Sum of squared residuals, on the relation's scale.
    fixed : dict of str to float
        Parameters that were held.
    reason : str
        'code: sentence' if it could not be fitted, else empty.
    undetermined : tuple of str
        Parameters that could be others by far, and the curve the same.
    """

    relation: Relation
    theta: np.ndarray
    draws: np.ndarray
    n: int
    runs: int
    rss: float
    fixed: dict[str, float]
    reason: str = ""
    undetermined: tuple[str, ...] = ()

    def __repr__(self) -> str:
        values = zip(self.relation.parameters, self.theta, strict=True)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in values)
        return f"<{self.relation.name}: {self.reason or shown}; {self.n} rows of {self.runs} runs>"

    @property
    def params(self) -> pd.Series:
        """The estimates by name."""
        return pd.Series(self.theta, self.relation.parameters, name=self.relation.name)

    def conf_int(self, level: float = 0.95) -> pd.DataFrame:
        """Percentile intervals of the draws, a row a parameter with columns low and high; empty
        values where less than half of the draws could be fitted, there is one run, a parameter was
        held, what the rows do not tell seems certain, or both ends are the same bound.

        The percentiles are expanded, as few runs make draws too narrow (Hesterberg 2015, 'What
        teachers should know about the bootstrap', section 5.3): those of a normal at
        t sqrt(m / (m - 1)), Student's quantile with m - 1 degrees of freedom, m the runs less the
        parameters after the first.
        """
        ends = np.full((len(self.theta), 2), np.nan)
        known = np.isfinite(self.draws).all(1)
        if len(self.draws) and 2 * known.sum() > len(self.draws) and self.runs > 1:
            m = max(self.runs - (len(self.theta) - len(self.fixed)) + 1, 2)
            outside = ndtr(-np.sqrt(m / (m - 1)) * stdtrit(m - 1, 0.5 + level / 2))
            quantiles = (outside, 1 - outside)
            ends = np.quantile(self.draws[known], quantiles, axis=0).T
        held = [name in self.fixed for name in self.relation.parameters]
        ends[held] = np.nan
        # Draws start where the estimate is, and stay there where nothing leads away.
        log = np.array(self.relation.lower) > 0
        with np.errstate(all="ignore"):
            wide = np.where(log, np.log(ends[:, 1] / ends[:, 0]), ends[:, 1] - ends[:, 0])
        loose = [name in self.undetermined for name in self.relation.parameters]
        ends[np.array(loose) & (wide < 2)] = np.nan
        # Where all draws end at a bound, the bound is ours and not what the rows say.
        for bound in (self.relation.lower, self.relation.upper):
            ends[np.isclose(ends, np.array(bound)[:, None], rtol=1e-3, atol=1e-9).all(1)] = np.nan
        return pd.DataFrame(ends, self.relation.parameters, ["low", "high"])

    def predict(self, **values) -> np.ndarray:
        """The response at values of the variables.

        Parameters
        ----------
        **values : array (points,) or float
            All variables of the relation, by name.

        Returns
        -------
        array (points,)
            In the unit of the response (see relation.VARIABLES).
        """
        x = {name: np.asarray(values[name], np.float64) for name in self.relation.variables}
        return self.relation.mean(x, self.theta)

    @property
    def aic(self) -> float:
        """Akaike's criterion with the small-sample term, as of `forms.form.Curve.aic`."""
        p = len(self.theta) - len(self.fixed) + 1
        if self.n <= p + 1 or not np.isfinite(self.rss):
            return np.nan
        deviance = self.n * np.log(max(self.rss / self.n, EXACT**2))
        return float(deviance + 2 * p + 2 * p * (p + 1) / (self.n - p - 1))


def fit(
    relation: Relation,
    table: pd.DataFrame,
    *,
    draws: int = 0,
    seed: int = 0,
    fixed: dict[str, float] | None = None,
) -> RelationFit:
    """Fit a relation to the rows of one game.

    Parameters
    ----------
    relation
        The law.
    table
        Rows of one game with the relation's columns, those that make a run (`runs.RUN`) and, if
        `relation.rows` chooses among budgets, `position`.
    draws
        Resamples of whole runs.
    seed
        Of the draws.
    fixed
        Parameters to hold, such as those that others have published.
    """
    fixed = dict(fixed or {})
    run = run_of(table)
    # Few columns of one type: taking rows of a whole table costs more than the fits.
    table = table[[c for c in dict.fromkeys((*relation.columns, *CELL)) if c in table]]
    x, y, _ = relation.read(relation.rows(table))
    count = len(relation.parameters) - len(fixed)
    empty = np.full(len(relation.parameters), np.nan)
    if len(y) <= count or len(np.unique(y)) < 2:
        reason = f"not_fitted: {len(y)} usable rows, {relation.name} needs {count + 1}"
        if len(y) > count:
            reason = f"not_fitted: what is explained is the same in all {len(y)} usable rows"
        nothing = np.empty((0, len(empty)))
        return RelationFit(relation, empty, nothing, len(y), 0, np.nan, fixed, reason)
    theta, rss = best(relation, x, y, relation.starts(x, y), fixed)
    drawn, samples = np.full((draws, len(theta)), np.nan), {}
    names = np.unique(run)
    random = generator(relation.name, seed, "relation")
    members = [np.flatnonzero(run == name) for name in names]
    for k in range(draws):
        chosen = random.integers(len(names), size=len(names))
        some = table.iloc[np.concatenate([members[i] for i in chosen])]
        x_k, y_k, _ = relation.read(relation.rows(some))
        if len(y_k) > count and len(np.unique(y_k)) > 1:
            samples[k] = x_k, y_k
    if samples:
        drawn[list(samples)] = each(relation, list(samples.values()), theta, fixed)
    loose = undetermined(relation, x, y, theta, fixed)
    return RelationFit(relation, theta, drawn, len(y), len(names), rss, fixed, undetermined=loose)


def undetermined(
    relation: Relation, x: Values, y: np.ndarray, theta: np.ndarray, fixed: dict[str, float]
) -> tuple[str, ...]:
    """Parameters that could be others by far, and the curve the same at the rows.

    Parameters
    ----------
    relation
        The law.
    x : dict of str to array (rows,)
        The variables.
    y : array (rows,)
        The response.
    theta : array (parameters,)
        The estimate.
    fixed
        Parameters that are held, by name.
    """
    log = np.array(relation.lower) > 0
    names = [name for name in relation.parameters if name not in fixed]

    def curve(name: str, step: float) -> np.ndarray:
        moved, at = theta.copy(), relation.parameters.index(name)
        moved[at] = moved[at] * np.exp(step) if log[at] else moved[at] + step
        with np.errstate(all="ignore"):
            mean = relation.mean(x, moved)
            return np.log(mean) if relation.logs else mean

    slopes = [(curve(name, STEP) - curve(name, -STEP)) / (2 * STEP) for name in names]
    if not names or not np.isfinite(slopes).all():
        return ()
    scale = np.sqrt(len(y)) * (1.0 if relation.logs else np.abs(y).max())
    _, sizes, directions = np.linalg.svd(np.array(slopes).T, full_matrices=False)
    flat = np.abs(directions[sizes < FLAT * scale]) > SAID
    return tuple(name for name, loose in zip(names, flat.any(0), strict=True) if loose)


def at_bounds(relation: Relation, theta: np.ndarray) -> tuple[str, ...]:
    """Parameters at an end of what is sought."""
    ends = zip(relation.parameters, theta, relation.lower, relation.upper, strict=True)
    return tuple(
        name
        for name, value, low, high in ends
        if np.isclose(value, high, rtol=1e-3) or np.isclose(value, low, rtol=1e-3, atol=1e-9)
    )


def run_of(table: pd.DataFrame) -> np.ndarray:
    """The run that each row is a snapshot of, as far as the table tells.

    Parameters
    ----------
    table
        Rows of a results table. Without any column that makes a run (`runs.RUN`, the game and its
        section) each row is a run.

    Returns
    -------
    array of int (rows,)
    """
    named = [c for c in ("game", "section", *RUN) if c in table and table[c].notna().any()]
    if not named:
        return np.arange(len(table))
    return table.groupby(named, dropna=False).ngroup().to_numpy()
