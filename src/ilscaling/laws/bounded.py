"""Returns of a larger budget that stay between random play and the expert.

A power law of returns goes on beyond the expert's, which nothing in imitation supports. The
relations `highest_return_sigmoid` and `return_sigmoid` end there (docs/relations.md), and have as
many coefficients.
"""

import numpy as np
import pandas as pd

from ilscaling.laws.relations import highest_return_sigmoid, return_sigmoid
from ilscaling.laws.relations.fitting import fit
from ilscaling.tables import measured, positions

# How forecasts call them.
METHOD, FORM = "relation", "sigmoid"
NEEDED = ("return_mean", "expert_return", "random_return", "budget")
# Budgets from which a relation of two coefficients leaves something over.
BUDGETS = 3


def returns(rows: pd.DataFrame, budget: float, loss: float) -> list[dict]:
    """The highest return at a budget, and that at a loss, between random play and the expert.

    Parameters
    ----------
    rows
        Of one game, of a results table.
    budget
        Training FLOPs.
    loss
        The lowest loss to expect there, nats a step; NaN: not known.

    Returns
    -------
    list of dict
        method, form, quantity (R_max, R_on_1/L), estimate in points of the game, and flags; empty
        where the table does not tell random play's return and the expert's, or has too few budgets.
    """
    if any(name not in rows for name in NEEDED):
        return []
    done = measured(rows)
    done = done[done["budget"].notna()]
    if done["budget"].nunique() < BUDGETS:
        return []
    placed = done.assign(position=positions(done["budget"])).reset_index(drop=True)
    ends = placed[["random_return", "expert_return"]].apply(pd.to_numeric, errors="coerce")
    low, high = ends.median()
    if not low < high:
        return []
    found = []
    for quantity, relation, at in (
        ("R_max", highest_return_sigmoid.RELATION, {"compute": budget}),
        ("R_on_1/L", return_sigmoid.RELATION, {"loss": loss}),
    ):
        fitted = fit(relation, placed)
        share = np.nan if fitted.reason else float(fitted.predict(**at))
        if np.isfinite(share):
            flags = [
                f"bounded: between random play's {low:.4g} and the expert's {high:.4g}",
                "no_interval: none whose coverage was measured",
            ]
            value = low + share * (high - low)
            found.append(
                {"method": METHOD, "form": FORM, "quantity": quantity, "estimate": value}
                | {"flags": "; ".join(flags)}
            )
    return found
