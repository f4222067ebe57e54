"""Loss surfaces: planted coefficients come back, optima are those of a numerical search, the fits
are those of scipy and statsmodels, and what the cells do not determine is said."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from ilscaling.laws import surfaces
from ilscaling.laws.additive import Additive
from ilscaling.laws.batched import Cells, least_squares, nonnegative
from ilscaling.laws.constraint import Constraint, constraint
from ilscaling.laws.draws import draw, interval
from ilscaling.laws.quadratic import Quadratic
from ilscaling.laws.runs import Runs
from ilscaling.params import Laws

PUBLISHED = Path(__file__).parents[1] / ".." / "shared" / "published" / "nethack.csv"
# C = K N^RHO D; loss E + A / N^ALPHA + B / D^BETA, or a quadratic with these coefficients of n, d,
# n^2, n d, d^2 about the middle of the grid.
K, RHO = 6.5, 0.9
TRUTH = {"E": 0.12, "A": 25.0, "B": 310.0, "alpha": 0.38, "beta": 0.33}
BOWL = (-0.12, -0.2, 0.02, 0.006, 0.02)
MIDDLE = (11.0, 17.0)
a = TRUTH["beta"] / (TRUTH["alpha"] + RHO * TRUTH["beta"])
FRONTIER = {"N_opt": a, "D_opt": 1 - RHO * a, "L_min": -TRUTH["alpha"] * a}
ADDITIVE = ("chinchilla", "varpro")


def additive(N, D, E=TRUTH["E"]):
    return E + TRUTH["A"] / N ** TRUTH["alpha"] + TRUTH["B"] / D ** TRUTH["beta"]


def bowl(N, D, b=BOWL):
    n, d = np.log(N) - MIDDLE[0], np.log(D) - MIDDLE[1]
    return 0.7 * np.exp(b[0] * n + b[1] * d + b[2] * n * n + b[3] * n * d + b[4] * d * d)


def grid(loss=additive, sizes=9, budgets=8, seeds=1, run_noise=0.0, noise=0.0, seed=0, **scale):
    """Runs of a planted loss, one a (size, seed), that pass through all budgets."""
    generator = np.random.default_rng(seed)
    size, budget, repeat = (
        values.ravel() for values in np.mgrid[:sizes, :budgets, :seeds].astype(float)
    )
    N, C = 2e3 * np.exp(0.9 * size), 1e11 * 4.0**budget
    D, run = C / (K * N**RHO), (size * seeds + repeat).astype(int)
    error = run_noise * generator.standard_normal(sizes * seeds)[run]
    error = error + noise * generator.standard_normal(len(run))
    columns = {"budget": C, "N": N, "D": D, "C": C, "L": loss(N, D) * np.exp(error)}
    columns |= {name: columns[name] * factor for name, factor in scale.items()}
    return made(run, **columns)


def made(run, budget, N, D, C, L, entropy=np.nan):
    nothing = np.full(len(N), np.nan)
    runs = {"game": "pong", "flops": "realised", "budget": budget, "N": N, "D": D, "C": C, "L": L}
    runs["budgets"], runs["position"] = np.unique(runs.pop("budget"), return_inverse=True)
    return Runs(**runs, R=nothing, run=run, size=nothing, entropy=nothing + entropy)


def fit(runs, resamples=0, returns=None, **laws):
    """Surfaces of all cells, unless a window is given."""
    found = surfaces.fit(runs, resamples, Laws(**{"window": None} | laws), returns)
    return {surface.method: surface for surface in found}


@pytest.mark.parametrize("method", ADDITIVE)
def test_a_planted_additive_surface_is_recovered_in_every_draw(method):
    runs = grid()
    surface = fit(runs, 20)[method]
    known = surface.usable
    assert known[0] and known.sum() >= 15
    for name, truth in TRUTH.items():
        np.testing.assert_allclose(surface.parameters["loss", name][known], truth, rtol=1e-6)
    for law, truth in FRONTIER.items():
        found = surface.parameters[law, "exponent"][known]
        np.testing.assert_allclose(found, truth, rtol=1e-7)
    C = np.array([1e12, 1e19])
    intercept, exponent = (surface.parameters["L_min", k][0] for k in ("intercept", "exponent"))
    expected = TRUTH["E"] + np.exp(intercept) * C**exponent
    np.testing.assert_allclose(surface.predict("L_min", C)[0], expected, rtol=1e-9)
    assert surface.flags["N_opt"] == [] or surface.flags["N_opt"][0].startswith("draws")


def test_hubers_loss_is_not_moved_by_outliers_and_least_squares_is():
    """One cell in ten is off by 30 %, which a small delta counts by its size alone."""
    errors = {1e-3: [], 0.1: [], np.inf: []}
    for seed in range(3):
        runs = grid(noise=0.001, seed=seed)
        off = np.random.default_rng(seed).permutation(len(runs.L)) < len(runs.L) // 10
        runs = replace(runs, L=runs.L * np.where(off, 1.3, 1.0))
        for delta, away in errors.items():
            values = fit(runs, huber=delta)["chinchilla"].parameters
            away += [values["loss", name][0] - TRUTH[name] for name in ("alpha", "beta")]
    robust, loose, squares = (np.sqrt(np.mean(np.square(away))) for away in errors.values())
    assert 10 * robust < loose < squares and robust < 0.001


def test_huber_without_end_is_least_squares():
    surface = fit(grid(noise=0.02, seed=3), huber=np.inf)["chinchilla"]
    runs = grid(noise=0.02, seed=3)

    def residual(p):
        return np.log(
            p[2] + np.exp(p[0] - p[3] * np.log(runs.N)) + np.exp(p[1] - p[4] * np.log(runs.D))
        ) - np.log(runs.L)

    values = {name: surface.parameters["loss", name][0] for name in TRUTH}
    start = [np.log(values["A"]), np.log(values["B"]), values["E"], values["alpha"], values["beta"]]
    best = optimize.least_squares(
        residual, start, x_scale="jac", xtol=1e-14, ftol=1e-14, gtol=1e-14
    )
    assert best.x == pytest.approx(start, rel=1e-4)
    assert (residual(start) ** 2).sum() == pytest.approx(2 * best.cost, rel=1e-9)


def test_a_planted_quadratic_surface_is_recovered_and_its_interval_is_a_point():
    surface = fit(grid(bowl))["quadratic"]
    _, _, nn, nd, dd = BOWL
    exponent = (2 * RHO * dd - nd) / (2 * (nn - RHO * nd + RHO**2 * dd))
    assert surface.parameters["N_opt", "exponent"][0] == pytest.approx(exponent, abs=1e-9)
    assert surface.parameters["D_opt", "exponent"][0] == pytest.approx(1 - RHO * exponent, abs=1e-9)
    b = {name: values[0] for (law, name), values in surface.parameters.items() if law == "loss"}
    assert [b["bNN"], b["bND"], b["bDD"]] == pytest.approx([nn, nd, dd], abs=1e-10)
    n, d = np.log(3e5), np.log(2e8)
    log = b["b0"] + b["bN"] * n + b["bD"] * d + b["bNN"] * n**2 + b["bND"] * n * d + b["bDD"] * d**2
    assert np.exp(log) == pytest.approx(bowl(3e5, 2e8), rel=1e-9)
    assert surface.intervals["N_opt", "exponent"] == pytest.approx((exponent, exponent), abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(["quadratic", "additive"]),
    shape=st.tuples(st.floats(0.05, 1), st.floats(0.05, 1)),
    tilt=st.floats(-0.9, 0.9),
    rho=st.floats(0.4, 1.4),
    ln_C=st.floats(25, 45),
)
def test_optima_are_those_of_a_numerical_search_along_the_constraint(kind, shape, tilt, rho, ln_C):
    bound = Constraint(np.array([rho]), np.array([np.log(K)]), 0.0)
    if kind == "quadratic":
        cross = 2 * tilt * np.sqrt(shape[0] * shape[1])
        b = np.array([[0.3, -0.1, tilt, shape[0], cross, shape[1]]]) * [1, 1, 1, 0.1, 0.1, 0.1]
        model = Quadratic(b, (*MIDDLE, 0.1))
    else:
        values = (0.1, 3 + tilt, 5.0, *shape)
        model = Additive(*(np.array([value]) for value in values))

    def loss(n, ln_C):
        return model.loss(np.array([[n]]), bound.ln_D(np.array([[n]]), np.exp([ln_C])))[0, 0]

    def searched(ln_C):
        at = model.ln_N(np.exp([ln_C]), bound)[0, 0]
        bracket = at - 3.1, at + 2.3
        found = optimize.minimize_scalar(lambda n: np.log(loss(n, ln_C)), bracket, tol=1e-12)
        return at, found.x

    at, found = searched(ln_C)
    assert at == pytest.approx(found, abs=2e-3)  # the search sees a flat bottom
    step, (up, _) = 1e-3, searched(ln_C + 1e-3)
    exponent = model.exponents(bound, np.exp(ln_C))
    assert exponent[0][0] == pytest.approx((up - at) / step, abs=1e-6)
    assert exponent[1][0] == pytest.approx(1 - rho * exponent[0][0])
    E = model.E[0] if kind == "additive" else 0.0
    slope = np.log((loss(up, ln_C + step) - E) / (loss(at, ln_C) - E)) / step
    assert exponent[2][0] == pytest.approx(slope, abs=2e-3 * (1 + abs(slope)))


@settings(max_examples=8, deadline=None)
@given(
    N=st.floats(1e-3, 1e6), D=st.floats(1e-3, 1e6), C=st.floats(1e-6, 1e6), L=st.floats(1e-2, 1e2)
)
def test_exponents_know_no_units(N, D, C, L):
    exponents = [
        {key: values for key, values in surface.parameters.items() if key[1] == "exponent"}
        for unit in ({}, {"N": N, "D": D, "C": C, "L": L})
        for surface in fit(grid(noise=0.02, **unit)).values()
    ]
    for before, after in zip(exponents[:3], exponents[3:], strict=True):
        for key, values in before.items():
            assert after[key] == pytest.approx(values, rel=1e-4), key


def test_intervals_cover_the_truth_under_noise_of_whole_runs():
    """The bootstrap's for the additive surfaces, and the delta method's, at 95 %."""
    studies, covered = 30, dict.fromkeys((*ADDITIVE, "delta"), 0)
    for seed in range(studies):
        noisy = {"seeds": 2, "sizes": 8, "run_noise": 0.02, "noise": 0.005, "seed": seed}
        runs = grid(**noisy)
        found, dof = fit(runs, 60), draw(runs, 1, 0).dof
        for method in ADDITIVE:
            low, high = interval(found[method].parameters["N_opt", "exponent"], dof, 0.95)
            covered[method] += low <= a <= high
        low, high = fit(grid(bowl, **noisy))["quadratic"].intervals["N_opt", "exponent"]
        _, _, nn, nd, dd = BOWL
        truth = (2 * RHO * dd - nd) / (2 * (nn - RHO * nd + RHO**2 * dd))
        covered["delta"] += low <= truth <= high
    assert min(covered.values()) >= 0.9 * studies, covered


def test_the_delta_method_rests_on_the_jackknife_over_runs():
    runs = grid(bowl, run_noise=0.03, noise=0.01, seeds=2, sizes=5)
    surface = fit(runs)["quadratic"]
    n, d = np.log(runs.N), np.log(runs.D)
    columns = np.column_stack([np.ones_like(n), n, d, n * n, n * d, d * d])
    whole = sm.OLS(np.log(runs.L), columns).fit().params
    without = [
        sm.OLS(np.log(runs.L[runs.run != r]), columns[runs.run != r]).fit().params
        for r in np.unique(runs.run)
    ]
    away = np.array(without) - whole
    covariance = away.T @ away * (len(away) - 1) / len(away)
    rise, bend = 2 * RHO * whole[5] - whole[4], whole[3] - RHO * whole[4] + RHO**2 * whole[5]
    slope = np.array([-rise / bend, -1 + RHO * rise / bend, 2 * RHO - RHO**2 * rise / bend])
    slope = np.concatenate([np.zeros(3), slope / (2 * bend)])
    half = stats.t.ppf(0.975, len(away) - 1) * np.sqrt(slope @ covariance @ slope)
    middle = rise / (2 * bend)
    expected = (middle - half, middle + half)
    assert surface.intervals["N_opt", "exponent"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the released tables are not there")
def test_the_released_table_gives_the_optima_that_scipy_finds():
    table = pd.read_csv(PUBLISHED)
    N, D, L = (table[c].to_numpy(float) for c in ("params", "samples", "dev_loss"))
    C = table["budget"].to_numpy(float)
    found = fit(made(pd.factorize(table["run"])[0], C, N, D, C, L))
    n, d = np.log(N), np.log(D)

    def surface(p):
        return np.exp(p[0] - p[3] * n) + np.exp(p[1] - p[4] * d) + np.exp(p[2])

    def huber(p):
        away = np.abs(np.log(surface(p)) - np.log(L))
        near = np.minimum(away, 1e-3)
        return 1e3 * (near * (away - near / 2)).sum()

    starts = [np.array([5.0, 7.0, -3.0, 0.5, 0.4]), np.array([4.0, 6.0, -5.0, 0.35, 0.35])]
    squares = min(
        (
            optimize.least_squares(lambda p: surface(p) / L - 1, s, xtol=1e-14, ftol=1e-14)
            for s in starts
        ),
        key=lambda result: result.cost,
    ).x
    search = {"method": "Nelder-Mead", "options": {"maxiter": 4000, "xatol": 1e-9, "fatol": 1e-12}}
    absolute = starts[0]
    for _ in range(4):
        absolute = optimize.minimize(huber, absolute, **search).x
    for method, best, rel in (("varpro", squares, 1e-5), ("chinchilla", absolute, 1e-3)):
        mine = [found[method].parameters["loss", name][0] for name in TRUTH]
        p = np.array([np.log(mine[1]), np.log(mine[2]), np.log(mine[0]), mine[3], mine[4]])
        assert p == pytest.approx(best, rel=rel), method
    assert huber(p) <= huber(absolute) * (1 + 1e-9)

    ols = sm.OLS(np.log(L), np.column_stack([np.ones_like(n), n, d, n * n, n * d, d * d])).fit()
    mine = [found["quadratic"].parameters["loss", k][0] for k in ("b0", "bN", "bD", "bNN", "bND")]
    assert mine == pytest.approx(ols.params[:5], rel=1e-6)


def test_the_constraint_is_estimated_or_given_and_flagged_where_it_is_poor():
    runs = grid()
    weight = surfaces.whole_runs(runs, 5, 0)
    found = constraint(runs.N, runs.D, runs.C, weight)
    np.testing.assert_allclose(found.rho, RHO, atol=1e-12)
    np.testing.assert_allclose(found.ln_k, np.log(K), atol=1e-10)
    assert found.flags == []
    given = constraint(runs.N, runs.D, runs.C, weight, rho=1.0)
    assert given.rho.tolist() == [1.0] * 6
    assert given.flags[0].startswith("constraint: ")
    twice = replace(runs, C=np.where(runs.run == 0, 2, 1) * runs.C)
    assert "constraint: " in str(fit(twice)["varpro"].flags["N_opt"])


@pytest.mark.parametrize(
    ("runs", "code"),
    [
        (grid(sizes=2), "sizes"),
        (grid(budgets=1), "rank"),
        (grid(budgets=2, loss=lambda N, D: np.full_like(N, 0.7)), "constant"),
        (grid(sizes=3, budgets=1), "cells"),
        (grid(loss=lambda N, D: np.full_like(N, np.nan)), "sizes"),
    ],
)
def test_what_the_cells_do_not_determine_is_said(runs, code):
    for surface in fit(runs, 3).values():
        for law, flags in surface.flags.items():
            assert flags[-1].startswith(code + ": "), (surface.method, law, flags)
        assert all(np.isnan(values).all() for values in surface.parameters.values())
        assert np.isnan(surface.predict("N_opt", np.array([1e13]))).all()
        assert surface.spread("L_min")[1] == 0


def test_surfaces_without_an_optimum_are_refused():
    saddle = fit(grid(lambda N, D: bowl(N, D, (-0.1, -0.2, -0.05, 0.0, 0.01))))["quadratic"]
    assert saddle.flags["N_opt"][0].startswith("curvature: ")
    assert np.isnan(saddle.parameters["N_opt", "exponent"]).all()
    for method in ADDITIVE:
        flat = fit(grid(lambda N, D: 0.1 + 30 / D**0.3, noise=0.0), 3)[method]
        assert flat.flags["N_opt"][0].startswith("size: "), method
        assert np.isnan(flat.parameters["N_opt", "exponent"]).all()
        assert flat.parameters["loss", "beta"][0] == pytest.approx(0.3, abs=1e-4)


@pytest.mark.parametrize("method", ADDITIVE)
def test_an_irreducible_loss_of_zero_is_not_identified(method):
    none = fit(grid(lambda N, D: additive(N, D, E=-0.02)))[method]
    assert none.flags["loss"][-1].startswith("not_identified: E is at 0")
    little = fit(grid(lambda N, D: additive(N, D, E=0.01), run_noise=0.1), 200)[method]
    assert little.flags["loss"][-1].startswith("not_identified: the interval of E")
    much = fit(grid(run_noise=0.001), 200)[method]
    assert "not_identified" not in str(much.flags)


def test_a_resample_that_does_not_determine_the_surface_is_counted():
    runs = grid(sizes=4)
    weight = surfaces.whole_runs(runs, 50, 0)
    few = [len(np.unique(runs.N[w > 0])) < 3 for w in weight]
    for surface in fit(runs, 50).values():
        assert np.isnan(surface.parameters["N_opt", "exponent"]).tolist() == few
        assert f"draws: {sum(few)} of 50 resamples" in str(surface.flags["loss"])


@pytest.mark.parametrize("method", surfaces.METHODS)
def test_weights_are_repeats_and_weight_zero_or_a_missing_loss_is_absence(method):
    runs = grid(noise=0.05, seed=1)
    weight, L = np.ones((4, len(runs.N))), np.tile(runs.L, (4, 1))
    weight[1, ::7], weight[2, ::7], L[3, ::7] = 2.0, 0.0, np.nan
    rows = np.arange(len(runs.N))
    kept = [rows, np.r_[rows, rows[::7]], rows[rows % 7 > 0], rows[rows % 7 > 0]]
    model, _ = surfaces.METHODS[method].fit(Cells.of(runs.N, runs.D, L, weight), Laws())
    for at, part in enumerate(kept):
        one = np.ones((1, len(part)))
        cells = Cells.of(runs.N[part], runs.D[part], runs.L[None, part], one)
        alone, _ = surfaces.METHODS[method].fit(cells, Laws())
        for name, values in alone.parameters.items():
            assert model.parameters[name][at] == pytest.approx(values[0], rel=1e-4), (name, at)


def test_cells_no_better_than_guessing_do_not_enter():
    runs = grid()
    entropy = np.quantile(runs.L, 0.8) / 0.95
    guessing = 0.95 * entropy < runs.L
    spoilt = replace(
        runs, L=np.where(guessing, entropy, runs.L), entropy=np.full(len(runs.L), entropy)
    )
    for method in ADDITIVE:
        surface = fit(spoilt)[method]
        assert surface.n == (~guessing).sum()
        assert surface.parameters["loss", "E"][0] == pytest.approx(TRUTH["E"], rel=1e-6)
        flag = f"plateau: {guessing.sum()} cells, no better than guessing, are left out"
        assert surface.flags["loss"] == [flag]


def test_returns_follow_the_loss_of_the_frontier():
    runs = grid()
    law = surfaces.Returns(lambda loss: 12 * loss**-1.7, np.array([1.7]), (0.1, 5))
    for surface in fit(runs, returns=law).values():
        loss = surface.predict("L_min", runs.C)
        np.testing.assert_allclose(surface.predict("R_on_1/L", runs.C), 12 * loss**-1.7)
        assert surface.spread("R_on_1/L") == (0.1, 5)
        assert surface.parameters["R_on_1/L", "exponent"].tolist() == [1.7]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_nonnegative_least_squares_is_that_of_scipy(seed):
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((4, 12, 3))
    y = X @ generator.uniform(-1, 1, 3) + 0.3 * generator.standard_normal((4, 12))
    gram, moment = X.transpose(0, 2, 1) @ X, (X.transpose(0, 2, 1) @ y[:, :, None])[:, :, 0]
    entries = gram[:, [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    found, value = nonnegative(entries.T, moment.T)
    for i in range(4):
        expected, norm = optimize.nnls(X[i], y[i])
        assert found[:, i] == pytest.approx(expected, abs=1e-9)
        assert value[i] == pytest.approx((norm**2 - y[i] @ y[i]) / 2)


def test_collinear_columns_and_products_beyond_int64():
    ones = np.ones((1, 6))
    columns = np.column_stack([np.ones(6), np.arange(6.0), 2 * np.arange(6.0)])
    assert np.isnan(least_squares(columns, ones, ones)[0]).all()
    assert Cells.of(np.full(3, 2**62), np.full(3, 2**62), ones[:, :3], ones[:, :3]).n == 3
