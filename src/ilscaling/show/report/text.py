"""Numbers, sentences and tables of the page, from a results table and its fits."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from ilscaling import registry
from ilscaling.grid import budget_name
from ilscaling.laws import LAWS, Fit, StudyFit
from ilscaling.tables import spent

# law -> (what is measured, its symbol, what it is a power of), as HTML
SYMBOLS = {
    "L_min": ("lowest dev loss", "L<sub>min</sub>", "C"),
    "N_opt": ("optimal parameters", "N<sub>opt</sub>", "C"),
    "D_opt": ("optimal samples", "D<sub>opt</sub>", "C"),
    "R_max": ("best return", "R<sub>max</sub>", "C"),
    "R_on_1/L": ("return at the lowest loss", "R", "(1/L)"),
}
INTERVALS = {"bootstrap": "bootstrap over runs", "t": "Student's t"}
# Escapes where a look-alike of an ASCII character is meant.
MISSING, MINUS, TIMES = "\N{EN DASH}", "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"


def known(value: object) -> bool:
    return value is not None and not (isinstance(value, float) and not np.isfinite(value))


def number(value: float | None, digits: int = 3) -> str:
    """Plain number: '0.0123', '35.7', '1,080'; a dash if unknown."""
    if not known(value):
        return MISSING
    if value and abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}".replace("-", MINUS)


def count(value: float | None) -> str:
    return f"{value:,.0f}" if known(value) else MISSING


def power(value: float | None, digits: int = 3) -> Markup:
    """Number in scientific notation as HTML: 3.16 x 10^11."""
    if not known(value):
        return Markup(MISSING)
    if value == 0:
        return Markup("0")
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    factor = "" if mantissa == "1" else mantissa + TIMES
    return Markup(f"{factor}10<sup>{int(exponent)}</sup>")


def fixed(value: float | None, decimals: int) -> str:
    """A number with so many decimals, for columns."""
    return f"{value:,.{decimals}f}".replace("-", MINUS) if known(value) else MISSING


def with_error(value: float | None, error: float | None) -> str:
    """A measurement, both numbers to the error's second digit: '35.7 ± 3.9'."""
    if not (known(value) and known(error) and error > 0):
        return number(value)
    decimals = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{fixed(value, decimals)} ± {fixed(error, decimals)}"


def rule(of: dict) -> str:
    """A params.Rule in words: '64', or '0.002 at size 16, as size to the power −0.5'."""
    value = number(of["value"])
    if not of["power"]:
        return f"{value} for every size"
    return f"{value} at size {number(of['at'])}, as size to the power {number(of['power'])}"


def training(of: dict) -> str:
    """How a game's policies were trained (its section `train`), in words."""
    parts = [f"batch {rule(of['batch'])}", f"rate {rule(of['rate'])}"]
    parts.append(f"{of['warmup_steps']} warm-up steps")
    schedule = registry.get("SCHEDULE", of.get("schedule", "constant"))
    parts += filter(None, [schedule.words(of, number)])
    if "frames" in of:
        parts.append("1 frame" if of["frames"] == 1 else f"{of['frames']} frames")
    if "context" in of:
        parts.append(f"context of {of['context']} frames")
        parts.append(
            "depth by the family's rule" if of["depth"] is None else f"depth {of['depth']}"
        )
        parts.append("inventory shown" if of["inventory"] else "inventory not shown")
        parts.append(f"gradient clipped at {number(of['clip'])}")
        parts.append(f"AdamW with weight decay {number(of['weight_decay'])}")
    parts.append(f"{of['precision']} precision")
    if of.get("ema"):
        parts.append(f"averaged weights over {number(of['ema'])} of the steps")
    return "; ".join(parts)


# key of an ingest report -> what it is called
INGEST = {
    "games": "games found",
    "kept": "games taken",
    "roles": "roles",
    "score_mean": "mean score",
    "score_median": "median score",
    "depth_mean": "deepest level, mean",
    "depth_max": "deepest level",
    "turns_mean": "turns, mean",
}


def ingest(report: dict) -> list[tuple[str, str]]:
    """An ingest report as (what, value): `games` and `kept` int, `left_out` {reason: games},
    `roles` {role: games}, and the numbers of `INGEST`; each may be missing, and more is shown as
    it is given."""
    rows = []
    for name, value in report.items():
        if isinstance(value, dict):
            value = ", ".join(f"{part} {count(n)}" for part, n in value.items()) or "none"
        elif isinstance(value, int | float):
            value = count(value) if name in ("games", "kept") else number(value, 4)
        what = "left out" if name == "left_out" else INGEST.get(name, name.replace("_", " "))
        rows.append((what, str(value)))
    return rows


def seconds(value: float | None) -> str:
    """Wall time: '42 s', '3 min 20 s', '2 h 5 min'."""
    if not known(value):
        return MISSING
    value = round(value)
    if value < 60:
        return f"{value} s"
    if value < 3600:
        return f"{value // 60} min {value % 60} s"
    return f"{value // 3600} h {value % 3600 // 60} min"


