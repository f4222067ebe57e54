"""From a results table to every law of every game in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ilscaling.cells import budget_name
from ilscaling.errors import FitError
from ilscaling.files import atomic, write_json
from ilscaling.laws import optima, regime
from ilscaling.laws.power import power_law
from ilscaling.laws.records import LAWS, Fit, read_fits
from ilscaling.params import Laws


@dataclass(frozen=True)
class StudyFit:
    """All fits of a table: records, the optima they rest on, the cells behind those, and notes.

    `optima` has the columns of optima.COLUMNS; `cells` one row a (game, budget, params) that
    entered, averaged over runs; `notes` say what was dropped, averaged or left unchecked.
    """

    fits: list[Fit]
    optima: pd.DataFrame
    cells: pd.DataFrame
    notes: list[str]

    @property
    def games(self) -> list[str]:
        return list(dict.fromkeys(fit["game"] for fit in self.fits))

    def power(self, game: str, law: str, method: str | None = None) -> Fit:
        """The fit of one law; `method` defaults to the game's (see `method`)."""
        method = method or self.method(game)
        for fit in self.fits:
            if (fit["game"], fit["law"], fit["method"]) == (game, law, method):
                return fit
        known = f"games {', '.join(self.games)}; laws {', '.join(LAWS)}"
        raise FitError(f"no fit of {law} by {method} for {game}", fix=f"there are: {known}")

    def method(self, game: str) -> str:
        """The method to quote: vertex if it has five budgets and half of the grid's, else grid.

        The vertex does not jump between sizes, but budgets without an inner optimum have none, and
        a line through fewer than five says little.
        """
        rows = self.optima[(self.optima["game"] == game) & self.optima["used"]]
        count = rows["method"].value_counts()
        vertices, cells = count.get("vertex", 0), count.get("grid", 0)
        return "vertex" if vertices >= 5 and 2 * vertices >= cells else "grid"


def fit_table(
    table: pd.DataFrame, settings: Laws, *, games: Sequence[str] | None = None
) -> StudyFit:
    """Fit every law by every method to each game of a results table (see tables.read_table).

    `games` are fitted in this order (default: those of the table, sorted); one without rows gets
    records that say so. Raises FitError for an empty table.
    """
    missing = [column for column in ("game", *regime.NUMBERS) if column not in table]
    if missing or table.empty:
        what = f"columns are missing: {', '.join(missing)}" if missing else "the table has no rows"
        raise FitError(
            what, fix=f"one row a cell with the columns game, {', '.join(regime.NUMBERS)}"
        )
    fits, rows, cells, notes = [], [], [], []
    for game in games or sorted(table["game"].unique()):
        mine = table[table["game"] == game]
        if mine.empty:
            notes.append(f"{game} has no rows")
        admitted, flops, why = regime.admit(mine, game, settings)
        found, averaged = regime.average(admitted, game)
        notes += why + averaged
        if len(found) and found["action_entropy"].isna().all():
            notes.append(f"{game} has no action_entropy: budgets not checked for the plateau")
        profiles = list(regime.profiles(found, settings))
        for method in optima.METHODS:
            best = [optima.optimum(p, game, method, settings.vertex_within) for p in profiles]
            fits += [_law(law, best, game, method, flops, settings.level) for law in LAWS]
            rows += best
        cells.append(found)
    found = pd.DataFrame(rows, columns=list(optima.COLUMNS))
    return StudyFit(fits, _typed(found), pd.concat(cells, ignore_index=True), notes)


def _law(law: str, rows: list[dict], game: str, method: str, flops: str, level: float) -> Fit:
    """One power law over the optima of one game and method; flags say which are left out."""
    form = LAWS[law]
    x, y, edges, out, flags = [], [], 0, {}, []
    for row in rows:
        at = 1 / row["L_min"] if form.x == "inverse_loss" else row[form.x]
        reason = row["reason" + form.optimum]
        if not reason and not np.isfinite(row[form.y]):
            reason = "missing: no return at the optimum"
        elif not reason and row[form.y] <= 0:
            reason = "not_positive"
        if reason:
            out.setdefault(reason.split(":")[0], []).append(budget_name(row["budget"]))
            continue
        x.append(at)
        y.append(row[form.y])
        edges += bool(row["edge" + form.optimum])
    if not rows:
        flags.append("no_cells: no row of the table enters the fit")
    if out:
        why = "; ".join(f"{code} {', '.join(budgets)}" for code, budgets in out.items())
        flags.append(f"left_out: {len(rows) - len(x)} of {len(rows)} budgets ({why})")
    if edges:
        flags.append(f"edge: {edges} of {len(x)} optima at the smallest or largest size")
    uneven = sum("seeds:" in row["flags"] for row in rows)
    if uneven:
        flags.append(f"seeds: {uneven} of {len(rows)} budgets have sizes with missing runs")
    names = {"game": game, "law": law, "method": method, "flops": flops}
    return power_law(np.array(x), np.array(y), **names, level=level, flags=tuple(flags))


def write(fit: StudyFit, directory: str | Path) -> list[Path]:
    """Write fits.json, and as tables fits.csv, optima.csv, cells.csv and notes.txt."""
    directory = Path(directory)
    write_json(directory / "fits.json", fit.fits)
    flat = pd.DataFrame(fit.fits).drop(columns="line")
    flat["flags"] = flat["flags"].map("; ".join)
    tables = {"fits.csv": flat, "optima.csv": fit.optima, "cells.csv": fit.cells}
    for name, table in tables.items():
        with atomic(directory / name) as temporary:
            table.to_csv(temporary, index=False, float_format="%.10g")
    with atomic(directory / "notes.txt") as temporary:
        temporary.write_text("".join(f"{note}\n" for note in fit.notes))
    return [directory / name for name in ("fits.json", *tables, "notes.txt")]


def read(directory: str | Path) -> StudyFit:
    """Read what `write` wrote; raises FitError if a file is missing or damaged."""
    directory = Path(directory)
    fits = read_fits(directory / "fits.json")
    try:
        table = pd.read_csv(directory / "optima.csv")
        cells = pd.read_csv(directory / "cells.csv")
        notes = (directory / "notes.txt").read_text().splitlines()
    except (OSError, ValueError) as error:
        raise FitError(f"cannot read fits: {error}", where=str(directory)) from None
    return StudyFit(fits, _typed(table), cells, notes)


def _typed(found: pd.DataFrame) -> pd.DataFrame:
    """The optima table with its dtypes, which a table without rows or an empty text loses."""
    texts = ["game", "method", "edge", "reason", "edge_return", "reason_return", "flags"]
    found = found.fillna(dict.fromkeys(texts, ""))
    types = dict.fromkeys(texts, str) | {"used": bool, "used_return": bool}
    return found.astype({c: types.get(c, "float64") for c in found})
