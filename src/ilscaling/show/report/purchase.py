"""What a budget buys by the fitted laws: the numbers behind the page's slider."""

import json

import numpy as np
import pandas as pd

from ilscaling.laws import StudyFit, predict
from ilscaling.show.words import known

QUANTITIES = {
    "N_opt": "parameters",
    "D_opt": "samples",
    "L_min": "loss (nats a step)",
    "R_max": "return (points)",
}
STEPS = 61
BEYOND = 10.0  # times the largest measured budget


def offers(fit: StudyFit, game: str, table: pd.DataFrame) -> str | None:
    """The numbers of a game's slider: what each budget buys by the quoted laws.

    Parameters
    ----------
    fit
        The fits of a study.
    game
        One of them.
    table
        The results table, for the expert's return.

    Returns
    -------
    str or None
        JSON: {"budgets": [FLOPs], "measured": the largest measured budget, "expert": its return or
        null, "rows": [{"name", "values": [[predicted, low, high]]}]}, `values` with a row a budget:
        the power law by the quoted method and its prediction interval by bootstrap over runs. None
        where no law has an interval.
    """
    mine = fit.optima[(fit.optima["game"] == game) & fit.optima["used"]]
    rows = []
    if mine.empty:
        return None
    low, high = float(mine["budget"].min()), float(mine["budget"].max())
    budgets = np.geomspace(low, BEYOND * high, STEPS)
    for law, name in QUANTITIES.items():
        record = fit.power(game, law, interval="bootstrap")
        if not known(record["estimate"]) or not record["line"]:
            continue
        values = np.stack(predict(record, budgets, new=True), 1)
        rows.append({"name": name, "values": [[_short(v) for v in line] for line in values]})
    if not rows:
        return None
    expert = table.loc[table["game"] == game].get("expert_return")
    best = None if expert is None or expert.isna().all() else _short(float(expert.max()))
    return json.dumps(
        {"budgets": [_short(b) for b in budgets], "measured": high, "expert": best, "rows": rows},
        separators=(",", ":"),
    )


def _short(value: float) -> float | None:
    return float(f"{value:.4g}") if np.isfinite(value) else None
