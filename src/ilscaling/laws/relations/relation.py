"""A law of one measured quantity on several columns of a results table: the entry RELATION."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

# Variable -> values (rows,).
Values = dict[str, np.ndarray]
# Columns that `Relation.rows` may use beside the relation's own.
CELL = ("position", "params", "flops")


def _shares(table: pd.DataFrame, name: str) -> pd.Series:
    """Returns on the scale on which random play is 0 and the expert is 1: negative ones count."""
    span = table["expert_return"] - table["random_return"]
    return (table[name] - table["random_return"]) / span.where(span > 0)


# variable -> (columns that it is made of, how): what a relation may speak of.
VARIABLES: dict[str, tuple[tuple[str, ...], Callable[[pd.DataFrame], pd.Series]]] = {
    "loss": (("dev_loss",), lambda table: table["dev_loss"]),
    "compute": (("budget",), lambda table: table["flops" if "flops" in table else "budget"]),
    "params": (("params",), lambda table: table["params"]),
    "samples": (("samples",), lambda table: table["samples"]),
    "unique_samples": (("unique_samples",), lambda table: table["unique_samples"]),
    "demonstrations": (("demonstrations",), lambda table: table["demonstrations"]),
    "horizon": (("returns_after",), lambda table: table["horizon"]),
    "regret": (
        ("return_mean", "expert_return"),
        lambda table: table["expert_return"] - table["return_mean"],
    ),
    "regret_after": (
        ("returns_after", "expert_returns_after"),
        lambda table: table["expert_after"] - table["return_after"],
    ),
    "env_steps": (("env_steps",), lambda table: table["env_steps"]),
    # Steps of the game that were played or learned from.
    "steps": (
        ("env_steps", "unique_samples"),
        lambda table: table[["env_steps", "unique_samples"]].max(axis=1),
    ),
    # Steps that the expert labelled: who learns from play that nobody labels has asked for none.
    "labels": (
        ("env_steps", "expert_labels", "unique_samples"),
        lambda table: table["unique_samples"].where(
            (table["env_steps"] == 0) | (table["expert_labels"] > 0)
        ),
    ),
    "intrinsic": (("return_mean", "random_return", "flops"), lambda table: table["intrinsic"]),
    "return": (("return_mean",), lambda table: table["return_mean"]),
    "return_above_random": (
        ("return_mean", "random_return"),
        lambda table: table["return_mean"] - table["random_return"],
    ),
    "normalised_return": (
        ("return_mean", "expert_return", "random_return"),
        lambda table: _shares(table, "return_mean"),
    ),
}


def everything(table: pd.DataFrame) -> pd.DataFrame:
    """All rows of a game."""
    return table


def by_horizon(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each horizon of each cell.

    Parameters
    ----------
    table
        Rows with `returns_after` and `expert_returns_after`, texts such as '250:1.5 500:3'.

    Returns
    -------
    DataFrame
        With `horizon`, in steps, and the mean returns up to there, `return_after` and
        `expert_after`; horizons that one of the two lacks are left out.
    """
    parts = []
    for row in table.to_dict("records"):
        own, expert = (_after(row[name]) for name in ("returns_after", "expert_returns_after"))
        parts += [
            {**row, "horizon": steps, "return_after": own[steps], "expert_after": expert[steps]}
            for steps in sorted(own.keys() & expert.keys())
        ]
    return pd.DataFrame(parts, columns=[*table.columns, "horizon", "return_after", "expert_after"])


def _after(text: str) -> dict[float, float]:
    """'250:1.5 500:3' as numbers; {} of an empty cell."""
    pairs = (part.split(":") for part in text.split()) if isinstance(text, str) else ()
    return {float(steps): float(value) for steps, value in pairs}


def lowest_loss(table: pd.DataFrame) -> pd.DataFrame:
    """The cell of the lowest dev loss at each budget, the mean of its runs.

    Parameters
    ----------
    table
        Rows of one game, with `position` of the budget and `params`.

    Returns
    -------
    DataFrame
        A row a budget: the means of its columns of numbers.
    """
    return _best(table, "dev_loss", lowest=True)


