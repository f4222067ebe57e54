"""Predictions of larger budgets: planted truth, honest intervals, and every refusal with reason."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ilscaling.errors import FitError
from ilscaling.laws import forms, interval, validation
from ilscaling.laws.frontier import Points
from ilscaling.laws.goal import goals_of
from ilscaling.laws.prediction import nearest, predictions
from ilscaling.laws.recommendation import proposal
from ilscaling.laws.records import LAWS

BUDGETS = np.geomspace(1e13, 1e17, 9)
TRUTH = {
    "L_min": lambda C: 40 * C**-0.15,
    "N_opt": lambda C: 1e-4 * C**0.55,
    "D_opt": lambda C: 1e3 * C**0.45,
    "R_max": lambda C: 1e-3 * C**0.3,
    "R_on_1/L": lambda C: 5 * (40 * C**-0.15) ** -2.0,
}
AT = np.array([1e18, 1e20])


@dataclass(frozen=True)
class Runs:
    """What validation knows of a game's runs."""

    budget: np.ndarray
    y: dict[str, np.ndarray]  # law -> (draws, budgets)
    game: str = "pong"

    @property
    def C(self):
        return self.budget

    def upto(self, position):
        keep = np.arange(len(self.budget)) <= position
        return replace(self, budget=self.budget[keep], y={k: v[:, keep] for k, v in self.y.items()})


def frontier(runs, form, method="grid"):
    """The frontier through given optima, every law by one form."""
    curves = {}
    for law, y in runs.y.items():
        x = 1 / runs.y["L_min"] if law == "R_on_1/L" else runs.budget
        curves[law] = forms.fit(forms.FORMS[form], x, y)
    flags = {law: [*filter(None, [curve.reason])] for law, curve in curves.items()}
    return Points(method, form, curves, flags)


def runs(noise=0.0, seed=0, draws=1, budgets=BUDGETS, truth=TRUTH, **changes):
    """Optima of the truth with independent noise of ln y; draw 0 is the measurement."""
    generator = np.random.default_rng(seed)
    y = {}
    for law, of in {**truth, **changes}.items():
        first = of(budgets) * np.exp(noise * generator.standard_normal(len(budgets)))
        more = first * np.exp(noise * generator.standard_normal((draws - 1, len(budgets))))
        y[law] = np.vstack([first, more])
    return Runs(budgets, y)


def optima(told):
    columns = {"R_opt": told.y["R_on_1/L"][0], "L_chosen": told.y["L_min"][0]}
    columns |= {law: told.y[law][0] for law in LAWS if law != "R_on_1/L"}
    at = {
        "position": np.arange(len(told.budget)),
        "budget": told.budget,
        "flops": told.budget,
        "flops_return": told.budget,
    }
    used = {"used": True, "used_return": told.y["R_max"][0] > 0, "edge": "", "edge_return": ""}
    tables = [pd.DataFrame({"method": m, **at, **columns, **used}) for m in ("grid", "vertex")]
    return pd.concat(tables, ignore_index=True)


def every_form(told, draws):
    """A builder as laws.study's: all forms by grid, and the power law by vertex."""
    return [*(frontier(told, form) for form in forms.FORMS), frontier(told, "power", "vertex")]


def validate(told, builder=every_form, **options):
    return validation.validate(told, optima(told), builder, **{"level": 0.9, **options})


def test_planted_laws_predict_every_larger_budget():
    table, notes = validate(runs())
    assert notes == []
    power = table[table["form"] == "power"]
    # Origins of 4 to 8 budgets, each predicting all after it, by grid and vertex, for five laws.
    assert len(power) == (5 + 4 + 3 + 2 + 1) * 2 * len(LAWS)
    assert power["error"].abs().max() < 1e-9
    assert table["error"].abs().max() < 1e-3
    for row in power.itertuples():
        assert row.measured == pytest.approx(TRUTH[row.law](row.budget))
        assert row.error == pytest.approx(np.log(row.predicted / row.measured))
        origin, budget = (np.flatnonzero(b == BUDGETS)[0] for b in (row.origin, row.budget))
        assert (row.trained_on, row.ahead) == (origin + 1, budget - origin)


