"""All fits of one game: every law by every method, its test on larger budgets, the verdicts."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ilscaling.laws import (
    by_compute,
    cells,
    chance,
    doubts,
    forms,
    headline,
    lines,
    movement,
    optima,
    quality,
    regime,
    surfaces,
    validation,
    verdicts,
)
from ilscaling.laws import draws as resampling
from ilscaling.laws.draws import Draws
from ilscaling.laws.frontier import Frontier, LeftOut, points
from ilscaling.laws.profiles import METHODS, profiles
from ilscaling.laws.records import LAWS, Fit, Line, blank
from ilscaling.laws.runs import Runs, runs_of, together
from ilscaling.laws.weights import weighed
from ilscaling.params import Laws

# Parameters of a surface's frontier that become records.
SURFACE = ("exponent",)
# Budgets that a flag lists.
LISTED = 12
# What to say of a law whose optima were chosen and judged by one measurement.
JUDGED = {
    "tested": "chosen_on: sizes are chosen by the dev losses that are reported, the lowest of which"
    " is too low; not every cell has a test_loss",
    "halved": "chosen_on: sizes are chosen by the returns that are reported, the highest of which"
    " is too high; not every cell has a return_first and a return_second",
}


@dataclass(frozen=True)
class GameFit:
    """What StudyFit holds, of one game (`optima` as rows, not as a table)."""

    fits: list[Fit]
    optima: list[dict]
    cells: pd.DataFrame
    notes: list[str]
    validation: pd.DataFrame
    verdicts: pd.DataFrame


@dataclass(frozen=True)
class Admitted:
    """What of a game's rows enters the fits.

    Parameters
    ----------
    runs : Runs
        Of a large game in groups (see runs.together).
    cells : DataFrame
        Of cells.COLUMNS.
    optima : list of dict
        Rows of optima.COLUMNS, by both methods.
    left_out : LeftOut
        Budgets that do not enter.
    notes : list of str
        What was dropped, averaged or left unchecked.
    """

    runs: Runs
    cells: pd.DataFrame
    optima: list[dict]
    left_out: LeftOut
    notes: list[str]


def admit(rows: pd.DataFrame, game: str, settings: Laws) -> Admitted:
    """Apply the rules of `regime` to the rows of one game, and find its measured optima.

    Parameters
    ----------
    rows
        The game's rows of a results table.
    game
        Its name.
    settings
        How laws are fitted.

    Raises
    ------
    FitError
        If the rows hold several policy families.
    """
    entering = regime.admit(rows, game, settings)
    runs, weights = weighed(runs_of(entering, game), settings)
    profiled = len(runs.L) and runs.isoflop
    means = profiles(runs, resampling.measurement(runs)) if profiled else None
    averaged = cells.table(runs, means)
    notes = entering.notes + weights + cells.notes(averaged, game)
    judged = cells.budgets(averaged, settings) if means is not None else []
    best = [
        row
        for method in METHODS
        if means is not None
        for row in optima.rows(runs, means, judged, method, settings.window)
    ]
    if runs.dev is not None:
        splits = {"dev": runs.dev, "test": runs.test}
        counts = [f"{len(of.steps)} {name}" for name, of in splits.items() if of is not None]
        notes.append(
            f"{game}: intervals are over {runs.count} runs and {' and '.join(counts)} episodes"
        )
    left_out = LeftOut(
        frozenset(budget.position for budget in judged if budget.excluded),
        frozenset(budget.position for budget in judged if budget.excluded_return),
        frozenset(budget.position for budget in judged if budget.excluded.startswith("plateau")),
    )
    grouped = together(runs)
    if grouped is not runs:
        notes.append(
            f"{game} is large: intervals and surfaces rest on {grouped.count} groups of its"
            f" {runs.count} runs"
        )
    return Admitted(grouped, averaged, best, left_out, notes)


def frontiers(admitted: Admitted, runs: Runs, draws: Draws, settings: Laws) -> list[Frontier]:
    """Every method's frontier through `runs`.

    Parameters
    ----------
    admitted
        The game's rows, of which the budgets that do not enter are taken here.
    runs
        The admitted ones or some of them, such as those up to an origin.
    draws
        The same rows in every draw. Surfaces take only their number, and resample whole runs.
    settings
        How laws are fitted.

    Returns
    -------
    list of Frontier
        By grid and vertex in every form, then the surfaces; of a game that is not isoFLOP the
        surfaces alone.
    """
    if not runs.isoflop:
        return list(surfaces.fit(runs, draws.count, settings))
    # Budgets that enter no law need no profiles, which hold every budget by every size.
    inside = ~np.isin(runs.position, sorted(admitted.left_out.loss))
    inside |= not inside.any()
    optimal = points(runs.where(inside), draws.where(inside), settings, admitted.left_out)
    if not optimal:
        return []
    grid = next(f for f in optimal if (f.method, f.form) == ("grid", forms.POWER))
    returns, by_dev = None, grid.by_dev  # surfaces are fitted to dev losses
    if by_dev is not None and np.isfinite(by_dev.parameters["exponent"][0]):
        returns = surfaces.Returns(
            at=lambda loss: by_dev.predict(1 / loss),
            exponent=by_dev.parameters["exponent"],
            spread=(by_dev.sigma, by_dev.dof) if by_dev.dof > 0 else (np.nan, 0),
        )
    steep = _inside(admitted, runs)
    return [*optimal, *surfaces.fit(runs.where(steep), draws.count, settings, returns)]


def _inside(admitted: Admitted, runs: Runs) -> np.ndarray:
    """The rows that a surface rests on: of budgets that have left the plateau, whatever their
    number of sizes."""
    return ~np.isin(runs.position, sorted(admitted.left_out.surface))


def fit_game(rows: pd.DataFrame, game: str, settings: Laws, validate: bool = True) -> GameFit:
    """Fit one game's rows of a results table (see study.fit_table).

    Parameters
    ----------
    rows
        The game's rows; there may be none.
    game
        Its name.
    settings
        How laws are fitted.
    validate
        Test every law on larger budgets, which takes most of the time.

    Raises
    ------
    FitError
        If the rows hold several policy families.
    """
    admitted = admit(rows, game, settings)
    runs = admitted.runs
    drawn = resampling.draw(runs, settings.bootstrap, settings.seed)
    fitted = frontiers(admitted, runs, drawn, settings)
    fits = least_squares(admitted, settings)
    names = {"game": game, "flops": runs.flops, "level": settings.level}
    if not fitted or not runs.isoflop:
        fits += [{**fit, "interval": "bootstrap"} for fit in fits]
    for frontier in fitted:
        fits += _records(frontier, fits, drawn, names)
    fits += _headline(admitted, drawn, fitted, settings, names)
    notes = list(admitted.notes)
    if 0 < drawn.count < settings.bootstrap:
        notes.append(f"{game} is large: {drawn.count} resamples of {settings.bootstrap}")
    table = optima.table(admitted.optima)
    checks = quality.checks(runs, table)
    quoted = (headline.NAME, optima.method(table))
    for fit in fits:
        mine = (fit["method"] in quoted, fit["form"], fit["interval"])
        if mine == (True, forms.POWER, "bootstrap"):
            fit["flags"] = [*fit["flags"], *(c.text for c in checks if fit["law"] in c.laws)]
    notes += [f"{game}: {check.text.partition(': ')[2]}" for check in checks]
    tested, silent = validation.table([]), []
    draws = min(validation.DRAWS, settings.bootstrap)
    if validate and not runs.isoflop:
        tested, silent = by_compute.validate(runs, draws, settings)
    elif validate:
        tested, silent = validation.validate(
            runs,
            table,
            lambda some, count: frontiers(
                admitted, some, resampling.draw(some, count, settings.seed), settings
            ),
            level=settings.level,
            hold_out=settings.hold_out,
            draws=draws,
        )
    rare = chance.chances(fitted, verdicts.COMPARED)
    judged = verdicts.verdicts(game, table, tested, rare)
    part = runs.where(_inside(admitted, runs))
    moves = {law: movement.movement(part, law) for law in movement.PLACES}
    doubts.add(fits, table, judged, moves)
    return GameFit(fits, admitted.optima, admitted.cells, notes + silent, tested, judged)


def least_squares(admitted: Admitted, settings: Laws) -> list[Fit]:
    """The power laws of both methods, with t-intervals: a record a (method, law).

    Parameters
    ----------
    admitted
        Of which the optima count here.
    settings
        Of which `level` counts here.
    """
    fits = []
    for method in METHODS:
        rows = [row for row in admitted.optima if row["method"] == method]
        fits += [_law(law, rows, method, admitted.runs, settings.level) for law in LAWS]
    return fits


def _law(law: str, rows: list[dict], method: str, runs: Runs, level: float) -> Fit:
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
            out.setdefault(reason.split(":")[0], []).append(f"{row['budget']:.6g}")
            continue
        x.append(at)
        y.append(row[form.y])
        edges += bool(row["edge" + form.optimum])
    if not runs.isoflop:
        flags.append("not_isoflop: sizes are not compared at equal budgets, which this law needs")
    elif not rows:
        flags.append("no_cells: no row of the table enters the fit")
    if out:
        why = "; ".join(f"{code} {_listed(budgets)}" for code, budgets in out.items())
        flags.append(f"left_out: {len(rows) - len(x)} of {len(rows)} budgets ({why})")
    if edges:
        flags.append(f"edge: {edges} of {len(x)} optima at the smallest or largest size")
    uneven = sum("seeds:" in row["flags"] for row in rows)
    if uneven:
        flags.append(f"seeds: {uneven} of {len(rows)} budgets have sizes with missing runs")
    if x and form.judge and not rows[0][form.judge]:
        flags.append(JUDGED[form.judge])
    names = {"game": runs.game, "law": law, "method": method, "flops": runs.flops}
    return lines.power_law(np.array(x), np.array(y), **names, level=level, flags=tuple(flags))


def _listed(budgets: list[str]) -> str:
    """Budgets by name; of very many the first ones, for a flag is to be read."""
    more = len(budgets) - LISTED
    return ", ".join(budgets[:LISTED]) + (f" and {more} more" if more > 0 else "")


def _records(frontier: Frontier, fits: list[Fit], drawn: Draws, names: dict) -> list[Fit]:
    """What a frontier estimates, with intervals from the draws and by the delta method."""
    names = {**names, "method": frontier.method, "form": frontier.form}
    records = []
    for (law, parameter), values in frontier.parameters.items():
        surface = frontier.form == "surface"
        wanted = SURFACE if surface else forms.FORMS[frontier.form].records
        if parameter not in wanted and not (surface and law == "loss"):
            continue
        if surface and law == "R_on_1/L":
            continue  # that of the grid, which has a record
        flags = list(frontier.flags.get(law, ()))
        record = blank(**names, law=law, parameter=parameter, interval="bootstrap", flags=flags)
        record["n"] = frontier.n if surface else int(frontier.curves[law].n[0])
        if frontier.form == forms.POWER:
            of = next(f for f in fits if (f["law"], f["method"]) == (law, frontier.method))
            # The same line as by least squares: its flags, too, but for those of the t-interval.
            flags[:] = [f for f in of["flags"] if not f.startswith(("correlated", "two_points"))]
            record["line"] = _band(frontier, law, drawn.dof)
        if np.isfinite(values[0]):
            record["estimate"] = float(values[0])
            intercept = frontier.parameters.get((law, "intercept"))
            if parameter == "exponent" and intercept is not None and np.isfinite(intercept[0]):
                record["intercept"] = float(intercept[0])
            # What is bounded, or heavy-tailed, has no standard deviation worth the name.
            bounded = law == "loss" or not (surface or frontier.form == forms.POWER)
            _interval(record, values, drawn, quantiles=bounded)
        records.append(record)
        delta = getattr(frontier, "intervals", {}).get((law, parameter))
        if delta and record["estimate"] is not None:
            low, high = (float(end) for end in delta)
            records.append({**record, "interval": "delta", "ci_low": low, "ci_high": high})
    return records


def _band(frontier: Frontier, law: str, dof: int) -> Line | None:
    """What the band of a power law by bootstrap needs."""
    curve = frontier.curves[law]
    x = curve.x[0][np.isfinite(curve.x[0]) & np.isfinite(curve.y[0])]
    # A new optimum scatters as those at hand do among the resamples, or about the law.
    own = max(frontier.scatter(law), frontier.spread(law)[0]) if len(x) > 2 else np.nan
    intercept, slope = (curve.parameters[name] for name in ("intercept", "exponent"))
    return lines.resampled(x, intercept, slope, own, dof)


def middle(
    admitted: Admitted, drawn: Draws, fitted: list[Frontier], settings: Laws
) -> headline.Headline | None:
    """The median of the methods, whose exponents are quoted.

    Parameters
    ----------
    admitted
        The game's rows.
    drawn
        All of them, in every draw.
    fitted
        The game's frontiers (see `frontiers`).
    settings
        How laws are fitted.

    Returns
    -------
    Headline or None
        None without a cell.
    """
    if not fitted:
        return None
    inside = _inside(admitted, admitted.runs)
    part = admitted.runs.where(inside)
    return headline.headline(part, drawn.where(inside), fitted, settings)


def _headline(
    admitted: Admitted, drawn: Draws, fitted: list[Frontier], settings: Laws, names: dict
) -> list[Fit]:
    """The records of the median of the methods; none without a cell."""
    of = middle(admitted, drawn, fitted, settings)
    if of is None:
        return []
    records = []
    for law, values in of.exponents.items():
        record = blank(
            **names,
            law=law,
            method=headline.NAME,
            form=forms.POWER,
            parameter="exponent",
            interval="bootstrap",
            n=of.n,
            flags=of.flags[law],
        )
        if np.isfinite(values[0]):
            record["estimate"] = float(values[0])
            some = replace(drawn, values={k: v[: len(values)] for k, v in drawn.values.items()})
            _interval(record, values, some, quantiles=False)
        records.append(record)
    return records


def _interval(record: Fit, values: np.ndarray, drawn: Draws, *, quantiles: bool) -> None:
    """Fill in the bootstrap interval of a record, or the reason why it has none."""
    level, known = record["level"], values[1:][np.isfinite(values[1:])]
    if quantiles and 2 * len(known) >= drawn.count > 1:
        ends = np.quantile(known, [0.5 - level / 2, 0.5 + level / 2])
    else:
        ends = resampling.interval(values, drawn.dof, level)
    if ends is None:
        why = drawn.reason or f"{len(known)} of {drawn.count} resamples have a value"
        record["flags"] = [*record["flags"], f"no_bootstrap: {why}"]
        return
    record["ci_low"], record["ci_high"] = (float(end) for end in ends)
    if not record["ci_low"] <= record["estimate"] <= record["ci_high"]:
        beside = "beside: the resamples' interval does not hold the estimate itself"
        record["flags"] = [*record["flags"], beside]
    if len(known) < 0.95 * drawn.count and not any("draws:" in f for f in record["flags"]):
        share = f"{drawn.count - len(known)} of {drawn.count} resamples have no value"
        record["flags"] = [*record["flags"], f"draws: {share}"]
