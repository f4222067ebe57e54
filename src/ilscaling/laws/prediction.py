"""What the laws say of a larger budget."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ilscaling.errors import FitError
from ilscaling.laws import bounded, chance, doubts, headline, optima, validation, verdicts
from ilscaling.laws.fitted import FittedGame, expert_return, fitted, has_law, typed
from ilscaling.laws.forms import POWER
from ilscaling.laws.frontier import Frontier
from ilscaling.laws.interval import prediction
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
QUANTITIES = ("L_min", "N_opt", "D_opt", "R_max", "R_on_1/L")
# The surface to believe where there are no profiles.
SURFACE = "chinchilla"

Sizes = Sequence[tuple[float, float]]


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
    rows = predictions(
        admitted.runs, of, budget, level=level, sizes=sizes, expert=expert_return(mine)
    )
    best = optima.table(admitted.optima)
    rows["quoted"] = _quoted(rows, name, best, of)
    rows = _with_bounded(rows, mine)
    for at in rows.index[rows["quoted"]]:
        method = rows.at[at, "method"]
        method = optima.method(best) if method == headline.NAME else method
        if flag := doubts.at_edge(best, rows.at[at, "quantity"], method):
            rows.at[at, "flags"] = "; ".join(filter(None, [flag, rows.at[at, "flags"]]))
    return rows


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
    return typed([*rows.to_dict("records"), *({**common, **each} for each in found)], COLUMNS)


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


def beyond(value: float, expert: float | None) -> list[str]:
    """A flag of a return above the expert's, if any.

    Parameters
    ----------
    value
        The return, in points of the game.
    expert
        The expert's.
    """
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
                flags += beyond(value, expert)
            row = {"quantity": law, "estimate": value, "low": low, "high": high, "quoted": False}
            if law == "N_opt" and sizes and np.isfinite(value):
                row["size"], row["size_params"], more = nearest(value, sizes)
                flags += more
            names = {"game": runs.game, "method": frontier.method, "form": frontier.form}
            rows.append(
                {**names, "budget": budget, "level": level, **row, "flags": "; ".join(flags)}
            )
    return typed(rows, COLUMNS)


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
        if has_law(frontier, law):
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
