"""Every relation of a results table: estimates, next-budget predictions, and verdicts in words."""

import numpy as np
import pandas as pd

from ilscaling import registry
from ilscaling.errors import FitError
from ilscaling.laws.processes import of_each
from ilscaling.laws.relations.fitting import RelationFit, at_bounds, fit
from ilscaling.laws.relations.relation import Relation
from ilscaling.laws.verdicts import BETTER, PREDICTIONS
from ilscaling.params import Laws
from ilscaling.tables import measured, positions

COLUMNS = {
    "game": "str",
    "relation": "str",
    "parameter": "str",
    "estimate": "float64",
    "low": "float64",
    "high": "float64",
    "level": "float64",
    "n": "int64",
    "runs": "int64",
    "aic": "float64",
    "next_error": "float64",
    "rival": "str",
    "verdict": "str",
    "flags": "str",
}
# Budgets that the first prediction rests on, and the quantiles of compute in their place where a
# table has no budgets that several rows share.
FEWEST, PARTS = 4, 8
# Resamples: quantiles of an interval need no more, and each is a search of its own.
DRAWS = 200


def table(
    rows: pd.DataFrame, settings: Laws, *, pooled: bool = False, processes: int = 1
) -> pd.DataFrame:
    """All relations that a results table has the columns for, fitted and judged.

    A relation with a rival is judged against it by AIC and by `next_error`, over the same
    predictions.

    Parameters
    ----------
    rows
        A results table.
    settings
        Of which `bootstrap` (DRAWS resamples at most), `level` and `seed` count here.
    pooled
        Sections of one game ('breakout__few', 'breakout__many') are taken together, as those that
        differ in how much is demonstrated are meant to be.
    processes
        Games are shared out over so many, which changes no result.

    Returns
    -------
    DataFrame
        Of COLUMNS, a row a (game, relation, parameter). `next_error` is the root mean square error
        of predicting the next budget from all smaller ones, in ln of the response or, of normalised
        returns, on their scale.

    Raises
    ------
    FitError
        For a table of which no relation can be fitted.
    """
    done = measured(rows)
    done["section"] = done["game"]
    if pooled:
        done["game"] = done["game"].str.partition("__")[0]
    work = [(str(game), of_game, settings) for game, of_game in done.groupby("game", sort=True)]
    judged = [row for rows in of_each(_of_game, work, processes) for row in rows]
    if not judged:
        raise FitError(
            "no relation has its columns",
            where="results table",
            fix="--column OURS=THEIRS maps yours; docs/relations.md says what each one needs",
        )
    return pd.DataFrame(judged, columns=list(COLUMNS)).astype(COLUMNS)


def _of_game(game: str, rows: pd.DataFrame, settings: Laws) -> list[dict]:
    """Rows of one game: all relations that its cells have the columns for."""
    placed = rows.assign(position=_positions(rows)).reset_index(drop=True)
    fits, errors = {}, {}
    for name in registry.names("RELATION"):
        relation = registry.get("RELATION", name)
        if any(column not in placed for column in relation.columns):
            continue
        draws = min(settings.bootstrap, DRAWS)
        fitted = fit(relation, placed, draws=draws, seed=settings.seed)
        if fitted.n == 0 or relation.instead_of in fits:
            continue  # the column is there, and empty
        fits[name], errors[name] = fitted, rolling(relation, placed)
    judged = []
    for name, fitted in fits.items():
        judged += _rows(game, fitted, errors[name], fits, errors, settings.level)
    return judged


def _positions(rows: pd.DataFrame) -> np.ndarray:
    """The budget of each row, or its part of the range of compute where rows share none."""
    place = positions(rows["budget"])
    if len(rows) and len(np.unique(place)) > len(rows) / 2:
        return pd.qcut(rows["flops"].rank(method="first"), min(PARTS, len(rows)), labels=False)
    return place


def rolling(relation: Relation, rows: pd.DataFrame) -> pd.Series:
    """Errors of predicting each budget from all smaller ones.

    Parameters
    ----------
    relation
        The law.
    rows
        Rows of one game, with `position` of the budget (see fitting.fit).

    Returns
    -------
    Series of float
        Position of the budget that is predicted -> root mean square error over its rows, in ln of
        the response where the relation's residuals are. The first rests on FEWEST budgets.
    """
    order, whole = np.unique(rows["position"]), relation.rows(rows)
    errors = {}
    for origin, ahead in zip(order[FEWEST - 1 :], order[FEWEST:], strict=False):
        fitted = fit(relation, rows[rows["position"] <= origin])
        x, y, _ = relation.read(whole[whole["position"] == ahead])
        if fitted.reason or not len(y):
            continue
        with np.errstate(all="ignore"):
            mean = relation.mean(x, fitted.theta)
            away = np.log(mean / y) if relation.logs else mean - y
        if np.isfinite(away).all():
            errors[ahead] = float(np.sqrt(np.mean(away**2)))
    return pd.Series(errors, dtype=np.float64)


def _rows(
    game: str,
    fitted: RelationFit,
    error: pd.Series,
    fits: dict[str, RelationFit],
    errors: dict[str, pd.Series],
    level: float,
) -> list[dict]:
    relation, ends = fitted.relation, fitted.conf_int(level)
    flags = [fitted.reason] if fitted.reason else []
    for name in at_bounds(relation, fitted.theta):
        flags.append(f"at_bound: {name} is at the end of what is sought")
    if fitted.undetermined:
        flags.append(f"undetermined: the rows do not tell {' and '.join(fitted.undetermined)}")
    verdict = ""
    if relation.rival in fits:
        verdict = _verdict(fitted, fits[relation.rival], error, errors[relation.rival])
    common = {
        "game": game, "relation": relation.name, "level": level, "n": fitted.n,
        "runs": fitted.runs, "aic": fitted.aic, "rival": relation.rival or "",
        "next_error": _rms(error), "verdict": verdict, "flags": "; ".join(flags),
    }  # fmt: skip
    return [
        {**common, "parameter": name, "estimate": value, **ends.loc[name].to_dict()}
        for name, value in zip(relation.parameters, fitted.theta, strict=True)
    ]


def _verdict(ours: RelationFit, rival: RelationFit, error: pd.Series, other: pd.Series) -> str:
    """Which of two relations of one response holds better, in words."""
    name, against = ours.relation.name, rival.relation.name
    delta = rival.aic - ours.aic
    if not np.isfinite(delta):
        return f"too few rows ({ours.n}) to compare with {against}"
    same = error.index.intersection(other.index)
    change = f"delta AIC {delta:.1f}"
    if len(same) < PREDICTIONS:
        return f"undecided: {change}, too few budgets to predict the next"
    mine, theirs = _rms(error[same]), _rms(other[same])
    errors = f"next budget's error {mine:.3g} against {theirs:.3g}"
    if abs(delta) <= BETTER:
        return f"no difference between {name} and {against}: {change}, {errors}"
    if (delta > 0) != (mine < theirs):
        return f"undecided: {change}, {errors}"
    better = name if delta > 0 else against
    return f"{better} holds better: {change}, {errors}"


def _rms(errors: pd.Series) -> float:
    return float(np.sqrt((errors**2).mean())) if len(errors) else np.nan
