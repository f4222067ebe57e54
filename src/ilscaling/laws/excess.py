"""Laws on the excess over a floor that is known, and what estimators of the floor say of it.

An expert's entropy is the irreducible loss of whoever imitates it (`store.floor`). Where a table
knows it, the loss that the laws are fitted to can be

    measured  the cross-entropy of the demonstrated actions, as without a floor
    expected  its expectation under the expert's distribution: the same mean, less chance
    excess    the divergence from the expert: the expected loss less the floor at the same steps

and every estimate of E, the irreducible loss, can be judged: see `judged`.
"""

import numpy as np
import pandas as pd

from ilscaling.errors import FitError
from ilscaling.laws.study import StudyFit

# kind of loss -> (dev column, test column), each with a standard error `<column>_se`.
LOSSES = {
    "measured": ("dev_loss", "test_loss"),
    "expected": ("dev_expected_loss", "test_expected_loss"),
    "excess": ("dev_kl", "test_kl"),
}
# Estimates of the floor: (law, form, parameter) of the records of a fit.
ESTIMATES = (("loss", "surface", "E"), ("L_min", "saturating", "offset"))
COLUMNS = {
    "game": "str",
    "method": "str",
    "form": "str",
    "parameter": "str",
    "estimate": "float64",
    "low": "float64",
    "high": "float64",
    "level": "float64",
    "floor": "float64",
    "floor_se": "float64",
    "error": "float64",
    "covered": "object",
}


def known(table: pd.DataFrame) -> list[str]:
    """Games of a table whose floor is known, in its order.

    Parameters
    ----------
    table
        A results table; the floor is its column `expert_entropy`.
    """
    if "expert_entropy" not in table:
        return []
    return list(dict.fromkeys(table.loc[table["expert_entropy"].notna(), "game"]))


def by_loss(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """A results table whose dev and test loss are of another kind: what the laws are fitted to.

    Of the excess the action entropy is lowered by the floor as well, since a policy that knows how
    often each action is played has that much excess. Cells whose divergence was not measured get
    the measured loss less the floor. Games without a floor are left out, and noted.

    Parameters
    ----------
    table
        A results table.
    kind
        One of LOSSES.

    Raises
    ------
    FitError
        For a table that knows no game's floor, unless the loss is to be the measured one.
    """
    if kind == "measured":
        return table
    games = known(table)
    if not games:
        raise FitError(
            f"no game's floor is known, so that there is no {kind} loss",
            where="column expert_entropy",
            fix="--loss measured",
        )
    wanted = table[table["game"].isin(games)].reset_index(drop=True)
    entropies = ["expert_entropy", "test_expert_entropy"]
    wanted.attrs = dict(table.attrs)
    left = [game for game in dict.fromkeys(table["game"]) if game not in games]
    notes = [f"{game} has no expert_entropy: left out of the laws on the {kind} loss"
             for game in left]  # fmt: skip
    wanted.attrs["notes"] = [*table.attrs.get("notes", ()), *notes]
    for (own, entropy), new in zip(
        (("dev_loss", "expert_entropy"), ("test_loss", "test_expert_entropy")),
        LOSSES[kind],
        strict=True,
    ):
        if own not in wanted:
            continue
        floor = wanted[entropy] if entropy in wanted else wanted["expert_entropy"]
        instead = wanted[own] - (floor if kind == "excess" else 0.0)
        wanted[own] = wanted[new].fillna(instead) if new in wanted else instead
        error = f"{new}_se"
        if error in wanted:
            wanted[f"{own}_se"] = wanted[error].fillna(wanted.get(f"{own}_se", np.nan))
    if kind == "excess" and "action_entropy" in wanted:
        wanted["action_entropy"] = wanted["action_entropy"] - wanted["expert_entropy"]
        wanted = wanted.drop(columns=entropies, errors="ignore")  # the excess has the floor 0
    return wanted


def judged(table: pd.DataFrame, fit: StudyFit) -> pd.DataFrame:
    """What every estimator of the irreducible loss says, beside the floor.

    Parameters
    ----------
    table
        The results table that `fit` is of, with the columns expert_entropy and, if the laws are
        judged on test losses, test_expert_entropy: an estimate is compared with the floor of the
        steps that its losses are of.
    fit
        Fits of the measured or of the expected loss.

    Returns
    -------
    DataFrame
        Of COLUMNS, a row a (game, estimator). `error` is estimate - floor in nats; `covered`
        whether the interval, its ends moved out by as many standard errors of the floor as the
        level asks for in quadrature, holds the floor.
    """
    rows = []
    for game in known(table):
        of_game = table[table["game"] == game]
        for law, form, parameter in ESTIMATES:
            for record in fit.fits:
                key = (record["game"], record["law"], record["form"], record["parameter"])
                if key != (game, law, form, parameter) or record["interval"] != "bootstrap":
                    continue
                floor, error = _floor(of_game, judged=law == "L_min" and tested(of_game))
                rows.append({"game": game, "method": record["method"], "form": form,
                             "parameter": parameter, "level": record["level"],
                             **_row(record, floor, error)})  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _row(record: dict, floor: float, error: float) -> dict:
    estimate, low, high = (
        np.nan if record[k] is None else float(record[k]) for k in ("estimate", "ci_low", "ci_high")
    )
    row = {"estimate": estimate, "low": low, "high": high, "floor": floor, "floor_se": error}
    row |= {"error": estimate - floor, "covered": None}
    if np.isfinite(low) and np.isfinite(high):
        from scipy.stats import norm

        away = norm.ppf(0.5 + record["level"] / 2) * np.nan_to_num(error)
        below, above = np.hypot(estimate - low, away), np.hypot(high - estimate, away)
        row["covered"] = bool(estimate - below <= floor <= estimate + above)
    return row


def tested(rows: pd.DataFrame) -> bool:
    """Whether optima of a game's rows are judged on the test split (see runs.Runs.tested)."""
    if "test_loss" not in rows:
        return False
    measured = rows["dev_loss"].notna()
    return bool(measured.any() and rows.loc[measured, "test_loss"].notna().all())


def _floor(rows: pd.DataFrame, *, judged: bool) -> tuple[float, float]:
    """The floor of a game and its standard error: of the dev split, or of the one that judges."""
    prefix = "test_" if judged and "test_expert_entropy" in rows else ""
    values = (f"{prefix}expert_entropy", f"{prefix}expert_entropy_se")
    return tuple(float(rows[name].mean()) if name in rows else np.nan for name in values)
