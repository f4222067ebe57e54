"""What to train at a budget, as the quoted laws say."""

import numpy as np
import pandas as pd

from ilscaling.laws import headline
from ilscaling.laws.forms import POWER
from ilscaling.laws.prediction import QUANTITIES, Sizes, nearest, preferred


def proposal(
    fit, predicted: pd.DataFrame, game: str, budget: float, sizes: Sizes | None = None
) -> dict:
    """What to train for one game at `budget`: the size that the quoted law proposes.

    Parameters
    ----------
    fit : StudyFit
        Its method(game) is quoted, each quantity by the form that its verdict prefers, parameters
        and samples by the median where the power law holds.
    predicted : DataFrame
        A table of `forecast` at that budget.
    game
        One of the fit's.
    budget
        Training FLOPs.
    sizes : sequence of (size, parameters), optional
        What can be built.

    Returns
    -------
    dict
        game, budget, method, size and params (None where there is none), flags, and for each
        quantity estimate, low, high, level, method and form (None where unknown).
    """
    method = fit.method(game)
    of_game = predicted[predicted["game"] == game]
    mine = of_game[of_game["method"] == method]
    median = of_game[(of_game["method"] == headline.NAME) & of_game["estimate"].notna()]
    proposed = {"game": game, "budget": float(budget), "method": method}
    proposed |= {"size": None, "params": None, "flags": []}
    for law in QUANTITIES:
        # The return on 1/loss is that at a form's predicted loss.
        form = preferred(fit.verdicts, game, "L_min" if law == "R_on_1/L" else law, method)
        rows = mine[mine["quantity"] == law]
        if form == POWER and (median["quantity"] == law).any():
            rows = median[median["quantity"] == law]
        known = rows[rows["estimate"].notna()]
        row = next(
            (known[known["form"] == f] for f in (form, POWER) if (known["form"] == f).any()),
            known,
        )
        values = row.iloc[0] if len(row) else {}
        proposed[law] = {k: _number(values.get(k)) for k in ("estimate", "low", "high", "level")}
        proposed[law]["form"], proposed[law]["method"] = values.get("form"), values.get("method")
        why = values.get("flags") if len(row) else "; ".join(rows["flags"].head(1))
        if law == "N_opt":
            flags = [flag for flag in (why or f"not_fitted: no {law} law").split("; ") if flag]
            if proposed[law]["estimate"] is not None:
                size, params = values.get("size"), values.get("size_params")
                if sizes and not np.isfinite(size):
                    size, params, more = nearest(proposed[law]["estimate"], sizes)
                    flags += more
                proposed |= {"size": _whole(size), "params": _whole(params)}
            proposed["flags"] = flags
    return proposed


def _number(value) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None


def _whole(value) -> int | None:
    return None if _number(value) is None else round(float(value))
