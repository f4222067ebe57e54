"""What stands at the top of the page: how each game was set up, and a card of what came out."""

from dataclasses import dataclass

import pandas as pd

from ilscaling.laws import StudyFit, determined
from ilscaling.laws.records import Fit
from ilscaling.show import looks, rows
from ilscaling.show.words import count, fixed, interval, known, number, power_html

# The laws of a card, in its order.
SHOWN = ("N_opt", "D_opt", "L_min", "R_max")


@dataclass(frozen=True)
class Exponent:
    """A law on a card.

    Parameters
    ----------
    name
        Of the quantity.
    formula
        As HTML, with the exponent to be put up.
    value, bounds
        The exponent and its interval, as text.
    verdict
        How well it is known (laws.determined).
    notes
        What a sceptic should know of it.
    """

    name: str
    formula: str
    value: str
    bounds: str
    verdict: str
    notes: tuple[str, ...]


def setup(game: str, table: pd.DataFrame, parts: dict, params: dict) -> dict[str, object]:
    """How a game was set up, what -> text: the columns of the table at the top.

    Parameters
    ----------
    game
        The section.
    table
        The results table.
    parts
        What the page knows of its demonstrations: `splits`.
    params
        The section's parameters as plain values; empty if nobody gave them.
    """
    mine = table[table["game"] == game]
    done = mine[mine["status"] == "done"] if "status" in mine else mine
    splits, grid = parts.get("splits", {}), params.get("grid", {})
    train, held = splits.get("train", {}), splits.get("test") or splits.get("dev") or {}
    low, high = mine["budget"].min(), mine["budget"].max()
    families = ", ".join(mine["family"].unique()) if "family" in mine else ""
    expert = done["expert_return"].max() if "expert_return" in done else None
    return {
        "policies": f"{families}, {number(mine['params'].min())} to "
        f"{number(mine['params'].max())} parameters".lstrip(", "),
        "sizes": str(mine["params"].nunique()),
        "seeds": str(mine["seed"].nunique()) if "seed" in mine else "1",
        "training FLOPs": power_html(low) + " to " + power_html(high),
        "FLOPs counted": {"exact": "exactly"}.get(grid.get("flops", ""), grid.get("flops", "")),
        "demonstrations": f"{count(train['steps'])} steps" if train else "",
        "held-out test set": f"{count(held['steps'])} steps" if held else "",
        "expert's return": number(expert),
        "cells measured": f"{len(done)} of {len(mine)}",
        "episodes played a cell": played(done),
    }


def played(done: pd.DataFrame) -> str:
    """How many episodes a cell's return is the mean of: '3 to 10' where some cells play more.

    Parameters
    ----------
    done : DataFrame
        The measured cells of a game.
    """
    if "episodes" not in done or not known(done["episodes"].max()):
        return ""
    ends = sorted({done["episodes"].min(), done["episodes"].max()})
    return " to ".join(map(count, ends))


def card(fit: StudyFit, game: str) -> list[Exponent]:
    """The exponents of a game's card: those that everything else quotes, too."""
    return [_exponent(fit.quoted(game, law)) for law in SHOWN]


def _exponent(record: Fit) -> Exponent:
    look, fitted = looks.LAWS[record["law"]], known(record["estimate"])
    notes = tuple(rows.note(flag) for flag in record["flags"])
    ends = (record["ci_low"], record["ci_high"]) if known(record["ci_low"]) else None
    return Exponent(
        name=look.name,
        formula=f"<i>{look.html}</i> ∝ <i>{look.of}</i>",
        value=fixed(record["estimate"], 2) if fitted else "not quoted",
        bounds=interval(*ends, lambda end: fixed(end, 2)) if fitted and ends else "",
        verdict=determined(record),
        notes=notes,
    )
