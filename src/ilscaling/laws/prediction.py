"""What the laws say of a larger budget, the budget that a return needs, and what to train."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ilscaling.errors import FitError
from ilscaling.laws import bounded, chance, doubts, headline, optima, validation, verdicts
from ilscaling.laws import draws as resampling
from ilscaling.laws.forms import POWER
from ilscaling.laws.frontier import Frontier
from ilscaling.laws.game import Admitted, admit, frontiers, middle
from ilscaling.laws.interval import prediction
from ilscaling.laws.weights import refuse_without_errors
from ilscaling.params import Laws

COLUMNS = {
    "game": "str",
    "method": "str",
    "form": "str",
    "budget": "float64",
    "quantity": "str",
    "estimate": "float64",
    "low": "float64",
    "high": "float64",
    "level": "float64",
    "size": "float64",
    "size_params": "float64",
    "quoted": "bool",
    "flags": "str",
}
GOALS = {
    "game": "str",
    "method": "str",
    "form": "str",
    "return_wanted": "float64",
    "budget": "float64",
    "low": "float64",
    "high": "float64",
    "flags": "str",
}
QUANTITIES = ("L_min", "N_opt", "D_opt", "R_max", "R_on_1/L")
# A goal is sought up to this multiple of the largest budget, at so many budgets.
FAR, STEPS = 1e12, 600
# The surface to believe where there are no profiles.
SURFACE = "chinchilla"

Sizes = Sequence[tuple[float, float]]
# Its name, what of it was admitted, and its frontiers by every method.
FittedGame = tuple[str, Admitted, list[Frontier]]


def forecast(
    table: pd.DataFrame,
    settings: Laws,
    budget: float,
    *,
    sizes: dict[str, Sizes] | None = None,
    games: list[FittedGame] | None = None,
) -> pd.DataFrame:
    """What every method says of each game at one budget.

    Parameters
    ----------
    table : DataFrame
        A results table.
    settings
        How laws are fitted.
    budget : float
        Training FLOPs.
    sizes : dict of str to sequence of (size, parameters), optional
        What can be built of each game.
    games : list, optional
        The table's games as `fitted` returns them; by default they are fitted here.

    Returns
    -------
    DataFrame
        Of COLUMNS. `quoted` marks the row of each quantity to believe: by the game's quoted method,
        in the form that the verdict on its law prefers.

    Raises
    ------
    FitError
        For a budget that is not positive.
    """
    return pd.concat(
        [
            of_game(table, one, budget, level=settings.level, sizes=(sizes or {}).get(one[0]))
            for one in games or fitted(table, settings)
        ],
        ignore_index=True,
    )


def of_game(
    table: pd.DataFrame,
    one: FittedGame,
    budget: float,
    *,
    level: float,
    sizes: Sequence[tuple[int, int]] | None = None,
) -> pd.DataFrame:
    """The rows of `forecast` of one game.

    Parameters
    ----------
    table
        A results table.
    one
        Of `fitted`.
    budget
        Training FLOPs.
    level
        Of the prediction intervals.
    sizes
        What can be built: size and parameters.
    """
    name, admitted, of = one
    mine = table[table["game"] == name]
    rows = predictions(admitted.runs, of, budget, level=level, sizes=sizes, expert=_expert(mine))
    best = optima.table(admitted.optima)
    rows["quoted"] = _quoted(rows, name, best, of)
    rows = _with_bounded(rows, mine)
    for at in rows.index[rows["quoted"]]:
        method = rows.at[at, "method"]
        method = optima.method(best) if method == headline.NAME else method
        if flag := doubts.at_edge(best, rows.at[at, "quantity"], method):
            rows.at[at, "flags"] = "; ".join(filter(None, [flag, rows.at[at, "flags"]]))
    return rows


def goals(
    table: pd.DataFrame, settings: Laws, wanted: float, *, games: list[FittedGame] | None = None
) -> pd.DataFrame:
    """The budget at which each game's return reaches a wanted one.

    Parameters
    ----------
    table
        A results table.
    settings
        How laws are fitted.
    wanted
        Return, in points of the game.
    games : list, optional
        The table's games as `fitted` returns them; by default they are fitted here.

    Returns
    -------
    DataFrame
        Of GOALS, a row a (game, method, form); see `goals_of`.

    Raises
    ------
    FitError
        For a return that is not positive.
    """
    parts = [
        goals_of(
            admitted.runs,
            [frontier for frontier in of if frontier.method != headline.NAME],
            wanted,
            level=settings.level,
            expert=_expert(table[table["game"] == name]),
        )
        for name, admitted, of in games or fitted(table, settings)
    ]
    return pd.concat(parts, ignore_index=True)


def fitted(table: pd.DataFrame, settings: Laws) -> list[FittedGame]:
    """Each game of a table, what of it was admitted, and its frontiers by every method, the median
    that is quoted among them.

    Parameters
    ----------
    table
        A results table.
    settings
        How laws are fitted.

    Raises
    ------
    FitError
        If cells are to be weighed by standard errors that no row has.
    """
    refuse_without_errors(table, settings)
    every = []
    for game in sorted(table["game"].unique()):
        admitted = admit(table[table["game"] == game], game, settings)
        drawn = resampling.draw(admitted.runs, settings.bootstrap, settings.seed)
        of = frontiers(admitted, admitted.runs, drawn, settings)
        median = middle(admitted, drawn, of, settings) if admitted.runs.isoflop else None
        every.append((game, admitted, [*of, *([median] if median is not None else [])]))
    return every


def _with_bounded(rows: pd.DataFrame, mine: pd.DataFrame) -> pd.DataFrame:
    """Predictions with those of returns that end at the expert's, which are to be believed where
    the others go beyond it or say nothing."""
    if not len(rows):
        return rows
    loss = rows.loc[rows["quoted"] & (rows["quantity"] == "L_min"), "estimate"]
    common = rows.iloc[0][["game", "budget", "level"]].to_dict()
    found = bounded.returns(mine, common["budget"], float(loss.iloc[0]) if len(loss) else np.nan)
    for each in found:
        same = rows["quoted"] & (rows["quantity"] == each["quantity"])
        beyond = rows.loc[same, "flags"].str.contains("beyond_expert")
        each["quoted"] = bool(beyond.all())
        if each["quoted"]:
            rows.loc[same, "quoted"] = False
    return _typed([*rows.to_dict("records"), *({**common, **each} for each in found)], COLUMNS)


def _expert(rows: pd.DataFrame) -> float:
    """The expert's return, NaN where no row has it."""
    column = rows["expert_return"] if "expert_return" in rows else pd.Series(dtype=float)
    return float(pd.to_numeric(column, errors="coerce").max())