def test_the_held_out_budgets_are_marked_whatever_the_origins():
    for hold_out, fewest in ((1, 4), (3, 4), (6, 5)):
        table, _ = validate(runs(0.02), hold_out=hold_out, fewest=fewest)
        held = table[table["held_out"]]
        assert set(held["origin"]) == {BUDGETS[-hold_out - 1]}
        assert set(held.loc[held["form"] == "power", "budget"]) == set(BUDGETS[-hold_out:])
        assert (table["held_out"] == (table["origin"] == BUDGETS[-hold_out - 1])).all()


def test_a_prediction_knows_nothing_of_larger_budgets():
    told = runs(0.05, seed=3)
    changed = {law: y * np.where(BUDGETS[5] < BUDGETS, 7.0, 1.0) for law, y in told.y.items()}
    before, after = (validate(r)[0] for r in (told, replace(told, y=changed)))
    seen = before["origin"] <= BUDGETS[5]
    assert before.loc[seen, "predicted"].equals(after.loc[seen, "predicted"])
    assert not before.loc[~seen, "predicted"].equals(after.loc[~seen, "predicted"])


def test_the_summary_is_that_of_the_rows():
    table, _ = validate(runs(0.1, seed=1))
    told = validation.summary(table).set_index(["law", "method", "form"])
    row = told.loc["L_min", "grid", "power"]
    mine = table[(table["law"] == "L_min") & (table["method"] == "grid")]
    mine = mine[mine["form"] == "power"]
    assert row["all_steps"] == pytest.approx(np.sqrt((mine["error"] ** 2).mean()))
    assert row["one_step"] == pytest.approx(
        np.sqrt((mine.loc[mine["ahead"] == 1, "error"] ** 2).mean())
    )
    assert row["covered"] == pytest.approx(
        ((mine["low"] <= mine["measured"]) & (mine["measured"] <= mine["high"])).mean()
    )
    assert (row["n"], row["n_one_step"], row["intervals"]) == (15, 5, 15)


def coverage(form, truth, studies, draws, **options):
    """Share of intervals that hold a new measurement two budgets beyond the last."""
    beyond = np.array([BUDGETS[-1] * (BUDGETS[1] / BUDGETS[0]) ** 2])
    held = []
    for seed in range(studies):
        told = runs(0.03, seed, draws, L_min=truth, truth={}, **options)
        _, low, high = interval.prediction(frontier(told, form), "L_min", beyond, 0.9)
        new = truth(beyond) * np.exp(0.03 * np.random.default_rng([seed, 1]).standard_normal())
        held.append(bool(low <= new <= high))
    return np.mean(held)


def test_the_power_laws_interval_holds_a_new_measurement():
    # Binomial(300, 0.9) is within this range with probability 0.998.
    assert 0.845 <= coverage("power", TRUTH["L_min"], 300, 1) <= 0.95


@pytest.mark.parametrize(
    ("form", "truth"),
    [
        ("saturating", lambda C: 300 * C**-0.22 + 0.1),
        ("broken", lambda C: np.where(C < 1e15, (C / 1e15) ** -0.1, (C / 1e15) ** -0.25)),
    ],
)
def test_intervals_of_the_other_forms_hold_a_new_measurement(form, truth):
    # Nothing exact is known of them: not far below their level, nor so wide as to say nothing.
    assert 0.84 <= coverage(form, truth, 120, 200) <= 0.99


def test_the_power_laws_interval_is_students():
    import statsmodels.api as sm

    told = runs(0.05, 2)
    fit = sm.OLS(np.log(told.y["L_min"][0]), sm.add_constant(np.log(BUDGETS))).fit()
    frame = fit.get_prediction(sm.add_constant(np.log(AT))).summary_frame(alpha=0.2)
    expected = np.exp(frame[["mean", "obs_ci_lower", "obs_ci_upper"]].to_numpy().T)
    found = interval.prediction(frontier(told, "power"), "L_min", AT, 0.8)
    assert np.array(found) == pytest.approx(expected, rel=1e-9)


