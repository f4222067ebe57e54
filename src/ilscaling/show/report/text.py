"""Numbers, sentences and tables of the page, from a results table and its fits."""

from collections.abc import Iterable

import pandas as pd
from markupsafe import Markup, escape

from ilscaling import registry
from ilscaling.laws import LAWS, Fit, StudyFit, determined
from ilscaling.laws.study_metrics import best_return
from ilscaling.show import looks
from ilscaling.show.words import MISSING, count, fixed, known, number, power_html
from ilscaling.tables import game_positions, spent


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
    """An ingest report as lines of a table.

    Parameters
    ----------
    report
        `games` and `kept` int, `left_out` {reason: games}, `roles` {role: games}, and the numbers
        of `INGEST`; each may be missing, and more is shown as it is given.

    Returns
    -------
    list of tuple
        (what, value), as text.
    """
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
    law = looks.LAWS[fit["law"]]
    if fit["estimate"] is None:
        return Markup(f"<i>{law.html}</i>")
    return Markup(f"<i>{law.html}</i> ∝ <i>{law.of}</i><sup>{fixed(fit['estimate'], 2)}</sup>")


def headline(game: str, name: str, table: pd.DataFrame, fit: StudyFit) -> Markup:
    """What was found in a game, in two or three sentences.

    Parameters
    ----------
    game
        The section.
    name
        As people write it.
    table
        The results table.
    fit
        Its laws.
    """
    fits = {law: fit.quoted(game, law) for law in LAWS}
    used = fit.optima[(fit.optima["game"] == game) & fit.optima["used"]]
    fitted = [law for law in ("N_opt", "D_opt", "L_min", "R_max") if known(fits[law]["estimate"])]
    if fitted:
        laws = [
            Markup("{} {}").format(looks.LAWS[law].name, _with_interval(fits[law]))
            for law in fitted
        ]
        sentence = Markup("In {}, from {} to {} training FLOPs <i>C</i>: {} ({}optima by {}).")
        first = sentence.format(
            name,
            power_html(used["budget"].min(), 2),
            power_html(used["budget"].max(), 2),
            Markup("; ").join(laws),
            f"{100 * fits[fitted[0]]['level']:g} % intervals by bootstrap; ",
            looks.METHODS[fit.method(game)].phrase,
        )
    else:
        why = "; ".join(fits["L_min"]["flags"]) or "too few budgets"
        first = Markup("In {} no law could be fitted ({}).").format(name, why)
    rows = table[table["game"] == game]
    return Markup(" ").join(filter(None, [first, _best(rows), _spent(rows)]))


def _with_interval(fit: Fit) -> Markup:
    """The law with its interval, and a word where that does not determine it."""
    ends = Markup(" [{}, {}]").format(*(fixed(fit[c], 2) for c in ("ci_low", "ci_high")))
    word = determined(fit)
    return formula(fit) + ends + ("" if word == "determined" else f" ({word})")


def _best(rows: pd.DataFrame) -> Markup:
    """The best size beside the expert and random play: the number of metrics.json."""
    done = rows[rows["status"] == "done"] if "status" in rows else rows
    best = best_return(done)
    if best is None:
        return Markup("")
    several = "seed" in done and done["seed"].nunique() > 1
    text = f"The best size returns {number(best)} points{', the mean of its seeds' * several}"
    others = [
        f"{label} {number(done[column].max())}"
        for label, column in (("the expert", "expert_return"), ("random play", "random_return"))
        if column in done and known(done[column].max())
    ]
    return escape(text + (f" ({', '.join(others)})." if others else "."))


def _spent(rows: pd.DataFrame) -> Markup:
    """What the grid cost beside separate runs, in training FLOPs."""
    total, separate = spent(rows)
    if not separate:
        return Markup("")
    return Markup("The grid spent {} training FLOPs, {} of the {} of separate runs.").format(
        power_html(total), f"{total / separate:.0%}", power_html(separate)
    )


def states(table: pd.DataFrame) -> str:
    """How many cells are done, failed and so on: '41 done, 1 failed'."""
    counts = table["status"].value_counts()
    order = ["done", *sorted(set(counts.index) - {"done"})]
    return ", ".join(f"{counts[s]} {s}" for s in order if s in counts)


def cells(table: pd.DataFrame, fit: StudyFit) -> list[dict]:
    """Every row of the results table with whether it entered the fits.

    Parameters
    ----------
    table
        The results table.
    fit
        Its laws.

    Returns
    -------
    list of dict
        A row each, and `fitted`.
    """
    entered = set(zip(*(fit.cells[n] for n in ("game", "position", "params")), strict=True))
    return [
        {
            **row,
            "fitted": row.get("status") == "done"
            and (row["game"], position, row["params"]) in entered,
        }
        for row, position in zip(table.to_dict("records"), game_positions(table), strict=True)
    ]


# column of the results table -> heading and decimals, for columns that not every table has
MORE = {
    "test_loss": ("test loss", 4),
    "return_median": ("median", 1),
    "length_mean": ("steps", 0),
    "depth_mean": ("depth", 2),
}


def more(table: pd.DataFrame) -> dict[str, tuple[str, int]]:
    """Those of `MORE` that hold a number.

    Parameters
    ----------
    table
        The results table.

    Returns
    -------
    dict
        Column -> (heading, decimals).
    """
    return {c: v for c, v in MORE.items() if c in table and table[c].notna().any()}


def unique(values: Iterable) -> list:
    return sorted(set(values))
