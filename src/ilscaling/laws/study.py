"""From a results table to every law of every game in it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from ilscaling.errors import FitError
from ilscaling.files import atomic, write_json
from ilscaling.laws import (
    across,
    arguments,
    headline,
    optima,
    profiles,
    regime,
    validation,
    verdicts,
)
from ilscaling.laws.draws import NOT_ASKED
from ilscaling.laws.game import GameFit, fit_game
from ilscaling.laws.processes import of_each
from ilscaling.laws.records import LAWS, Fit, read_fits
from ilscaling.laws.weights import refuse_without_errors
from ilscaling.params import Laws


@dataclass(frozen=True)
class StudyFit:
    """All fits of a table: records, the optima they rest on, the cells behind those, and notes.

    Parameters
    ----------
    fits : list of Fit
    optima : DataFrame
        Of optima.COLUMNS, a row a (game, method, budget).
    cells : DataFrame
        Of cells.COLUMNS: one row a (game, budget, params) that entered, averaged over runs.
    notes : list of str
        What was dropped, averaged or left unchecked.
    validation, verdicts, across : DataFrame
        Of the COLUMNS of their modules.
    relations : DataFrame
        Of relations.judging.COLUMNS; without rows where none was fitted (see show.fits).
    """

    fits: list[Fit]
    optima: pd.DataFrame
    cells: pd.DataFrame
    notes: list[str]
    validation: pd.DataFrame
    verdicts: pd.DataFrame
    across: pd.DataFrame
    relations: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def games(self) -> list[str]:
        return list(dict.fromkeys(fit["game"] for fit in self.fits))

    def power(self, game: str, law: str, method: str | None = None, interval: str = "t") -> Fit:
        """The power law of a game by grid or vertex.

        Parameters
        ----------
        game
            One of `games`.
        law
            A key of records.LAWS.
        method
            By default the game's (see `method`).
        interval
            't' or 'bootstrap'.

        Raises
        ------
        FitError
            If there is no such record.
        """
        game = arguments.one_of(game, self.games, "game")
        law = arguments.one_of(law, list(LAWS), "law")
        known = list(dict.fromkeys(fit["method"] for fit in self.fits))
        method = self.method(game) if method is None else arguments.one_of(method, known, "method")
        wanted = (game, law, method, "power", interval)
        for fit in self.fits:
            if tuple(fit[k] for k in ("game", "law", "method", "form", "interval")) == wanted:
                return fit
        raise FitError(f"no fit of {', '.join(map(str, wanted[1:]))} for {game}")

    def quoted(self, game: str, law: str) -> Fit:
        """The record to quote: the one exponent with its one interval, by bootstrap over runs.

        Of N_opt and D_opt the median of the methods (see headline), else, and where too few of
        them have an exponent, the power law of the game's `method`. What would be certain for want
        of evidence is not quoted: without an interval, or where all optima are alike, the
        `estimate` is None and a flag says why.

        Parameters
        ----------
        game
            One of `games`.
        law
            A key of records.LAWS.

        Raises
        ------
        FitError
            If there is no record of it.
        """
        if law in headline.LAWS:
            wanted = (game, law, headline.NAME)
            middle = (f for f in self.fits if (f["game"], f["law"], f["method"]) == wanted)
            for fit in middle:
                if fit["estimate"] is not None and _certain(fit) is None:
                    return fit
        fit = self.power(game, law, interval="bootstrap")
        if fit["estimate"] is None:
            return fit
        why = _certain(fit)
        if why is None:
            return fit
        flags = [*fit["flags"], f"not_quoted: {why}"]
        return {**fit, **dict.fromkeys(("estimate", "ci_low", "ci_high")), "flags": flags}

    def regression(self, game: str, law: str, method: str | None = None):
        """The power law of a game as the results object of statsmodels, to hold and to print.

        Parameters
        ----------
        game, law, method
            See `power`.

        Returns
        -------
        statsmodels.regression.linear_model.RegressionResults
            Of ln y on ln x over the optima that entered; `.summary()` prints it.

        Raises
        ------
        FitError
            See `power`, and for fewer than two optima.
        """
        from statsmodels.regression.linear_model import OLS  # takes a second to import

        if method is not None:
            method = arguments.one_of(method, profiles.METHODS, "method")
        record = self.power(game, law, method)
        if record["n"] < 2:
            raise FitError(f"{record['n']} optima of {game} by {record['method']} hold no line")
        points = validation.measured(
            self.optima[self.optima["game"] == game], law, record["method"]
        )
        x = pd.DataFrame({"intercept": 1.0, "exponent": np.log(points["x"])})
        return OLS(np.log(points["y"]).rename(f"ln {law}"), x).fit()

    @property
    def selection(self) -> pd.DataFrame:
        """How much choosing costs: see optima.selection."""
        return optima.selection(self.optima)

    def method(self, game: str) -> str:
        """The method of the game's optima to quote (see optima.method)."""
        game = arguments.one_of(game, self.games, "game")
        return optima.method(self.optima[self.optima["game"] == game])


def _certain(fit: Fit) -> str | None:
    """Why an exponent is not to be quoted, although a line could be drawn."""
    if fit["method"] != headline.NAME and fit["n"] < 3:
        return f"{fit['n']} budgets, through which any line goes"
    if fit["ci_low"] is None:
        return "no interval" if not any(NOT_ASKED in flag for flag in fit["flags"]) else None
    # All optima at one size: N_opt does not move, and D_opt moves as compute does.
    still = abs(fit["estimate"] - (fit["law"] == "D_opt")) < 1e-6
    if fit["ci_high"] - fit["ci_low"] < 1e-6 and still:
        return "every resample gives the same: all optima lie at one size"
    return None