def test_the_return_at_a_predicted_loss_carries_the_losss_spread():
    told = runs(0.05, seed=4)
    by = frontier(told, "power")
    predicted, low, high = interval.prediction(by, "R_on_1/L", AT, 0.9)
    slope = by.parameters["R_on_1/L", "exponent"][0]
    parts = [(1.0, "R_on_1/L"), (slope, "L_min")]
    variance = sum(
        (times * by.spread(law)[0]) ** 2 * (1 + by.leverage(law, AT)) for times, law in parts
    )
    half = stats.t.ppf(0.95, len(BUDGETS) - 2) * np.sqrt(variance)
    assert np.log(high / predicted) == pytest.approx(half, rel=1e-6)
    assert np.log(predicted / low) == pytest.approx(half, rel=1e-6)


def test_two_budgets_say_why_there_is_no_validation():
    few, notes = validate(runs(budgets=BUDGETS[:2]))
    assert few.empty and list(few.columns) == list(validation.COLUMNS)
    assert notes == ["pong: too_few: 2 budgets with an optimum, validation needs 3"]
    # Two budgets left after the hold-out: a prediction without an interval, which is not 'missed'.
    three, _ = validate(runs(budgets=BUDGETS[:3]))
    assert three["held_out"].all() and three["covered"].isna().all()
    assert (three["error"].abs() < 1e-9).all()


def test_zero_returns_and_constant_losses_are_told():
    table, notes = validate(runs(R_max=np.zeros_like))
    assert "R_max" not in set(table["law"])
    assert "pong: no larger budget to test R_max by grid power on" in notes
    flat = runs(L_min=lambda C: np.full_like(C, 0.5))
    table, _ = validate(flat)
    constant = table[table["law"] == "L_min"]
    assert constant["error"].abs().max() < 1e-9 and len(constant)


# Forecasts --------------------------------------------------------------------------------------

SIZES = [(size, 100.0 * size**2) for size in range(1, 2001)]


def foretold(told, budget, **options):
    return predictions(told, every_form(told, 1), budget, level=0.9, **options)


def test_a_forecast_follows_the_planted_law():
    table = foretold(runs(), 3.1e18, sizes=SIZES)
    assert len(table) == 4 * len(LAWS)
    for row in table[table["form"] == "power"].itertuples():
        assert row.estimate == pytest.approx(TRUTH[row.quantity](3.1e18), rel=1e-9)
        assert "extrapolated: 31 times the largest budget" in row.flags
    sizes = table.loc[table["quantity"] == "N_opt", ["size", "size_params"]]
    wanted = TRUTH["N_opt"](3.1e18)
    best = min(SIZES, key=lambda pair: abs(np.log(pair[1] / wanted)))
    assert (sizes == best).all().all()
    assert table.loc[table["quantity"] != "N_opt", "size"].isna().all()
    inside = foretold(runs(), 1e15)
    assert not inside["flags"].str.contains("extrapolated").any()


def test_the_nearest_size_is_by_ln_parameters_and_flagged_if_far():
    assert nearest(330, [(2, 1000), (1, 100)])[:2] == (2, 1000)
    assert nearest(310, [(2, 1000), (1, 100)])[:2] == (1, 100)
    assert nearest(98, [(2, 1000), (1, 100)])[2][0].startswith("unbuildable: 98 ")
    assert nearest(1e4, [(2, 1000), (1, 100)])[0] == 2
    assert nearest(300, [(2, 1000), (1, 100)])[2] == [
        "size: the nearest has 0.33 times the parameters"
    ]
    assert nearest(101, [(2, 1000), (1, 100)])[2] == []


def goals(told, wanted, builder=every_form):
    table = goals_of(told, builder(told, 1), wanted, level=0.9)
    return table.set_index(["method", "form"])


def test_the_budget_of_a_return_inverts_the_law():
    wanted = 1.5 * TRUTH["R_max"](BUDGETS[-1])
    found = goals(runs(0.02, draws=200), wanted)
    exact = goals(runs(), wanted)
    budget = (wanted / 1e-3) ** (1 / 0.3)
    assert exact["budget"].to_numpy() == pytest.approx(budget, rel=1e-2)
    assert exact.loc[("grid", "power"), "budget"] == pytest.approx(budget, rel=1e-9)
    assert exact["flags"].str.contains("extrapolated: 3.86 times the largest budget").all()
    power = found.loc[("grid", "power")]
    assert power["low"] < power["budget"] < power["high"]
    again = TRUTH["R_max"](BUDGETS[4])
    assert goals(runs(), again).loc[("grid", "power"), "budget"] == pytest.approx(BUDGETS[4])