def _quoted(rows: pd.DataFrame, game: str, best: pd.DataFrame, of: list[Frontier]) -> pd.Series:
    """Which row of each quantity to believe: by the game's quoted method, in the form that its
    verdict prefers, parameters and samples by the median where the power law holds; of a table
    without isoFLOP profiles by Chinchilla's surface."""
    lines = [frontier for frontier in of if frontier.method != headline.NAME]
    rare = chance.chances(lines, verdicts.COMPARED)
    judged = verdicts.verdicts(game, best, validation.table([]), rare)
    method = optima.method(best) if len(best) else SURFACE
    quoted = pd.Series(False, index=rows.index)
    for law in QUANTITIES:
        form = (
            "surface"
            if method == SURFACE
            else preferred(judged, game, "L_min" if law == "R_on_1/L" else law, method)
        )
        known = (rows["quantity"] == law) & rows["estimate"].notna()
        median = known & (rows["method"] == headline.NAME)
        if form == POWER and median.any():
            quoted |= median
        else:
            quoted |= known & (rows["method"] == method) & (rows["form"] == form)
    return quoted


def _beyond(value: float, expert: float | None) -> list[str]:
    """A flag of a return above the expert's, if any."""
    if expert is None or not (np.isfinite(expert) and expert > 0 and value > expert):
        return []
    return [
        f"beyond_expert: {value / expert:.3g} times the expert's return, {expert:.4g}; nothing in"
        " imitation says that a law goes on there"
    ]


