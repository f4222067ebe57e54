"""What the page says of the laws: tables and sentences from fits, verdicts and predictions."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from markupsafe import Markup

from ilscaling.laws import FORMS, LAWS, POWER, StudyFit
from ilscaling.show import looks, rows
from ilscaling.show.words import fixed, interval, number, off, power_html
from ilscaling.tables import measured

# quantity of a forecast -> the measured column that it foretells
FORETOLD = {"L_min": "dev_loss", "R_max": "return_mean", "R_on_1/L": "return_mean"}
WHAT = {"dev_loss": "dev loss", "test_loss": "test loss"}


def ways(fit: StudyFit, game: str, lines: list[dict], cell: Callable) -> dict:
    """A table with a line a law and a column a way of fitting.

    Parameters
    ----------
    fit
        The fits of a study.
    game
        One of them.
    lines
        Rows with law, method and form.
    cell
        Row -> its text.

    Returns
    -------
    dict
        {"names": [{name, quoted}], "lines": [(law, cells)]}.
    """
    laws = [law for law in LAWS if any(row["law"] == law for row in lines)]
    names, cells = rows.matrix(lines, laws, cell)
    quoted = looks.way(fit.method(game), POWER).label
    return {
        "names": [{"name": name, "quoted": name == quoted} for name in names],
        "lines": list(zip(laws, cells, strict=True)),
    }


def exponents(fit: StudyFit, game: str) -> dict:
    """The exponents of a game by every method, each with one interval, as `ways` returns them.

    Parameters
    ----------
    fit
        The fits of a study.
    game
        One of them.
    """

    def cell(row: dict) -> str:
        if row["estimate"] is None:
            return "not fitted"
        ends = rows.best_interval(row)
        mark = "†" if any(note.startswith("reducible:") for note in row["notes"]) else ""
        bounds = interval(*ends) if ends else ""
        return f"{fixed(row['estimate'], 3)}{mark} {bounds}".strip()

    return ways(fit, game, rows.exponents(fit, game), cell)


def records(fit: StudyFit, game: str) -> dict:
    """Every exponent of a game with all its intervals, and the notes that its rows point at.

    Parameters
    ----------
    fit
        The fits of a study.
    game
        One of them.

    Returns
    -------
    dict
        {"lines", "notes", "others"}: `lines` are those of rows.exponents, with each interval of
        KINDS as text; `others` those of rows.others, with their `text`; the `marks` of both are
        places in `notes`, from 1.
    """
    seen: list[str] = []
    lines = [
        {
            **row,
            **{kind: interval(*row["intervals"].get(kind, (None, None))) for kind in KINDS},
            "marks": [rows.footnote(note, seen) for note in row["notes"]],
        }
        for row in rows.exponents(fit, game)
    ]
    return {"lines": lines, "notes": seen, "others": _others(fit, game, seen)}


def _others(fit: StudyFit, game: str, seen: list[str]) -> list[dict]:
    return [
        {
            **row,
            "text": rows.parameters(row),
            "marks": [rows.footnote(note, seen) for note in row["notes"]],
        }
        for row in rows.others(fit, game)
    ]


KINDS = ("bootstrap", "delta")


def held_out(fit: StudyFit, game: str) -> dict | None:
    """The held-out budget of a game: what each way predicted, and by how much it was off.

    Parameters
    ----------
    fit
        The fits of a study.
    game
        One of them.

    Returns
    -------
    dict or None
        {"budget", "origin"} (FLOPs), {"lines", "more"}: rows of rows.held_out and their numbers as
        text, of the quoted way and of the others, {"held", "judged"}: how many intervals held, of
        how many. None where nothing was held out.
    """
    predicted = rows.held_out(fit, game)
    if predicted.empty:
        return None
    lines = [
        {
            **row,
            "way": looks.way(row["method"], row["form"]).label,
            "said": number(row["predicted"]),
            "bounds": interval(row["low"], row["high"], number),
            "measured": number(row["measured"]),
            "off": off(row["error"]),
            "held": str(row["covered"]),
        }
        for row in predicted.to_dict("records")
    ]
    judged = [line for line in lines if line["held"] in ("True", "False")]
    quoted = (fit.method(game), POWER)
    return {
        "budget": predicted["budget"].iloc[0],
        "origin": predicted["origin"].iloc[0],
        "lines": [line for line in lines if (line["method"], line["form"]) == quoted],
        "more": [line for line in lines if (line["method"], line["form"]) != quoted],
        "held": sum(line["held"] == "True" for line in judged),
        "judged": len(judged),
    }


def verdicts(fit: StudyFit, game: str) -> list[dict]:
    """Rows of `show.rows.verdicts` with their numbers as text, form beside form.

    Parameters
    ----------
    fit
        The fits of a study.
    game
        One of them.

    Returns
    -------
    list of dict
        With `gain` (AIC over the power law's) and `error` (one budget ahead), in the order of
        `forms`.
    """
    return [
        {
            **row,
            "gain": " / ".join(fixed(row["delta_aic"].get(f), 1) for f in FORMS if f != POWER),
            "error": " / ".join(fixed(row["rolling_error"].get(f), 3) for f in FORMS),
        }
        for row in rows.verdicts(fit, game)
    ]


def relations(fit: StudyFit, game: str) -> list[dict]:
    """Rows of `show.rows.relations` with their numbers as text.

    Parameters
    ----------
    fit
        The fits of a study.
    game
        One of them.
    """
    return [
        {
            **row,
            "relation": row["relation"].replace("_", " "),
            "next_error": fixed(row["next_error"], 3),
            "said": "; ".join(filter(None, (row["verdict"], row["flags"]))),
        }
        for row in rows.relations(fit, game)
    ]


def forms() -> dict[str, str]:
    """The forms as a table's caption names them: {"others", "all"}."""
    return {"others": " / ".join(f for f in FORMS if f != POWER), "all": " / ".join(FORMS)}


def selection(fit: StudyFit, game: str) -> list[dict]:
    """What choosing costs by the quoted method.

    Parameters
    ----------
    fit
        The fits of a study.
    game
        One of them.

    Returns
    -------
    list of dict
        A row a budget: budget (FLOPs), and loss and returns as text.
    """
    return [
        {"budget": row["budget"], "loss": fixed(row["loss"], 4), "returns": number(row["return"])}
        for row in rows.selection(fit, game).to_dict("records")
    ]


def rolling(fit: StudyFit, game: str) -> dict | None:
    """Root mean square error one budget ahead, and how many intervals held.

    Parameters
    ----------
    fit
        The fits of a study.
    game
        One of them.

    Returns
    -------
    dict or None
        See `ways`. None where nothing was predicted.
    """
    lines = rows.rolling(fit, game).to_dict("records")
    if not lines:
        return None

    def cell(row: dict) -> str:
        held = f", {row['held']}/{row['intervals']}" if row["intervals"] else ""
        return off(row["one_step"], signed=False) + held

    return ways(fit, game, lines, cell)


def no_mean(fit: StudyFit) -> str:
    """Why there is no mean across games; empty if there is one or nothing to say."""
    rows = fit.across
    known = rows["iqm"].notna() & rows["budget"].notna()
    return "" if known.any() else "; ".join(dict.fromkeys(r for r in rows["reason"] if r))


def prediction(fit: StudyFit, game: str) -> Markup:
    """How the quoted law foresaw the loss of the held-out budget, as a sentence of the headline.

    Parameters
    ----------
    fit
        The fits of a study.
    game
        One of them.

    Returns
    -------
    Markup
        Empty where nothing was held out.
    """
    predicted = rows.held_out(fit, game)
    quoted = (predicted["form"] == POWER) & (predicted["method"] == fit.method(game))
    mine = predicted[quoted & (predicted["law"] == "L_min")]
    if mine.empty:
        return Markup("")
    row = mine.iloc[0]
    return Markup(
        "From the smaller budgets the law predicts a loss of {} at {} FLOPs; {} was measured."
    ).format(
        f"{number(row['predicted'])} {interval(row['low'], row['high'], number)}".strip(),
        power_html(row["budget"]),
        number(row["measured"]),
    )


def forecast(fit: StudyFit, given: dict, game: str) -> dict | None:
    """What was foretold of a game at the forecast's budget, and what training there gave.

    Parameters
    ----------
    fit
        The fits of a study.
    given
        See `forecast` of page.write.
    game
        One of the study.

    Returns
    -------
    dict or None
        {"proposal", "budget", "cells", "failed", "lines"}: `cells` the realised rows that were
        measured, `failed` why others were not, `lines` a row a (quantity, way). None where nothing
        was foretold or trained.
    """
    proposals = [dict(p) for p in given["proposals"] if p["game"] == game]
    predicted = given["predictions"]
    predicted = predicted[predicted["game"] == game] if len(predicted) else predicted
    real = given["realised"]
    real = real[real["game"] == game] if len(real) else real
    if not proposals and predicted.empty and real.empty:
        return None
    cells, lines = measured(real), predicted.to_dict("records")
    failed = real[real["status"] != "done"] if "status" in real else real.iloc[:0]
    return {
        "proposal": proposals[0] if proposals else None,
        "budget": next((float(row["budget"]) for row in (*proposals, *lines)), None),
        "cells": cells.to_dict("records"),
        "failed": [
            f"{row['status']}: {row.get('reason') or ''}" for row in failed.to_dict("records")
        ],
        "lines": [_foretold(row, cells) for row in lines if _shown(row)],
    }


def _shown(row: dict) -> bool:
    return row["quantity"] in FORETOLD and row["estimate"] is not None and pd.notna(row["estimate"])


def _foretold(row: dict, cells: pd.DataFrame) -> dict:
    column = FORETOLD[row["quantity"]]
    if column == "dev_loss":
        column = rows.foretold_loss(row["method"], cells)
    real = cells[column].mean() if column in cells and len(cells) else np.nan
    known = np.isfinite(real) and real > 0
    bounds = [np.nan if row[end] is None else float(row[end]) for end in ("low", "high")]
    held = bounds[0] <= real <= bounds[1] if known and np.isfinite(bounds).all() else None
    way = row["method"], row["form"]
    by = looks.way(*way).label if looks.has_way(*way) else ", ".join(way)
    of_loss = ", by its loss" if row["quantity"] == "R_on_1/L" else ""
    return {
        "what": WHAT.get(column, "return"),
        "by": by + of_loss + (" (quoted)" if row.get("quoted", False) else ""),
        "said": number(float(row["estimate"])),
        "bounds": interval(*bounds, number),
        "off": off(float(np.log(float(row["estimate"]) / real))) if known else "",
        "held": held,
    }