def highest_return(table: pd.DataFrame) -> pd.DataFrame:
    """The cell of the highest return at each budget, the mean of its runs.

    Parameters
    ----------
    table
        Rows of one game, with `position` of the budget and `params`.

    Returns
    -------
    DataFrame
        A row a budget: the means of its columns of numbers.
    """
    return _best(table, "return_mean", lowest=False)


def _best(table: pd.DataFrame, column: str, *, lowest: bool) -> pd.DataFrame:
    means = cell_means(table)
    values, position = means[column].to_numpy(), means["position"].to_numpy()
    # Of a budget the first in this order; where two are equal, the smaller size.
    order = np.lexsort((values if lowest else -values, position))
    order = order[np.isfinite(values[order])]
    _, first = np.unique(position[order], return_index=True)
    return means.iloc[order[first]]


def cell_means(table: pd.DataFrame) -> pd.DataFrame:
    """The mean of the runs of each cell, without what was not measured.

    Many times as fast as pandas' own mean of groups, which every resample would call.

    Parameters
    ----------
    table
        Rows of one game, with `position` of the budget and `params`.

    Returns
    -------
    DataFrame
        A row a (position, params), in their order: the means of columns of numbers.
    """
    names = [name for name, kind in table.dtypes.items() if kind.kind in "biuf"]
    values = table[names].to_numpy(np.float64)
    keys = values[:, [names.index("position"), names.index("params")]]
    keyed = np.isfinite(keys).all(axis=1)
    values, keys = values[keyed], keys[keyed]
    cells, of = np.unique(keys @ np.array([1, 1j]), return_inverse=True)
    member = (of == np.arange(len(cells))[:, None]).astype(np.float64)
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        means = member @ np.where(known, values, 0.0) / (member @ known)
    return pd.DataFrame(means, columns=names)


@dataclass(frozen=True)
class Relation:
    """A law; one file defines one, as its constant RELATION.

    Parameters
    ----------
    name : str
        How tables call it.
    response : str
        The variable that it explains, of VARIABLES.
    variables : tuple of str
        Those that it explains it by.
    parameters : tuple of str
        Names of what is fitted.
    mean : callable
        (values, theta) -> the response (rows,): theta holds the parameters in their order. It is
        written with elementwise operations, as many samples of rows are fitted at once: then
        values are (samples, rows) and parameters (samples, 1).
    starts : callable
        (values, response (rows,)) -> parameters to start a search from, (starts, parameters).
    lower, upper : tuple of float
        Bounds of the parameters; a parameter whose lower bound is positive is sought by its
        logarithm.
    logs : bool
        Whether residuals are of the logarithm of the response.
    rows : callable
        Of a game's table, with the relation's columns and those of CELL, the rows that it is fitted
        to; `position` is of the budget.
    rival : str or None
        The relation of the same response and rows that it is compared with.
    instead_of : str or None
        The relation that is fitted in its place where the table has the columns of that one.
    source : str
        Where the formula is from.
    """

    CALLED: ClassVar = ("mean", "starts", "rows")

    name: str
    response: str
    variables: tuple[str, ...]
    parameters: tuple[str, ...]
    mean: Callable[[Values, np.ndarray], np.ndarray]
    starts: Callable[[Values, np.ndarray], np.ndarray]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    logs: bool
    rows: Callable[[pd.DataFrame], pd.DataFrame] = everything
    rival: str | None = None
    instead_of: str | None = None
    source: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of a results table that it needs."""
        names = (self.response, *self.variables)
        return tuple(dict.fromkeys(c for name in names for c in VARIABLES[name][0]))

    def read(self, table: pd.DataFrame) -> tuple[Values, np.ndarray, np.ndarray]:
        """What of a game's rows can be used.

        Returns
        -------
        (values, response, usable)
            Variables and response at the usable rows, and the mask of these in `table`: all is
            finite, variables are positive, and so is a response that has a logarithm.
        """
        x = {name: VARIABLES[name][1](table).to_numpy(np.float64) for name in self.variables}
        y = VARIABLES[self.response][1](table).to_numpy(np.float64)
        usable = np.isfinite(y) & (y > 0 if self.logs else True)
        for values in x.values():
            usable &= np.isfinite(values) & (values > 0)
        return {name: values[usable] for name, values in x.items()}, y[usable], usable