def predictions(
    runs,
    frontiers: Sequence,
    budget: float,
    *,
    level: float,
    sizes: Sizes | None = None,
    expert: float | None = None,
) -> pd.DataFrame:
    """Every quantity of one game at one budget, by each of its frontiers.

    Parameters
    ----------
    runs : Runs
        The admitted rows of the game.
    frontiers : sequence of Frontier
    budget
        Training FLOPs.
    level
        Of the intervals of a new measurement (see interval.prediction).
    sizes : sequence of (size, parameters), optional
        What can be built: N_opt's rows name the nearest in ln parameters.
    expert
        The expert's return, in points of the game; a return beyond it is flagged.

    Returns
    -------
    DataFrame
        Of COLUMNS. What cannot be predicted has an empty estimate and a flag that says why.

    Raises
    ------
    FitError
        For a budget that is not positive.
    """
    if not (np.isfinite(budget) and budget > 0):
        raise FitError(f"a budget is a positive number of FLOPs, not {budget:g}")
    away = outside(budget, runs.budget)
    rows = []
    for frontier in frontiers:
        for law in QUANTITIES:
            value, low, high, flags = _at(frontier, law, budget, level)
            if np.isnan(value) and not flags:
                if not any(name == law for name, _ in frontier.parameters):
                    continue  # a law that this method does not have
                flags.append("not_fitted: the measurement does not determine it")
            flags += away
            if law.startswith("R_"):
                flags += _beyond(value, expert)
            row = {"quantity": law, "estimate": value, "low": low, "high": high, "quoted": False}
            if law == "N_opt" and sizes and np.isfinite(value):
                row["size"], row["size_params"], more = nearest(value, sizes)
                flags += more
            names = {"game": runs.game, "method": frontier.method, "form": frontier.form}
            rows.append(
                {**names, "budget": budget, "level": level, **row, "flags": "; ".join(flags)}
            )
    return _typed(rows, COLUMNS)


def outside(budget: float, budgets: np.ndarray) -> list[str]:
    """The flag of a budget beyond those that were measured.

    Parameters
    ----------
    budget
        Training FLOPs.
    budgets
        Those of a table, of any number.
    """
    if not len(budgets):
        return []
    for times, of in (
        (budget / float(np.max(budgets)), "largest"),
        (float(np.min(budgets)) / budget, "smallest"),
    ):
        if times > 1 + 1e-9:
            factor = times if of == "largest" else 1 / times
            return [f"extrapolated: {factor:.3g} times the {of} budget"]
    return []


def _at(frontier, law: str, budget: float, level: float) -> tuple[float, float, float, list[str]]:
    """Value, interval and flags of a law at one budget."""
    flags = list(frontier.flags.get(law, ()))
    value, low, high = (float(v[0]) for v in prediction(frontier, law, np.array([budget]), level))
    if not np.isfinite(value):
        if _fits(frontier, law):
            flags.append("not_predicted: the law has no value at this budget")
        value = low = high = np.nan
    elif not np.isfinite(low + high):
        flags.append("no_interval: the residuals leave no degree of freedom")
    return value, low, high, flags


def nearest(params: float, sizes: Sizes) -> tuple[float, float, list[str]]:
    """What can be built that is nearest in ln parameters.

    Parameters
    ----------
    params
        Parameters wanted.
    sizes : sequence of (size, parameters)
        At least one.

    Returns
    -------
    size, parameters : float
    flags : list of str
        If that is not near: beyond what can be built, or more than 10 % off.
    """
    there = sorted(sizes, key=lambda pair: pair[1])
    size, built = min(there, key=lambda pair: abs(np.log(pair[1] / params)))
    smallest, largest = there[0][1], there[-1][1]
    flags = []
    if not smallest <= params <= largest:
        flags.append(
            f"unbuildable: {params:.3g} parameters, {smallest:.3g} to {largest:.3g} can be"
        )
    elif abs(np.log(built / params)) > np.log(1.1):
        flags.append(f"size: the nearest has {built / params:.2g} times the parameters")
    return float(size), float(built), flags


