"""Does the pure power law hold? The forms of each law side by side, and a verdict in words."""

import numpy as np
import pandas as pd

from ilscaling.laws.forms import FORMS, POWER, Curve
from ilscaling.laws.validation import curves

COLUMNS = {
    "game": "str",
    "law": "str",
    "method": "str",
    "form": "str",
    "n": "int64",
    "k": "int64",
    "rss": "float64",
    "aic": "float64",
    "bic": "float64",
    "delta_aic": "float64",
    "rolling_error": "float64",
    "exponent": "float64",
    "exponent_above": "float64",
    "break": "float64",
    "offset": "float64",
    "preferred": "bool",
    "flags": "str",
    "verdict": "str",
}
COMPARED = ("L_min", "R_max", "N_opt", "D_opt")
# A form is better by more than this much AIC (Burnham and Anderson 2002: less is no difference).
BETTER = 2.0
# Up to so much more the evidence only leans: residuals along compute are correlated, which the
# criterion does not know, and the better of two forms has been chosen.
DECISIVE = 10.0
# With six budgets AICc charges a saturating law 30 more than the power law: no evidence.
ENOUGH = 7
# One-step predictions below which rolling errors are not compared.
PREDICTIONS = 3


def verdicts(game: str, optima: pd.DataFrame, validation: pd.DataFrame) -> pd.DataFrame:
    """The forms of every law of one game, by grid and by vertex: a table of COLUMNS.

    `optima` are the game's measured optima, `validation` the rows of `validation.validate`.
    delta_aic is the power law's AIC (of small samples: see forms.form.Curve.aic) minus the form's;
    rolling_error the root mean square of ln(predicted/measured) one budget ahead, over the origins
    from which every form predicts (empty for under PREDICTIONS of them). The verdict of the form
    with the lowest AIC: the power law holds if that is not lower by more than BETTER; it is
    rejected if it is lower by more than DECISIVE and the rolling error is lower, too; between the
    two the evidence leans against it; where the rolling error disagrees or is unknown the verdict
    is 'undecided', and the power law stays preferred.
    """
    rows = []
    for method in ("grid", "vertex"):
        for law in COMPARED:
            points, fitted = curves(optima, law, method)
            mine = validation[(validation["law"] == law) & (validation["method"] == method)]
            names = {"game": game, "law": law, "method": method}
            rows += [{**names, **row} for row in _compare(points, fitted, mine)]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _compare(
    points: pd.DataFrame, curves: dict[str, Curve], validation: pd.DataFrame
) -> list[dict]:
    aic = {form: float(curve.aic[0]) for form, curve in curves.items()}
    rolling = _rolling(validation, [form for form in aic if np.isfinite(aic[form])])
    verdict, preferred = _verdict(curves, aic, rolling, int(points["edge"].sum()))
    rows = []
    for form, curve in curves.items():
        reason = curve.reason
        if not reason and np.isnan(aic[form]):
            reason = f"too_few: {len(points)} budgets leave no AIC to {FORMS[form].phrase}"
        values = {name: float(p[0]) for name, p in curve.parameters.items() if name in COLUMNS}
        rows.append(
            {
                "form": form,
                "n": len(points),
                "k": curve.form.coefficients,
                "rss": float(curve.rss[0]),
                "aic": aic[form],
                "bic": float(curve.bic[0]),
                "delta_aic": aic[POWER] - aic[form],
                "rolling_error": rolling.get(form, np.nan),
                **values,
                "preferred": form == preferred,
                "flags": "; ".join((*filter(None, [reason]), *curve.flags)),
                "verdict": verdict,
            }
        )
    return rows


def _rolling(validation: pd.DataFrame, among: list[str]) -> dict[str, float]:
    """One-step error of each form over the origins that all of them predict from."""
    one = validation[(validation["ahead"] == 1) & validation["form"].isin(among)]
    errors = one.pivot_table(index="trained_on", columns="form", values="error")
    errors = errors.reindex(columns=among).dropna()
    if len(errors) < PREDICTIONS:
        return {}
    return {form: float(np.sqrt((errors[form] ** 2).mean())) for form in among}


def _verdict(
    curves: dict[str, Curve], aic: dict[str, float], rolling: dict[str, float], edges: int
) -> tuple[str, str]:
    """The sentence, and the preferred form ('' where none could be fitted)."""
    n = int(curves[POWER].n[0])
    compared = [form for form in aic if np.isfinite(aic[form])]
    if POWER not in compared or len(compared) < 2:
        return f"too few budgets ({n}) to compare", "" if curves[POWER].reason else POWER
    best = min(compared, key=aic.get)
    delta = aic[POWER] - aic[best]
    toward, mimicked = curves[best].toward
    change = f"delta AIC {_short(delta)}"
    preferred = POWER
    if delta <= BETTER:
        text = f"the power law holds: no form is better by more than {BETTER:g} AIC"
        if n < ENOUGH:
            text = f"not rejected, though {n} budgets could hardly tell: no form is better by AIC"
    elif not rolling:
        text = f"undecided: AIC prefers {toward} ({change}), too few budgets to test extrapolation"
    else:
        ours, theirs = (_decimals(rolling[form]) for form in (best, POWER))
        errors = f"extrapolation error {ours} against {theirs}"
        if rolling[best] < rolling[POWER]:
            rejected = "the pure power law is rejected"
            if delta <= DECISIVE:
                rejected = "the evidence leans against the pure power law,"
            text, preferred = f"{rejected} toward {toward}: {change}, {errors}", best
        else:
            text = f"undecided: AIC prefers {toward} ({change}), extrapolation does not ({errors})"
    if edges and mimicked and delta > BETTER:
        text += f"; {edges} of {n} optima are at the grid's edge, which mimics saturation"
    return text, preferred


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _decimals(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")