def formula(fit: Fit) -> Markup:
    """The law as HTML: N_opt ~ C^0.38."""
    _, symbol, of = SYMBOLS[fit["law"]]
    if fit["estimate"] is None:
        return Markup(f"<i>{symbol}</i>")
    value = f"{fit['estimate']:.2f}".replace("-", MINUS)
    return Markup(f"<i>{symbol}</i> ∝ <i>{of}</i><sup>{value}</sup>")


def headline(game: str, name: str, table: pd.DataFrame, fit: StudyFit) -> Markup:
    """What was found in a game, in two or three sentences."""
    fits = {law: quoted(fit, game, law) for law in LAWS}
    used = fit.optima[(fit.optima["game"] == game) & fit.optima["used"]]
    fitted = [law for law in ("N_opt", "D_opt", "L_min", "R_max") if known(fits[law]["estimate"])]
    if fitted:
        kinds = [fits[law]["interval"] for law in fitted if known(fits[law]["ci_low"])]
        kind = "bootstrap" if "bootstrap" in kinds else "t"
        laws = [
            Markup("{} {}").format(SYMBOLS[law][0], _with_interval(fits[law], kind))
            for law in fitted
        ]
        method = {"grid": "the best cells", "vertex": "the vertices of the isoFLOP parabolas"}
        sentence = Markup("In {}, from {} to {} training FLOPs <i>C</i>: {} ({}optima by {}).")
        first = sentence.format(
            name,
            power(used["budget"].min(), 2),
            power(used["budget"].max(), 2),
            Markup("; ").join(laws),
            f"{100 * fits[fitted[0]]['level']:g} % intervals by {INTERVALS[kind]}; "
            if kinds
            else "",
            method[fit.method(game)],
        )
    else:
        why = "; ".join(fits["L_min"]["flags"]) or "too few budgets"
        first = Markup("In {} no law could be fitted ({}).").format(name, why)
    rows = table[table["game"] == game]
    return Markup(" ").join(filter(None, [first, _best(rows), _spent(rows)]))


def quoted(fit: StudyFit, game: str, law: str) -> Fit:
    """The record to quote: with its interval by bootstrap over runs if there is one, else by t."""
    resampled = fit.power(game, law, interval="bootstrap")
    return resampled if resampled["ci_low"] is not None else fit.power(game, law)


def _with_interval(fit: Fit, beside: str | None) -> Markup:
    """The law with its interval, if it has one; `beside`: the kind that the sentence names."""
    interval = Markup("")
    if fit["ci_low"] is not None:
        interval = Markup(" [{}, {}]").format(
            *(f"{fit[c]:.2f}".replace("-", MINUS) for c in ("ci_low", "ci_high"))
        )
        if fit["interval"] != "bootstrap" and beside == "bootstrap":
            interval += Markup(" by t")
    return formula(fit) + interval


def _best(rows: pd.DataFrame) -> Markup:
    """The best policy beside the expert and random play."""
    if "return_mean" not in rows or rows["return_mean"].notna().sum() == 0:
        return Markup("")
    best = rows.loc[rows["return_mean"].idxmax()]
    text = f"The best policy returns {with_error(best['return_mean'], best.get('return_se'))}"
    others = [
        f"{label} {number(best.get(column))}"
        for label, column in (("the expert", "expert_return"), ("random play", "random_return"))
        if known(best.get(column))
    ]
    return escape(text + (f" points ({', '.join(others)})." if others else " points."))


def _spent(rows: pd.DataFrame) -> Markup:
    """What the grid cost beside separate runs, in training FLOPs."""
    total, separate = spent(rows)
    if not separate:
        return Markup("")
    return Markup("The grid spent {} training FLOPs, {} of the {} of separate runs.").format(
        power(total), f"{total / separate:.0%}", power(separate)
    )


def states(table: pd.DataFrame) -> str:
    """How many cells are done, failed and so on: '41 done, 1 failed'."""
    counts = table["status"].value_counts()
    order = ["done", *sorted(set(counts.index) - {"done"})]
    return ", ".join(f"{counts[s]} {s}" for s in order if s in counts)


def cells(table: pd.DataFrame, fit: StudyFit) -> list[dict]:
    """Every row of the results table with whether it entered the fits."""
    entered = {(row.game, budget_name(row.budget), row.params) for row in fit.cells.itertuples()}
    return [
        {
            **row,
            "fitted": row.get("status") == "done"
            and (row["game"], budget_name(row["budget"]), row["params"]) in entered,
        }
        for row in table.to_dict("records")
    ]


# column of the results table -> heading and decimals, for columns that not every table has
MORE = {
    "return_median": ("median", 1),
    "length_mean": ("steps", 0),
    "depth_mean": ("depth", 2),
}


def more(table: pd.DataFrame) -> dict[str, tuple[str, int]]:
    """Those of `MORE` that hold a number."""
    return {c: v for c, v in MORE.items() if c in table and table[c].notna().any()}


def unique(values: Iterable) -> list:
    return sorted(set(values))
