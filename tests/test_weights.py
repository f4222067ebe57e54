"""Cells weighed by the standard error of their loss."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ilscaling import laws
from ilscaling.cli.main import app
from ilscaling.errors import FitError
from ilscaling.laws import game, quadratic, quality, surfaces
from ilscaling.laws.draws import measurement
from ilscaling.laws.forms import POWER
from ilscaling.laws.frontier import LeftOut, points
from ilscaling.laws.weights import weighed
from ilscaling.params import Laws

ALPHA, BETA = 0.4, 0.3
EXPONENT = BETA / (ALPHA + BETA)


def planted(seed: int = 0, low: float = 0.001, high: float = 0.03) -> pd.DataFrame:
    """Cells of an additive truth. Their standard errors lie `low` to `high` of the loss apart, by
    chance from cell to cell, and their noise is as large; a size is a run."""
    generator = np.random.default_rng(seed)
    C, N = (
        v.ravel() for v in np.meshgrid(np.geomspace(1e12, 1e15, 7), 2e4 * 1.7 ** np.arange(-4, 10))
    )
    best = 2e4 * (C / 1e12) ** EXPONENT
    C, N, best = (v[np.abs(np.log(N / best)) < np.log(7)] for v in (C, N, best))
    # What the law costs off its optimum, where the reducible loss is (C / 1e12)^-G / 2.
    off = (BETA * (N / best) ** -ALPHA + ALPHA * (N / best) ** BETA) / (ALPHA + BETA)
    loss = 0.3 + 0.5 * (C / 1e12) ** (-ALPHA * EXPONENT) * off
    share = np.exp(generator.uniform(np.log(low), np.log(high), len(N)))
    loss *= np.exp(share * generator.standard_normal(len(N)))
    columns = {"params": N, "samples": C / (6 * N), "budget": C, "flops": C, "dev_loss": loss}
    return pd.DataFrame({"game": "pong", **columns, "dev_loss_se": share * loss})


def exponents(table: pd.DataFrame, **settings) -> dict[str, float]:
    """The exponent of N_opt by vertex and by every surface."""
    settings = Laws(bootstrap=0, **settings)
    runs = game.admit(table, "pong", settings).runs
    frontiers = [
        *points(runs, measurement(runs), settings, LeftOut(), only=(POWER,)),
        *surfaces.fit(runs, 0, settings),
    ]
    return {f.method: f.parameters["N_opt", "exponent"][0] for f in frontiers}


def test_weights_by_a_known_uneven_noise_come_nearer_to_the_truth():
    away = {
        weights: [
            [value - EXPONENT for value in exponents(planted(seed), weights=weights).values()]
            for seed in range(20)
        ]
        for weights in ("equal", "standard_error")
    }
    equal, weighted = (np.sqrt(np.mean(np.square(errors), axis=0)) for errors in away.values())
    # grid, which takes the lowest cell whatever it counts, vertex, quadratic, chinchilla, varpro
    assert weighted[0] == equal[0]
    assert (weighted[1:] < equal[1:]).all()
    assert (weighted[[1, 4]] < 0.75 * equal[[1, 4]]).all()


def test_even_standard_errors_change_nothing():
    table = planted().assign(dev_loss_se=lambda rows: 0.01 * rows["dev_loss"])
    assert exponents(table, weights="standard_error") == pytest.approx(exponents(table), rel=1e-9)


def test_a_tiny_standard_error_does_not_rule_and_a_missing_one_is_the_medians():
    table = planted()
    table.loc[5, "dev_loss_se"], table.loc[6, "dev_loss_se"] = 1e-12, np.nan
    share = (table["dev_loss_se"] / table["dev_loss"]).median()
    settings = Laws(weights="standard_error")
    admitted = game.admit(table, "pong", settings)
    runs = admitted.runs
    own = quality.of_a_cell(runs)
    rows = [np.flatnonzero(loss == runs.L)[0] for loss in table.loc[[5, 6], "dev_loss"]]
    weight = runs.weight[rows]
    assert runs.weight.mean() == pytest.approx(1) and own > 0
    assert weight[0] / weight[1] == pytest.approx((own**2 + share**2) / own**2, rel=1e-6)
    count = len(table)
    assert f"1 of {count} rows of pong have no dev_loss_se: the median's counts" in admitted.notes
    # Without a scatter to see, the median stands for it.
    few = runs.where(np.arange(len(runs.L)) < 8)
    alone, _ = weighed(few, settings)
    assert quality.of_a_cell(few) == 0 and alone.weight.max() / alone.weight.min() < 1e3


def test_the_quadratic_is_that_of_weighted_least_squares():
    settings = Laws(bootstrap=0, weights="standard_error", window=None)
    runs = game.admit(planted(), "pong", settings).runs
    surface = surfaces.fit(runs, 0, settings, only=("quadratic",))[0]
    n, d = np.log(runs.N / 1e5), np.log(runs.D / 1e8)
    root = np.sqrt(runs.weight)
    design = np.column_stack([np.ones_like(n), n, d, n * n, n * d, d * d])
    known = np.linalg.lstsq(design * root[:, None], np.log(runs.L) * root, rcond=None)[0]
    values = [surface.parameters["loss", name][0] for name in quadratic.NAMES]
    assert values[3:] == pytest.approx(known[3:], rel=1e-6)
    low, high = surface.intervals["N_opt", "exponent"]
    assert (low + high) / 2 == pytest.approx(surface.parameters["N_opt", "exponent"][0], rel=1e-9)


def test_a_table_without_standard_errors_is_refused_by_library_and_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = planted().drop(columns="dev_loss_se")
    with pytest.raises(FitError, match="no row has the standard error"):
        laws.fit(table, weights="standard_error", bootstrap=0, validate=False)
    table.to_csv("runs.csv", index=False)
    how = ["runs.csv", "--bootstrap", "0", "--weights"]
    verbs = {
        "fit": ["--out", "fits", "--no-figures", "--no-validate"],
        "forecast": ["--budget", "1e16"],
    }
    for verb, more in verbs.items():
        done = CliRunner().invoke(app, [verb, *how, "standard_error", *more])
        assert isinstance(done.exception, FitError) and done.exception.where == "column dev_loss_se"
        fix = done.exception.fix.split()
        assert CliRunner().invoke(app, [verb, *how[:-1], *fix, *more]).exit_code == 0


def test_the_command_weighs_as_the_library_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    planted().to_csv("runs.csv", index=False)
    how = ["--bootstrap", "0", "--no-figures", "--no-validate", "--weights", "standard_error"]
    done = CliRunner().invoke(app, ["fit", "runs.csv", "--out", "fits", *how])
    assert done.exit_code == 0, done.exception
    known = {"bootstrap": 0, "validate": False}
    of = laws.fit("runs.csv", weights="standard_error", **known).study.fits
    assert laws.read_fits("fits/fits.json") == of != laws.fit("runs.csv", **known).study.fits
