"""Does the pure power law hold? The forms of each law side by side, and a verdict in words."""

from collections.abc import Mapping

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
    "chance": "float64",
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
# A form that the criterion finds worse by more than this is not believed (the same: from 4 on with
# considerably less support): where noise is uneven, resamples take its bends for the law's.
AGAINST = 4.0
# A bend that a true power law shows more often than this does not reject it.
RARE = 0.05
# With six budgets AICc charges a saturating law 30 more than the power law: no evidence.
ENOUGH = 7
# One-step predictions below which rolling errors are not compared.
PREDICTIONS = 3


def verdicts(
    game: str,
    optima: pd.DataFrame,
    validation: pd.DataFrame,
    chances: Mapping[tuple[str, str], float] | None = None,
) -> pd.DataFrame:
    """The forms of every law of one game, by grid and by vertex: a table of COLUMNS.

    The power law is rejected if in at most RARE of studies of a true power law another form would
    explain as much more as it does here, and AIC is not against it (see `rejected`). The form with
    the lowest AIC of the others is preferred, and it is said whether it predicts the next budget
    better, too. Where nothing says how rare that
    is and AIC prefers another form, the verdict is 'undecided', and the power law stays preferred.

    Parameters
    ----------
    game
        Its name.
    optima : DataFrame
        The game's measured optima.
    validation : DataFrame
        Rows of `validation.validate`.
    chances : mapping, optional
        (law, method) -> how often chance makes as large a bend (see chance.chances).

    Returns
    -------
    DataFrame
        delta_aic is the power law's AIC (of small samples: see forms.form.Curve.aic) minus the
        form's, `chance` how often a true power law bends as much, rolling_error the root mean
        square of ln(predicted/measured) one budget ahead, over the origins from which the power law
        and the best form predict (empty for under PREDICTIONS of them).
    """
    rows = []
    for method in ("grid", "vertex"):
        for law in COMPARED:
            points, fitted = curves(optima, law, method)
            mine = validation[(validation["law"] == law) & (validation["method"] == method)]
            names = {"game": game, "law": law, "method": method}
            rare = (chances or {}).get((law, method), np.nan)
            rows += [{**names, **row} for row in _compare(points, fitted, mine, rare)]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def rejected(aic: Mapping[str, float], chance: float) -> bool:
    """Whether the pure power law is rejected.

    Parameters
    ----------
    aic
        Form -> its criterion (see forms.form.Curve.aic), NaN where it has none.
    chance
        How often a true power law bends as much (see chance.chance).

    Returns
    -------
    bool
        If that is rare, and the best other form's criterion is not worse by AGAINST.
    """
    others = [value for form, value in aic.items() if form != POWER and np.isfinite(value)]
    return bool(others) and chance <= RARE and aic[POWER] - min(others) > -AGAINST


def _compare(
    points: pd.DataFrame, curves: dict[str, Curve], validation: pd.DataFrame, chance: float
) -> list[dict]:
    aic = {form: float(curve.aic[0]) for form, curve in curves.items()}
    rolling = _rolling(validation, aic)
    edges = int(points["edge"].sum())
    verdict, preferred = _verdict(curves, aic, rolling, chance, edges)
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
                "chance": chance,
                "rolling_error": rolling.get(form, np.nan),
                **values,
                "preferred": form == preferred,
                "flags": "; ".join((*filter(None, [reason]), *curve.flags)),
                "verdict": verdict,
            }
        )
    return rows


def _rolling(validation: pd.DataFrame, aic: dict[str, float]) -> dict[str, float]:
    """One-step error of each form over the origins that the power law and the best form predict
    from: a form that needs more budgets than these two would leave few origins."""
    known = {form: value for form, value in aic.items() if np.isfinite(value)}
    if POWER not in known:
        return {}
    best = min(known, key=known.get)
    if best == POWER:
        best = min(known.keys() - {POWER}, key=lambda form: (known[form], form), default=POWER)
    one = validation[(validation["ahead"] == 1) & validation["form"].isin(list(known))]
    errors = one.pivot_table(index="trained_on", columns="form", values="error")
    errors = errors.reindex(columns=list(known)).dropna(subset=[POWER, best])
    return {
        form: float(np.sqrt((errors[form] ** 2).mean()))
        for form in known
        if errors[form].notna().sum() >= PREDICTIONS
    }


def _verdict(
    curves: dict[str, Curve],
    aic: dict[str, float],
    rolling: dict[str, float],
    chance: float,
    edges: int,
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
    rare = rejected(aic, chance)
    if rare and best == POWER:
        best = min((form for form in compared if form != POWER), key=aic.get)
        delta = aic[POWER] - aic[best]
        toward, mimicked = curves[best].toward
        change = f"delta AIC {_short(delta)}"
    if delta <= BETTER and not rare:
        text = f"the power law holds: no form is better by more than {BETTER:g} AIC"
        if n < ENOUGH:
            text = f"not rejected, though {n} budgets could hardly tell: no form is better by AIC"
    elif np.isnan(chance):
        text = f"undecided: AIC prefers {toward} ({change}), which no resamples of the runs judge"
    elif not rare:
        text = (
            f"the power law holds: AIC prefers {toward} ({change}), but so large a bend comes in"
            f" {_percent(chance)} of studies of a power law"
        )
    else:
        text = (
            f"the pure power law is rejected toward {toward}: {change}, so large a bend comes in"
            f" {_percent(chance)} of studies of a power law, {_extrapolation(rolling, best)}"
        )
        preferred = best
    if edges and mimicked and (rare or delta > BETTER):
        text += f"; {edges} of {n} optima are at the grid's edge, which mimics saturation"
    return text, preferred


def _extrapolation(rolling: dict[str, float], best: str) -> str:
    """What predictions of the next budget say of the best form."""
    if not {best, POWER} <= rolling.keys():
        return "too few budgets to test extrapolation"
    ours, theirs = (_decimals(rolling[form]) for form in (best, POWER))
    if rolling[best] < rolling[POWER]:
        return f"extrapolation error {ours} against {theirs}"
    return f"though it extrapolates no better (error {ours} against {theirs})"


def _percent(share: float) -> str:
    return "under 1 %" if share < 0.01 else f"{100 * share:.0f} %"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _decimals(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")
