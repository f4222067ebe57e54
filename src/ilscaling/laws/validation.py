"""Rolling-origin prediction: every law from the smaller budgets, judged on the larger ones."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from ilscaling.laws import forms
from ilscaling.laws.forms import Curve
from ilscaling.laws.interval import prediction
from ilscaling.laws.records import LAWS

COLUMNS = {
    "game": "str",
    "law": "str",
    "method": "str",
    "form": "str",
    "trained_on": "int64",
    "origin": "float64",
    "position": "int64",
    "budget": "float64",
    "ahead": "int64",
    "flops": "float64",
    "predicted": "float64",
    "low": "float64",
    "high": "float64",
    "level": "float64",
    "measured": "float64",
    "error": "float64",
    "covered": "object",
    "held_out": "bool",
}
# Budgets that the first prediction rests on: the fewest that the saturating law can be fitted to.
FEWEST = 4
# The measurement and the resamples of an origin; their quantiles need no more.
DRAWS = 100
POINT = ["position", "budget", "flops", "y"]
# Who is judged by which optima.
JUDGES = {"grid": "grid", "vertex": "vertex", "surface": "grid"}


def measured(optima: pd.DataFrame, law: str, method: str, *, surface: bool = False) -> pd.DataFrame:
    """The points of one game's law, by rising budget.

    Parameters
    ----------
    optima
        The game's rows of optima.COLUMNS.
    law
        A key of records.LAWS.
    method
        'grid' or 'vertex'.
    surface
        The loss is the one that chose the optimum, of the dev split: surfaces are fitted to it.

    Returns
    -------
    DataFrame
        position, budget and flops (FLOPs), x, y, edge (bool). Only optima that enter the law's fit
        are here, those with a logarithm among them.
    """
    form = LAWS[law]
    rows = optima[(optima["method"] == method) & optima["used" + form.optimum].astype(bool)]
    flops = rows["flops" + form.optimum]
    loss = "L_chosen" if surface else "L_min"
    x = 1 / rows[loss] if form.x == "inverse_loss" else rows[form.x]
    edge = rows["edge" + form.optimum].fillna("") != ""
    values = {"position": rows["position"], "budget": rows["budget"], "flops": flops}
    values |= {"x": x, "edge": edge}
    values["y"] = rows[loss if form.y == "L_min" else form.y]
    points = pd.DataFrame(values).sort_values("position", ignore_index=True)
    return points[(points["y"] > 0) & np.isfinite(points["x"])].reset_index(drop=True)


def curves(optima: pd.DataFrame, law: str, method: str) -> tuple[pd.DataFrame, dict[str, Curve]]:
    """The points of one game's law, and every form fitted to them.

    Parameters
    ----------
    optima, law, method
        See `measured`.

    Returns
    -------
    points : DataFrame
        See `measured`.
    curves : dict of str to Curve
        By form; the measurement alone, without resamples.
    """
    points = measured(optima, law, method)
    return points, forms.curves(points["x"].to_numpy(), points["y"].to_numpy())


def validate(
    runs,
    optima: pd.DataFrame,
    frontiers: Callable,
    *,
    level: float,
    hold_out: int = 1,
    fewest: int = FEWEST,
    draws: int = DRAWS,
) -> tuple[pd.DataFrame, list[str]]:
    """Predict every larger budget of one game from each set of smaller ones.

    The grid's optima judge the surfaces, too, by the dev losses that these are fitted to; the
    vertex's judge the vertex.

    Parameters
    ----------
    runs : Runs
        Rows of the game.
    optima
        The game's measured optima (optima.COLUMNS).
    frontiers : callable
        (runs up to an origin, number of draws) -> every method's Frontier.
    level
        Of the prediction intervals.
    hold_out
        How many of the largest budgets the held-out origin leaves out.
    fewest
        Budgets that the first prediction rests on.
    draws
        Resamples of each origin.

    Returns
    -------
    table : DataFrame
        Of COLUMNS, a row a (law, method, form, origin, larger budget) with a prediction and a
        measurement. `held_out` marks the origin that leaves out the largest budgets.
    notes : list of str
        Laws that could not be judged.
    """
    game = runs.game
    # As arrays: the loop below reads them thousands of times.
    truth = {
        (law, judge): measured(optima, law, method, surface=judge == "surface")
        for law in LAWS
        for judge, method in JUDGES.items()
    }
    positions = truth["L_min", "grid"]["position"].to_numpy()
    budgets = truth["L_min", "grid"]["budget"].to_numpy()
    truth = {key: points[POINT].to_numpy().T for key, points in truth.items()}
    last = len(positions) - hold_out  # budgets below the held-out ones
    if last < 2:
        return table([]), [_too_few(game, len(positions), hold_out + 2)]
    origins = sorted({*range(fewest, len(positions)), last})
    rows, tried = [], {}
    for count in origins:
        for frontier in frontiers(runs.upto(positions[count - 1]), draws):
            judge = frontier.method if frontier.method in JUDGES else "surface"
            for law in LAWS:
                known = any(name == law for name, _ in frontier.parameters)
                if not known and not frontier.flags.get(law):
                    continue  # a surface has no law of the highest return
                predicted = _rows(frontier, law, truth[law, judge], positions, count, level)
                key = (law, frontier.method, frontier.form)
                tried[key] = tried.get(key, 0) + len(predicted)
                more = {"origin": budgets[count - 1], "held_out": count == last}
                rows += [{**row, **more} for row in predicted]
    silent: dict[str, list[str]] = {}
    for (law, method, form), n in tried.items():
        if not n:
            silent.setdefault(f"{method} {form}", []).append(law)
    notes = [
        f"{game}: no larger budget to test {', '.join(laws)} by {way} on"
        for way, laws in silent.items()
    ]
    return table([{"game": game, "level": level, **row} for row in rows]), notes


def _rows(frontier, law, truth, positions, count, level) -> list[dict]:
    """The predictions of one law of a frontier fitted on the first `count` of the `positions`;
    truth (4, points) holds POINT."""
    position, budget, flops, y = truth[:, truth[0] > positions[count - 1]]
    if not len(budget):
        return []
    predicted, low, high = prediction(frontier, law, flops, level)
    known = np.isfinite(low) & np.isfinite(high)
    covered = (low <= y) & (y <= high)
    names = {"law": law, "method": frontier.method, "form": frontier.form}
    names |= {"trained_on": count}
    ahead = np.searchsorted(positions, position) - count + 1
    return [
        {
            **names,
            "position": position[i],
            "budget": budget[i],
            "ahead": ahead[i],
            "flops": flops[i],
            "predicted": predicted[i],
            "low": low[i],
            "high": high[i],
            "measured": y[i],
            "error": np.log(predicted[i] / y[i]),
            "covered": bool(covered[i]) if known[i] else None,
        }
        for i in np.flatnonzero(np.isfinite(predicted))
    ]


def summary(validation: pd.DataFrame) -> pd.DataFrame:
    """How each law predicted, a row a (game, law, method, form).

    Parameters
    ----------
    validation
        Rows of COLUMNS.

    Returns
    -------
    DataFrame
        `one_step` and `all_steps` are root mean squares of the error (in ln) one budget ahead and
        over all; `covered` is the share, and `held` the number, of the `intervals` that held the
        measurement; `n` the predictions, `n_one_step` those one ahead.
    """
    keys = ["game", "law", "method", "form"]
    rows = []
    for key, group in validation.groupby(keys, sort=False):
        one = group.loc[group["ahead"] == 1, "error"]
        judged = group["covered"].dropna().astype(str) == "True"
        numbers = {
            "one_step": _rms(one),
            "all_steps": _rms(group["error"]),
            "covered": float(judged.mean()) if len(judged) else np.nan,
            "held": int(judged.sum()),
            "intervals": len(judged),
            "n_one_step": len(one),
            "n": len(group),
        }
        rows.append({**dict(zip(keys, key, strict=True)), **numbers})
    columns = [*keys, "one_step", "all_steps", "covered", "held", "intervals"]
    columns += ["n_one_step", "n"]
    return pd.DataFrame(rows, columns=columns)


def _rms(values: pd.Series) -> float:
    return float(np.sqrt((values**2).mean())) if len(values) else np.nan


def _too_few(game: str, count: int, needed: int) -> str:
    budgets = f"{count} budget" + "s" * (count != 1)
    return f"{game}: too_few: {budgets} with an optimum, validation needs {needed}"


def table(rows: list[dict]) -> pd.DataFrame:
    """Rows as a table of COLUMNS with its dtypes."""
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