def fit_table(
    table: pd.DataFrame,
    settings: Laws,
    *,
    games: Sequence[str] | None = None,
    processes: int = 1,
    validate: bool = True,
) -> StudyFit:
    """Fit every law by every method to each game of a results table.

    Parameters
    ----------
    table
        See tables.read_table.
    settings
        How laws are fitted.
    games
        Fitted in this order (default: those of the table, sorted, k4 before k16); one without rows
        gets records that say so.
    processes
        Games are shared out over so many, which changes no result.
    validate
        Test every law on larger budgets, which takes most of the time.

    Raises
    ------
    FitError
        For a table without rows, or without a column that fits need; if a game holds several policy
        families; if cells are to be weighed by standard errors that no row has.
    """
    missing = [column for column in ("game", *regime.NUMBERS) if column not in table]
    if missing or table.empty:
        what = f"columns are missing: {', '.join(missing)}" if missing else "the table has no rows"
        raise FitError(
            what, fix=f"one row a cell with the columns game, {', '.join(regime.NUMBERS)}"
        )
    refuse_without_errors(table, settings)
    names = list(games or sorted(table["game"].unique(), key=_numbered))
    work = [(table[table["game"] == name], name, settings, validate) for name in names]
    fitted: list[GameFit] = of_each(fit_game, work, processes)
    best = optima.table([row for of in fitted for row in of.optima])
    notes = list(table.attrs.get("notes", ()))
    for name, of in zip(names, fitted, strict=True):
        notes += [f"{name} has no rows"] * bool(table[table["game"] == name].empty) + of.notes
    return StudyFit(
        fits=[fit for of in fitted for fit in of.fits],
        optima=best,
        cells=pd.concat([of.cells for of in fitted], ignore_index=True),
        notes=notes,
        validation=pd.concat([of.validation for of in fitted], ignore_index=True),
        verdicts=pd.concat([of.verdicts for of in fitted], ignore_index=True),
        across=across.across(table, settings, games=names),
    )


def _numbered(name: str) -> list:
    """A key to sort names by: numbers in them by their length first, as k4 before k16."""
    parts = re.split(r"([0-9]+)", str(name))
    return [(len(part.lstrip("0")), part) if i % 2 else part for i, part in enumerate(parts)]


def write(fit: StudyFit, directory: str | Path) -> list[Path]:
    """Write a study's fits as files; `ilscaling.show.markdown` writes them for people.

    Parameters
    ----------
    fit
        What to write.
    directory
        Where to. fits.json, and as tables fits.csv, optima.csv, cells.csv, validation.csv,
        verdicts.csv, across.csv and selection.csv, with relations their relations.csv, and
        notes.txt.

    Returns
    -------
    list of Path
        The files.
    """
    directory = Path(directory)
    write_json(directory / "fits.json", fit.fits)
    flat = pd.DataFrame(fit.fits).drop(columns="line")
    flat["flags"] = flat["flags"].map("; ".join)
    tables = {"fits": flat, **{name: getattr(fit, name) for name in (*TABLES, "selection")}}
    if len(fit.relations):
        tables["relations"] = fit.relations
    for name, table in tables.items():
        with atomic(directory / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False, float_format="%.10g")
    with atomic(directory / "notes.txt") as temporary:
        temporary.write_text("".join(f"{note}\n" for note in fit.notes), encoding="utf-8")
    return [directory / n for n in ("fits.json", *(f"{t}.csv" for t in tables), "notes.txt")]


TABLES = ("optima", "cells", "validation", "verdicts", "across")


def read(directory: str | Path) -> StudyFit:
    """Read what `write` wrote.

    Parameters
    ----------
    directory
        Where the files are.

    Raises
    ------
    FitError
        If a file is missing or damaged.
    """
    directory = Path(directory)
    fits = read_fits(directory / "fits.json")
    try:
        tables = {name: pd.read_csv(directory / f"{name}.csv") for name in TABLES}
        if (directory / "relations.csv").exists():
            tables["relations"] = pd.read_csv(directory / "relations.csv", na_values=[""])
        notes = (directory / "notes.txt").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise FitError(f"cannot read fits: {error}", where=str(directory)) from None
    tables["optima"] = optima.table(tables["optima"])
    for name, module in (("validation", validation), ("verdicts", verdicts), ("across", across)):
        tables[name] = _as(tables[name], module.COLUMNS)
    if "relations" in tables:
        texts = ["rival", "verdict", "flags"]
        tables["relations"][texts] = tables["relations"][texts].fillna("")
    return StudyFit(fits=fits, notes=notes, **tables)


def _as(table: pd.DataFrame, columns: dict[str, str]) -> pd.DataFrame:
    """A table with its dtypes, which one without rows or with empty texts loses in a file."""
    table = table.reindex(columns=list(columns))
    texts = {name: "" for name, kind in columns.items() if kind == "str"}
    table = table.fillna(texts).astype({n: k for n, k in columns.items() if k != "object"})
    for name in (name for name, kind in columns.items() if kind == "object"):
        known = table[name].map({"True": True, "False": False, True: True, False: False})
        table[name] = known.astype(object).where(known.notna(), None)
    return table
