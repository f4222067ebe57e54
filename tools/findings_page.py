"""The table of docs/findings.md: what cloning's laws say in every game that was studied.

tools/readme_numbers.py writes it.
"""

import json
from pathlib import Path

import numpy as np
from scipy.stats import norm, t
from statsmodels.stats.meta_analysis import combine_effects

from ilscaling.show.titles import title
from ilscaling.show.words import off

ROOT = Path(__file__).resolve().parent.parent
# Studies by the file that makes them, and the sections that are cloning in a game of its own: not
# another algorithm, nor another policy in the same game.
STUDIES = {
    "reference": (
        "breakout", "space_invaders", "qbert", "bank_heist", "name_this_game", "boxing", "pong",
        "beam_rider", "berzerk", "nethack", "go_to", "put_next_local", "minatar_space_invaders",
    ),
    "default": ("breakout", "nethack"),
    "algorithms": ("foraging",),
    "sparse": (
        "go_to_local", "put_next_local", "go_to", "boss_level", "minatar_breakout",
        "minatar_space_invaders",
    ),
    "lot": ("pong",),
    "nld-mini": ("nethack",),
}  # fmt: skip
COLUMNS = (
    "game", "study", "cells", "N ~ C^a", "L ~ C^c", "lowest loss of the largest budget, foretold",
    "best return, of the expert's",
)  # fmt: skip
POOLED = {"N_opt": "N ~ C^a", "L_min": "L ~ C^c"}


def found() -> dict[tuple[str, str], dict]:
    """(study, section) -> its metrics, of the studies that were run."""
    games = {}
    for study, sections in STUDIES.items():
        path = ROOT / f"results/{study}/metrics.json"
        if path.exists():
            metrics = json.loads(path.read_text(encoding="utf-8"))
            games |= {(study, name): metrics[name] for name in sections if name in metrics}
    return games


def exponent(of: dict, law: str) -> str:
    if of.get(law) is None:
        return "not quoted"
    low, high = of.get(f"{law}_low"), of.get(f"{law}_high")
    ends = "" if low is None else f" [{low:.3f}, {high:.3f}]"
    return f"{of[law]:.3f}{ends}, {of[f'{law}_known']}"


def foretold(of: dict) -> str:
    signed = of.get("held_out_off_L_min")
    if signed is None:
        return ""
    held = "held" if of["held_out_covered_L_min"] else "did not hold"
    return f"{off(np.log1p(signed))}, the interval {held}"


def row(study: str, name: str, of: dict) -> tuple[str, ...]:
    share = of.get("best_return_of_expert")
    best = "" if share is None else f"{share:.0%}"
    laws = (exponent(of, law) for law in POOLED)
    return title(name), f"`{study}`", f"{of['cells_done']}", *laws, foretold(of), best


def once(games: dict) -> dict[str, dict]:
    """Game -> its metrics, of the first study that has it: a game that was studied twice is one."""
    first: dict[str, dict] = {}
    for (_, name), of in games.items():
        first.setdefault(name, of)
    return first


def pooled(games: dict[str, dict], law: str) -> str:
    """A random-effects mean over games, and how far they lie apart.

    The interval is Hartung and Knapp's, by Student's t, or the plain one by t where that is wider:
    theirs vanishes where few games happen to agree.
    """
    # An exponent that is not determined, as of optima at the grid's edge, is no estimate of one.
    known = [of for of in games.values() if of[f"{law}_known"] in ("determined", "sign only")]
    if len(known) < 3:
        return f"- {POOLED[law]}: {len(known)} games in which it is determined, too few for a mean."
    values = np.array([of[law] for of in known])
    # Half of an interval by Student's t over the normal quantile: rather too large.
    errors = np.array([of[f"{law}_high"] - of[f"{law}_low"] for of in known]) / 2 / norm.ppf(0.975)
    of = combine_effects(values, errors**2, method_re="iterated")
    half = t.ppf(0.975, len(known) - 1) * np.sqrt(max(of.var_eff_w_re, of.var_hksj_re))
    mean = of.mean_effect_re
    return (
        f"- {POOLED[law]}: {mean:.3f} [{mean - half:.3f}, {mean + half:.3f}] over the"
        f" {len(known)} games in which at least its sign is determined. They lie apart by a"
        f" standard deviation of {np.sqrt(of.tau2):.3f} beyond their own errors; their own values"
        f" go from {values.min():.3f} to {values.max():.3f}."
    )


def table() -> list[tuple[str, ...]]:
    """Head, rule and a row a game of a study."""
    rows = [row(*key, of) for key, of in found().items()]
    return [COLUMNS, ("---",) * len(COLUMNS), *rows]


def block(_: dict) -> str:
    """Markdown of the table, and of what the games have in common."""
    games = found()
    lines = "\n".join(f"| {' | '.join(line)} |" for line in table())
    means = "\n".join(pooled(once(games), law) for law in POOLED)
    return f"{lines}\n\nOver the games (random effects, Hartung and Knapp's interval):\n\n{means}"
