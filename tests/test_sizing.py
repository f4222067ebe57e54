"""The excess compute of a mis-sized model: what a planted surface says, and what cannot be said."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize
from typer.testing import CliRunner

from ilscaling import laws
from ilscaling.cli.main import app
from ilscaling.errors import FitError, ParamsError
from ilscaling.laws.constraint import Constraint
from ilscaling.laws.quadratic import Quadratic

# C = K N^RHO D
K, RHO = 6.5, 0.9
TIMES = np.array([0.25, 0.5, 1.0, 2.0, 4.0])


def additive(N, D):
    return 0.12 + 25.0 / N**0.38 + 310.0 / D**0.33


def bowl(N, D):
    n, d = np.log(N) - 11, np.log(D) - 17
    return 0.7 * np.exp(-0.12 * n - 0.2 * d + 0.02 * n * n + 0.006 * n * d + 0.02 * d * d)


def planted(loss, noise: float = 0.0) -> pd.DataFrame:
    """Nine sizes at eight budgets, a size a run."""
    size, budget = (values.ravel() for values in np.mgrid[:9, :8].astype(float))
    N, C = 2e3 * np.exp(0.9 * size), 1e11 * 4.0**budget
    D = C / (K * N**RHO)
    L = loss(N, D) * np.exp(noise * np.random.default_rng(0).standard_normal(len(N)))
    return pd.DataFrame({"params": N, "samples": D, "budget": C, "flops": C, "dev_loss": L})


def lowest(loss, ln_C: float) -> tuple[float, float]:
    """ln N_opt and the lowest loss at a compute, by search."""
    best = optimize.minimize_scalar(
        lambda n: loss(np.exp(n), np.exp(ln_C) / (K * np.exp(RHO * n))),
        bounds=(3, 25),
        method="bounded",
        options={"xatol": 1e-12},
    )
    return float(best.x), float(best.fun)


@pytest.mark.parametrize(
    ("loss", "methods"), [(additive, ("varpro", "chinchilla")), (bowl, ("quadratic",))]
)
def test_it_is_that_of_a_search_on_the_planted_surface(loss, methods):
    fit = laws.fit(planted(loss), bootstrap=0, validate=False, window=None)
    C = 3e14
    ln_N, _ = lowest(loss, np.log(C))
    N = np.exp(ln_N) * TIMES
    wanted = [
        C / np.exp(optimize.brentq(lambda c, L=L: lowest(loss, c)[1] - L, 25, np.log(C) + 0.1))
        for L in loss(N, C / (K * N**RHO))
    ]
    assert wanted[2] == pytest.approx(1, abs=1e-6) and min(wanted[0], wanted[4]) > 1.2
    for method in methods:
        of = fit.excess_compute(C, N, method=method)
        assert of["estimate"].tolist() == pytest.approx(wanted, rel=1e-6)
        assert of["times_N_opt"].tolist() == pytest.approx(TIMES, rel=1e-6)
        assert (of["estimate"] >= 1).all() and of[["low", "high"]].isna().all(axis=None)
        assert of["flags"].str.contains("no_interval: 0 of 0 resamples").all()


def test_its_interval_holds_the_estimate_and_the_truth():
    exact = laws.fit(planted(additive), bootstrap=0, validate=False, window=None)
    fit = laws.fit(planted(additive, 0.003), bootstrap=60, validate=False, window=None)
    N = fit.excess_compute(1e14, 1e5)["params"] / fit.excess_compute(1e14, 1e5)["times_N_opt"]
    sizes = float(N.iloc[0]) * TIMES
    of = fit.excess_compute(1e14, sizes, level=0.9)
    truth = exact.excess_compute(1e14, sizes)["estimate"]
    assert ((of["low"] <= truth) & (truth <= of["high"])).sum() >= 4
    assert ((of["low"] >= 1) & (of["low"] <= of["estimate"])).all()
    assert (of["estimate"] <= of["high"]).all() and of["estimate"][2] == 1
    wider = fit.excess_compute(1e14, sizes, level=0.99)
    assert (wider["high"] > of["high"]).all() and set(of["level"]) == {0.9}


def test_what_is_beyond_the_cells_is_said_and_what_is_no_size_is_refused():
    fit = laws.fit(planted(additive), bootstrap=0, validate=False)
    of = fit.excess_compute([1e13, 1.6384e19], [1e5, 1e9], method="quadratic")
    assert of["budget"].tolist() == [1e13, 1.6384e19]
    assert "extrapolated" not in of["flags"][0] and "beyond_sizes" not in of["flags"][0]
    assert "extrapolated: 1e+04 times the largest budget" in of["flags"][1]
    assert "beyond_sizes: 1e+09 parameters, 2e+03 to" in of["flags"][1]
    for budget, params, says in (
        (0.0, 1e5, "positive number of FLOPs, not 0"),
        (1e13, np.nan, "a size is positive, not nan"),
        ([1e12, 1e13], [1e4, 1e5, 1e6], "2 budgets and 3 sizes"),
    ):
        with pytest.raises(FitError, match=says):
            fit.excess_compute(budget, params)
    with pytest.raises(ParamsError, match="level"):
        fit.excess_compute(1e13, 1e5, level=95)
    with pytest.raises(FitError, match="no method 'grid'"):
        fit.excess_compute(1e13, 1e5, method="grid")


def test_a_loss_that_no_smaller_budget_has_gives_no_multiple():
    """Where ln L_min bends down, its highest value may be below a poor size's loss."""
    b = np.array([[0.0, 0.0, -0.2, 0.1, 0.0, -0.04]])
    surface = Quadratic(b, (0.0, 0.0, 0.0))
    bound = Constraint(np.array([1.0]), np.array([0.0]), 0.0)
    C = np.array([1.0, 1.0])
    best = surface.ln_N(C, bound)[0, 0]
    near, far = surface.excess_compute(best + np.array([0.1, 9.0]), C, bound)[0]
    assert 1 < near < 1.1 and np.isnan(far)


def test_the_command_prints_what_the_library_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    planted(additive).to_csv("runs.csv", index=False)
    how = ["forecast", "runs.csv", "--budget", "1e15", "--bootstrap", "0", "--size-params"]
    done = CliRunner().invoke(app, [*how, "2e6"])
    assert done.exit_code == 0, done.exception
    rows = done.stdout.partition("Compute of 2e+06 parameters")[2].splitlines()[1:]
    of = laws.fit("runs.csv", bootstrap=0, validate=False).excess_compute(1e15, 2e6)
    (line,) = [row.split() for row in rows if " varpro " in row]
    wanted = [f"{of['times_N_opt'][0]:.4g}", f"{of['estimate'][0]:.4g}"]
    assert line[4:6] == wanted and len(rows) == 4
    assert CliRunner().invoke(app, [*how, "0"]).exit_code == 2