def goals_of(
    runs, frontiers: Sequence, wanted: float, *, level: float, expert: float | None = None
) -> pd.DataFrame:
    """The budget at which each frontier's return reaches a wanted one.

    By grid and vertex the law of the highest return, by the surfaces the return at the loss
    optimum.

    Parameters
    ----------
    runs : Runs
        The admitted rows of the game.
    frontiers : sequence of Frontier
    wanted
        Return, in points of the game.
    level
        Of the interval, which is that of the law, by its draws; an infinite end is empty and
        flagged.
    expert
        The expert's return, in points of the game; a wanted return beyond it is flagged.

    Returns
    -------
    DataFrame
        Of GOALS, a row a frontier.

    Raises
    ------
    FitError
        For a return that is not positive.
    """
    if not (np.isfinite(wanted) and wanted > 0):
        raise FitError(f"a return has a law only where it is positive, not {wanted:g}")
    rows = []
    for frontier in frontiers:
        law = next((law for law in ("R_max", "R_on_1/L") if _fits(frontier, law)), None)
        names = {"game": runs.game, "method": frontier.method, "form": frontier.form}
        if law is None:
            why = frontier.flags.get("R_max") or frontier.flags.get("R_on_1/L")
            flags = list(why or ["not_fitted: there is no law of the return"])
            goal = {"flags": "; ".join(flags)}
        else:
            goal = _goal(frontier, law, runs, wanted, level)
            flags = [goal["flags"], *_beyond(wanted, expert)]
            goal["flags"] = "; ".join(filter(None, flags))
        rows.append({**names, "return_wanted": wanted, **goal})
    return _typed(rows, GOALS)


def _fits(frontier, law: str) -> bool:
    values = [v[0] for (name, _), v in frontier.parameters.items() if name == law]
    return bool(values) and np.isfinite(values).any()


def _goal(frontier, law: str, runs, wanted: float, level: float) -> dict:
    """Budget, its interval and flags; the law is inverted between close steps in ln C."""
    first, last = float(np.min(runs.C)), float(np.max(runs.C))
    C = np.geomspace(first, FAR * last, STEPS)
    reached = crossing(np.log(C), frontier.predict(law, C), wanted)
    flags = list(frontier.flags.get(law, ()))
    if np.isnan(reached[0]):
        return {"flags": "; ".join([*flags, "not_fitted: the law has no value"])}
    if reached[0] == np.inf:
        top = np.nanmax(frontier.predict(law, C)[0])
        flags.append(
            f"not_reached: the law stays below {wanted:g}, at {top:.4g}, up to {FAR:g} times the"
            " largest budget"
        )
    elif reached[0] > np.log(last):
        times = np.exp(reached[0]) / last
        flags.append(f"extrapolated: {times:.3g} times the largest budget")
    elif reached[0] == np.log(first):
        flags.append("at_once: the law is there at the smallest budget")
    values = {"budget": np.exp(reached[0]) if np.isfinite(reached[0]) else np.nan}
    known = reached[1:][~np.isnan(reached[1:])]
    if 2 * len(known) < len(reached) - 1 or not len(known):
        return {**values, "flags": "; ".join([*flags, "no_interval: too few draws have a law"])}
    never = float(np.mean(known == np.inf))
    if never:
        flags.append(f"unbounded: {100 * never:.2g} % of the draws never reach it")
    low, high = _ends(reached[0], known, level)
    return {**values, "low": low, "high": high, "flags": "; ".join(flags)}


def _ends(at: float, known: np.ndarray, level: float) -> tuple[float, float]:
    """Interval of a budget from ln of the draws' budgets, NaN for an infinite end.

    The draws' deviations from their median are those of `at`, as in interval.combined: the best of
    noisy cells is too good in every draw. Where `at` or the median is infinite the draws' own lower
    end is given.
    """
    # Order statistics: between a budget and infinity there is no quantile.
    shares = (0.5 - level / 2, 0.5, 0.5 + level / 2)
    low, middle, high = (np.quantile(known, q, method="closest_observation") for q in shares)
    shift = at - middle if np.isfinite(at) and np.isfinite(middle) else 0.0
    if not np.isfinite(at):
        high = np.inf
    return tuple(float(np.exp(e + shift)) if np.isfinite(e) else np.nan for e in (low, high))