def test_the_interval_of_a_goal_is_about_its_estimate_however_the_draws_lie():
    told = runs(0.02, draws=400)
    # Maxima of resampled noise: every draw too good by a fifth.
    biased = np.vstack([told.y["R_max"][:1], 1.2 * told.y["R_max"][1:]])
    wanted = 1.5 * TRUTH["R_max"](BUDGETS[-1])
    plain, moved = (goals(r, wanted) for r in (told, replace(told, y={**told.y, "R_max": biased})))
    for key in (("grid", "power"), ("grid", "broken")):
        row = moved.loc[key]
        assert row["low"] < row["budget"] < row["high"]
        assert row[["low", "high"]].tolist() == pytest.approx(
            plain.loc[key, ["low", "high"]].tolist(), rel=0.1
        )


def test_a_return_above_the_ceiling_is_not_reached():
    told = runs(R_max=lambda C: 60 - 4e3 * C**-0.15)
    found = goals(told, 75.0)
    assert np.isfinite(found.loc[("grid", "power"), "budget"])
    ceiling = found.loc[("grid", "saturating")]
    assert np.isnan(ceiling["budget"])
    assert ceiling["flags"].startswith("not_reached: the law stays below 75, at 59.82, up to")
    inside = goals(told, 50.0).loc[("grid", "saturating"), "budget"]
    assert inside == pytest.approx((10 / 4e3) ** (-1 / 0.15), rel=1e-3)


def test_what_cannot_be_foretold_has_its_reason():
    told = runs(R_max=np.zeros_like, budgets=BUDGETS[:5])
    table = foretold(told, 1e18)
    missing = table[table["estimate"].isna()]
    assert set(missing["quantity"]) == {"R_max", "L_min", "N_opt", "D_opt", "R_on_1/L"}
    assert (missing["flags"] != "").all()
    assert set(missing.loc[missing["form"] == "broken", "quantity"]) == set(LAWS)
    returns = goals(replace(told, y={**told.y, "R_on_1/L": 0 * told.y["R_on_1/L"]}), 5.0)
    assert returns["budget"].isna().all()
    assert returns["flags"].str.startswith("not_fitted: 0 points").all()
    # A law that is there and says nothing, without a word why: the forecast gives one.
    mute = replace(frontier(told, "power"), flags={})
    silent = predictions(told, [mute], 1e18, level=0.9).set_index("quantity")
    assert silent.loc["R_max", "flags"].startswith("not_fitted: the measurement")
    two = foretold(runs(budgets=BUDGETS[:2]), 1e18)
    power = two[two["form"] == "power"]
    assert power["estimate"].notna().all() and power["low"].isna().all()
    assert power["flags"].str.contains("no_interval").all()
    for bad in (0.0, -1.0, np.nan):
        with pytest.raises(FitError, match="positive"):
            foretold(runs(), bad)
        with pytest.raises(FitError, match="positive"):
            goals(runs(), bad)


def test_the_proposal_follows_the_quoted_method_and_the_preferred_form():
    table = foretold(runs(0.02, draws=50), 1e18, sizes=SIZES)
    verdicts = pd.DataFrame(
        [("pong", law, "grid", "saturating", law == "L_min") for law in LAWS],
        columns=["game", "law", "method", "form", "preferred"],
    )
    fit = SimpleNamespace(method=lambda game: "grid", verdicts=verdicts)
    told = proposal(fit, table, "pong", 1e18, SIZES)
    rows = table[table["method"] == "grid"].set_index(["quantity", "form"])
    forms_told = [told[law]["form"] for law in ("L_min", "R_on_1/L", "R_max")]
    assert forms_told == ["saturating", "saturating", "power"]
    assert told["L_min"]["estimate"] == rows.loc[("L_min", "saturating"), "estimate"]
    assert told["R_max"]["low"] == rows.loc[("R_max", "power"), "low"]
    assert told["params"] == 100 * told["size"] ** 2
    assert told["size"] == rows.loc[("N_opt", "power"), "size"]
    none = proposal(fit, table, "alien", 1e18, SIZES)
    assert (none["size"], none["N_opt"]["estimate"]) == (None, None)
    assert none["flags"] == ["not_fitted: no N_opt law"]
