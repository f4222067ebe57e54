"""What stands at the top of the page: how each game was set up, and a card of what came out."""

from dataclasses import dataclass

import pandas as pd

from ilscaling.laws import StudyFit
from ilscaling.show import looks, rows
from ilscaling.show.words import count, fixed, interval, known, number, power_html

# The laws of a card, in its order.
SHOWN = ("N_opt", "D_opt", "L_min", "R_max")
# Codes of flags by which a law is not determined, whatever its interval.
DOUBTFUL = ("not quoted", "not identified", "two points")


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
        'determined': the interval has one sign and is at most as wide as the exponent is large;
        'sign only': it has one sign; 'not determined'.
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
    episodes = done["episodes"].max() if "episodes" in done else None
    expert = done["expert_return"].max() if "expert_return" in done else None
    return {
        "policies": f"{families}, {number(mine['params'].min())} to "
        f"{number(mine['params'].max())} parameters".lstrip(", "),
        "sizes": str(mine["params"].nunique()),
        "seeds": str(mine["seed"].nunique()) if "seed" in mine else "1",
        "training FLOPs": power_html(low) + " to " + power_html(high),
        "counted": {"exact": "exactly"}.get(grid.get("flops", ""), grid.get("flops", "")),
        "demonstrations": f"{count(train['steps'])} steps" if train else "",
        "held out": f"{count(held['steps'])} steps" if held else "",
        "expert's return": number(expert),
        "cells measured": f"{len(done)} of {len(mine)}",
        "episodes a cell": count(episodes) if known(episodes) else "",
    }


def card(fit: StudyFit, game: str) -> list[Exponent]:
    """The exponents of a game's card: those that everything else quotes, too."""
    return [_exponent(fit.quoted(game, law)) for law in SHOWN]


def _exponent(quoted: dict) -> Exponent:
    look, fitted = looks.LAWS[quoted["law"]], known(quoted["estimate"])
    notes = tuple(rows.note(flag) for flag in quoted["flags"])
    ends = (quoted["ci_low"], quoted["ci_high"]) if known(quoted["ci_low"]) else None
    return Exponent(
        name=look.name,
        formula=f"<i>{look.html}</i> ∝ <i>{look.of}</i>",
        value=fixed(quoted["estimate"], 2) if fitted else "not quoted",
        bounds=interval(*ends, lambda end: fixed(end, 2)) if fitted and ends else "",
        verdict=verdict(quoted["estimate"], ends, notes),
        notes=notes,
    )


def verdict(
    estimate: float | None, ends: tuple[float, float] | None, notes: list[str] | tuple = ()
) -> str:
    """How well an exponent is known, see `Exponent`.

    Parameters
    ----------
    estimate
        None or NaN without one.
    ends
        Of its interval, if it has one.
    notes
        Flags as rows.note writes them; one that begins with a code of DOUBTFUL decides.
    """
    doubted = any(note.startswith(DOUBTFUL) for note in notes)
    if not known(estimate) or ends is None or ends[0] * ends[1] <= 0 or doubted:
        return "not determined"
    return "determined" if ends[1] - ends[0] <= abs(estimate) else "sign only"
