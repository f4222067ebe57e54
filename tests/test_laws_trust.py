"""What the laws claim holds in studies whose truth is known: windows, verdicts, intervals."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ilscaling import laws
from ilscaling.laws import chance, draws, forms, verdicts
from ilscaling.laws.frontier import LeftOut, points
from ilscaling.laws.interval import prediction
from ilscaling.params import Laws

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
from simulated import DESIGNS, A, study  # noqa: E402

BY_NAME = {design.name: design for design in DESIGNS}
PORIAN = ROOT / ".." / "shared" / "tables" / "porian"
SETTINGS = Laws(plateau=1e6)


def lines(runs, resamples=0, settings=SETTINGS):
    """The power laws of a study by grid and vertex, with their resamples."""
    drawn = draws.draw(runs, resamples, 0)
    of = points(runs, drawn, settings, LeftOut(), only=("power",))
    return {frontier.method: frontier for frontier in of}


@pytest.mark.parametrize("name", ["plain", "saturating", "many budgets", "coarse grid", "cut edge"])
def test_the_vertex_is_at_the_optimum_whatever_the_floor_and_the_grid(name):
    """A window in ratios of loss held the whole grid where losses vary little, and bent N_opt."""
    design = replace(BY_NAME[name], noise=(0.0, 0.0, 0.0))
    curve = lines(study(design, 0))["vertex"].curves["N_opt"]
    first = np.log(2e4) + design.first * design.step
    away = np.log(curve.y[0]) - first - A * np.log(curve.x[0] / 1e12)
    assert np.nanmax(np.abs(away)) < 0.06
    assert curve.parameters["exponent"][0] == pytest.approx(A, abs=0.002)


@pytest.mark.skipif(not PORIAN.exists(), reason="the tables are not at ../shared/tables")
def test_every_method_agrees_with_porian_et_al():
    published = json.loads((PORIAN / "published_exponents.json").read_text())
    table = pd.read_csv(PORIAN / "isoflop_points.csv")
    table = table.rename(columns={"config": "game", "tokens": "samples", "loss": "dev_loss"})
    fit = laws.fit_table(table.assign(flops=table["budget"]), Laws(bootstrap=0), validate=False)
    wanted = {"grid": 0.03, "vertex": 0.02, "quadratic": 0.03, "chinchilla": 0.04, "varpro": 0.04}
    for method, limit in (wanted | {"median": 0.02}).items():
        of = {
            f["game"]: f["estimate"]
            for f in fit.fits
            if (f["method"], f["law"], f["parameter"]) == (method, "N_opt", "exponent")
            and f["form"] in ("power", "surface")
        }
        off = [of[game] - numbers["basic"]["n_exponent"] for game, numbers in published.items()]
        assert np.sqrt(np.mean(np.square(off))) < limit, (method, off)
        if method == "varpro":
            assert of["rw_4"] == pytest.approx(0.497, abs=0.02)


def test_a_true_power_law_is_not_rejected_and_a_floor_is_found():
    """Twelve sizes of one seed at sixteen budgets, where 73 % of N_opt were once rejected; and a
    floor as large as the reducible loss, at eight budgets, where no form could be found."""

    def rejected(name, law, studies):
        curves = [lines(study(BY_NAME[name], s), 100)["vertex"].curves[law] for s in range(studies)]
        straight = law in chance.STRAIGHT
        return sum(
            verdicts.rejected(
                {name: of.aic[0] for name, of in forms.curves(curve.x[0], curve.y[0]).items()},
                chance.chance(curve, straight=straight),
            )
            for curve in curves
        )

    assert rejected("many budgets", "N_opt", 8) <= 1
    assert rejected("uneven noise", "L_min", 6) <= 1
    assert rejected("saturating", "L_min", 6) >= 5


def test_the_band_that_is_drawn_is_that_of_the_quoted_interval():
    fit = laws.fit_table(table_of(study(BY_NAME["small"], 0)), Laws(bootstrap=80), validate=False)
    record = fit.power("pong", "L_min", "grid", "bootstrap")
    x = np.exp(record["line"]["centre"] + np.array([-40.0, 0.0, 40.0]))
    mean, low, high = laws.predict(record, x)
    half = np.log(high / low) / 2
    # Far off the line is known as well as its slope, at the centre it is known best.
    assert half[0] / 40 == pytest.approx((record["ci_high"] - record["ci_low"]) / 2, rel=0.02)
    assert half[1] < half[0] and half[0] == pytest.approx(half[2])
    new = laws.predict(record, x, new=True)
    assert new[1][1] < low[1] < mean[1] < high[1] < new[2][1]


def test_predictions_far_ahead_are_as_sure_as_they_say():
    held = []
    for seed in range(12):
        runs = study(BY_NAME["plain"], seed)
        full = lines(runs)["vertex"].curves
        few = lines(runs.where(runs.position < 4), 60)["vertex"]
        for law in ("L_min", "N_opt"):
            _, low, high = prediction(few, law, full[law].x[0, -2:], 0.95)
            y = full[law].y[0, -2:]
            held += list(((low <= y) & (y <= high))[np.isfinite(low) & np.isfinite(y)])
    assert len(held) > 30 and np.mean(held) > 0.85


def table_of(runs):
    """A results table of a simulated study."""
    columns = {"budget": runs.budget, "flops": runs.C, "params": runs.N, "samples": runs.D}
    return pd.DataFrame(
        {"game": "pong", **columns, "dev_loss": runs.L, "return_mean": runs.R, "run": runs.run}
    )


def test_one_exponent_with_one_interval_is_quoted():
    fit = laws.fit_table(table_of(study(BY_NAME["small"], 0)), Laws(bootstrap=60), validate=False)
    size, loss = fit.quoted("pong", "N_opt"), fit.quoted("pong", "L_min")
    assert (size["method"], loss["method"]) == ("median", fit.method("pong"))
    assert {size["interval"], loss["interval"]} == {"bootstrap"}
    assert size["ci_low"] < size["estimate"] < size["ci_high"]
    values = laws.metrics(table_of(study(BY_NAME["small"], 0)), fit)["pong"]
    assert (values["N_opt"], values["N_opt_low"]) == (size["estimate"], size["ci_low"])
    assert (values["L_min"], values["L_min_low"]) == (loss["estimate"], loss["ci_low"])


def test_sizes_are_forecast_by_the_median_whose_exponent_is_quoted():
    held = []
    for seed in range(4):
        table = table_of(study(BY_NAME["plain"], seed))
        few = table[table["budget"] < table["budget"].max() / 2]
        at = table["budget"].max()
        said = laws.forecast(few, Laws(bootstrap=40), at)
        row = said[said["quoted"] & (said["quantity"] == "N_opt")].iloc[0]
        # The truth of simulated.study: the optimum goes from the second size up as C^A.
        true = 2e4 * np.exp(BY_NAME["plain"].step) * (at / 1e12) ** A
        held.append((row["method"], abs(np.log(row["estimate"] / true)) < 0.25))
        assert row["low"] <= true <= row["high"]
    assert set(held) == {("median", True)}


def test_what_is_certain_for_want_of_evidence_is_not_quoted():
    runs = study(BY_NAME["small"], 0)
    two = table_of(runs.where(runs.position < 2))
    fit = laws.fit_table(two, Laws(bootstrap=40), validate=False)
    assert fit.power("pong", "L_min", "grid")["estimate"] is not None
    for law in ("L_min", "N_opt"):
        record = fit.quoted("pong", law)
        assert record["estimate"] is None and record["ci_low"] is None
    assert "not_quoted: 2 budgets, through which any line goes" in record["flags"]
    # The smallest size is best at every budget, in every resample.
    steep = table_of(study(replace(BY_NAME["small"], triangle=False), 0))
    steep["dev_loss"] = steep["dev_loss"] * (steep["params"] / 2e4) ** 3
    record = laws.fit_table(steep, Laws(bootstrap=40), validate=False).quoted("pong", "N_opt")
    assert record["estimate"] is None and "not_quoted: every resample" in record["flags"][-1]


@pytest.mark.parametrize(
    ("estimate", "ends", "flags", "word"),
    [
        (0.5, (0.4, 0.6), [], "determined"),
        (0.5, (0.1, 0.9), [], "sign only"),
        (0.5, (-0.1, 1.1), [], "not determined"),
        (0.5, (None, None), [], "not determined"),
        (-0.0, (-0.0, 0.0), [], "not determined"),
        (0.5, (0.4, 0.6), ["at_edge: the optimum is the largest size"], "not determined"),
        (0.5, (0.4, 0.6), ["rejected: toward saturation"], "slope only"),
        (0.5, (-0.1, 1.1), ["rejected: toward saturation"], "not determined"),
    ],
)
def test_an_exponent_is_determined_by_its_interval_and_its_notes(estimate, ends, flags, word):
    record = {"estimate": estimate, "ci_low": ends[0], "ci_high": ends[1], "flags": flags}
    assert laws.determined(record) == word


def test_a_grid_whose_optima_lie_at_its_edge_determines_no_law():
    """A study of small sizes had its largest as the best at nearly every budget: it was quoted."""
    runs = study(replace(BY_NAME["small"], triangle=False), 0)
    table = table_of(runs.where(runs.position > 1))
    table = table[table["params"] <= sorted(table["params"].unique())[2]]
    fit = laws.fit_table(table, Laws(bootstrap=40, min_sizes=3), validate=False)
    best = fit.optima[fit.optima["method"] == "grid"]
    assert set(best["edge"]) == {"largest"}
    for law in ("N_opt", "D_opt", "L_min"):
        record = fit.quoted("pong", law)
        assert laws.determined(record) == "not determined"
        assert any(flag.startswith(("at_edge", "not_quoted")) for flag in record["flags"])
    said = laws.forecast(table, Laws(bootstrap=40, min_sizes=3), 1e18)
    believed = said[said["quoted"]].set_index("quantity")
    assert "at_edge: the optimum is the largest size" in believed.loc["L_min", "flags"]


def test_a_forecast_says_what_to_believe_and_what_is_beyond_the_expert():
    table = table_of(study(BY_NAME["small"], 1)).assign(expert_return=30.0)
    said = laws.forecast(table, Laws(bootstrap=40), 1e18)
    believed = said[said["quoted"]]
    assert sorted(believed["quantity"]) == sorted({"L_min", "N_opt", "D_opt", "R_max", "R_on_1/L"})
    by = believed.set_index("quantity")
    assert (by.loc[["N_opt", "D_opt"], "method"] == "median").all()
    size, data = (by.loc[name] for name in ("N_opt", "D_opt"))
    assert size["low"] < size["estimate"] < size["high"]
    assert size["estimate"] * data["estimate"] == pytest.approx(1e18 / 6, rel=0.1)
    returns = said[said["quantity"].str.startswith("R_") & (said["estimate"] > 30)]
    assert len(returns) and returns["flags"].str.contains("beyond_expert: ").all()
    assert not said[said["quantity"] == "L_min"]["flags"].str.contains("beyond_expert").any()


def test_where_a_power_law_passes_the_expert_the_bounded_forecast_is_to_be_believed():
    """R_max of the default study at 16 times its budgets was 25 times the expert's return."""
    table = table_of(study(BY_NAME["small"], 1)).assign(expert_return=30.0, random_return=2.0)
    half = float(table["budget"].median())
    planted = 2 + 28 / (1 + (half / table["flops"]) ** 0.8)
    lowest = table.groupby("budget")["dev_loss"].transform("min")
    table["return_mean"] = planted * lowest / table["dev_loss"]
    far, near = 100 * table["budget"].max(), table["budget"].median()
    for budget, bounded in ((far, True), (near, False)):
        said = laws.forecast(table, Laws(bootstrap=40), budget)
        (best,) = said[said["quoted"] & (said["quantity"] == "R_max")].itertuples()
        assert (best.method == "relation") == bounded
        truth = 2 + 28 / (1 + (half / budget) ** 0.8)
        own = said[(said["quantity"] == "R_max") & (said["method"] == "relation")]
        assert own["estimate"].item() == pytest.approx(truth, rel=0.02) and truth < 30
    without = laws.forecast(table.drop(columns="random_return"), Laws(bootstrap=40), far)
    assert "relation" not in set(without["method"])