def crossing(log_x: np.ndarray, y: np.ndarray, wanted: float) -> np.ndarray:
    """ln x at which each draw first reaches a value, linear in logs.

    Parameters
    ----------
    log_x : array (points,)
        Rising.
    y : array (draws, points)
    wanted
        In the unit of y.

    Returns
    -------
    array (draws,)
        Infinite where it never does, NaN where a draw has no value.
    """
    with np.errstate(all="ignore"):
        log_y = np.log(y) - np.log(wanted)
    there = log_y >= 0
    last = np.argmax(there, axis=1)
    before, rows = np.maximum(last - 1, 0), np.arange(len(y))
    low, high = log_y[rows, before], log_y[rows, last]
    with np.errstate(all="ignore"):
        share = np.where(last > 0, -low / (high - low), 0.0)
    at = log_x[before] + np.where(np.isfinite(share), share, 1.0) * (log_x[last] - log_x[before])
    at = np.where(there.any(1), at, np.inf)
    return np.where(np.isnan(log_y).all(1), np.nan, at)


def proposal(
    fit, predicted: pd.DataFrame, game: str, budget: float, sizes: Sizes | None = None
) -> dict:
    """What to train for one game at `budget`: the size that the quoted law proposes.

    Parameters
    ----------
    fit : StudyFit
        Its method(game) is quoted, each quantity by the form that its verdict prefers, parameters
        and samples by the median where the power law holds.
    predicted : DataFrame
        A table of `forecast` at that budget.
    game
        One of the fit's.
    budget
        Training FLOPs.
    sizes : sequence of (size, parameters), optional
        What can be built.

    Returns
    -------
    dict
        game, budget, method, size and params (None where there is none), flags, and for each
        quantity estimate, low, high, level, method and form (None where unknown).
    """
    method = fit.method(game)
    of_game = predicted[predicted["game"] == game]
    mine = of_game[of_game["method"] == method]
    median = of_game[(of_game["method"] == headline.NAME) & of_game["estimate"].notna()]
    proposed = {"game": game, "budget": float(budget), "method": method}
    proposed |= {"size": None, "params": None, "flags": []}
    for law in QUANTITIES:
        # The return on 1/loss is that at a form's predicted loss.
        form = preferred(fit.verdicts, game, "L_min" if law == "R_on_1/L" else law, method)
        rows = mine[mine["quantity"] == law]
        if form == POWER and (median["quantity"] == law).any():
            rows = median[median["quantity"] == law]
        known = rows[rows["estimate"].notna()]
        row = next(
            (known[known["form"] == f] for f in (form, POWER) if (known["form"] == f).any()),
            known,
        )
        values = row.iloc[0] if len(row) else {}
        proposed[law] = {k: _number(values.get(k)) for k in ("estimate", "low", "high", "level")}
        proposed[law]["form"], proposed[law]["method"] = values.get("form"), values.get("method")
        why = values.get("flags") if len(row) else "; ".join(rows["flags"].head(1))
        if law == "N_opt":
            flags = [flag for flag in (why or f"not_fitted: no {law} law").split("; ") if flag]
            if proposed[law]["estimate"] is not None:
                size, params = values.get("size"), values.get("size_params")
                if sizes and not np.isfinite(size):
                    size, params, more = nearest(proposed[law]["estimate"], sizes)
                    flags += more
                proposed |= {"size": _whole(size), "params": _whole(params)}
            proposed["flags"] = flags
    return proposed


def preferred(verdicts: pd.DataFrame, game: str, law: str, method: str) -> str:
    """The form that a law's verdict prefers; the power law where there is no verdict.

    Parameters
    ----------
    verdicts
        A table of verdicts.COLUMNS.
    game, law, method
        Of whose verdict.
    """
    rows = verdicts[(verdicts["game"] == game) & (verdicts["law"] == law)]
    rows = rows[(rows["method"] == method) & rows["preferred"].astype(bool)]
    return rows["form"].iloc[0] if len(rows) else POWER


def _number(value) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None


def _whole(value) -> int | None:
    return None if _number(value) is None else round(float(value))


def _typed(rows: list[dict], columns: Mapping[str, str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(columns))
    texts = {name: "" for name, kind in columns.items() if kind == "str"}
    return table.fillna(texts).astype(dict(columns))
