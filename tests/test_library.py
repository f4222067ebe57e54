"""The laws as a library: any table, an object to ask, nothing heavy imported."""

import json
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ilscaling import laws
from ilscaling.cli.main import app
from ilscaling.errors import FitError, ParamsError
from ilscaling.laws import fitted, game
from ilscaling.params import Laws

# E, A, B, alpha, beta
TRUTH = {"E": 1.8, "A": 480.0, "B": 2000.0, "alpha": 0.35, "beta": 0.37}
DOCS = Path(__file__).resolve().parents[1] / "docs"


def scattered(rows=200, noise=0.002, seed=0, budgets=None):
    """Runs of sizes and samples by chance, as people have who did not plan for isoFLOP."""
    generator = np.random.default_rng(seed)
    N = np.exp(generator.uniform(np.log(5e7), np.log(1e10), rows))
    D = np.exp(generator.uniform(np.log(1e9), np.log(3e11), rows))
    if budgets is not None:
        D = np.repeat(budgets, rows // len(budgets)) / (6 * N)
    loss = TRUTH["E"] + TRUTH["A"] / N ** TRUTH["alpha"] + TRUTH["B"] / D ** TRUTH["beta"]
    loss *= np.exp(noise * generator.standard_normal(rows))
    return pd.DataFrame({"params": N, "samples": D, "dev_loss": loss, "flops": 6 * N * D})


def test_surfaces_need_no_budgets():
    """Every row has a compute of its own, whether or not a column calls that a budget."""
    table = scattered()
    for rows in (table, table.assign(budget=table["flops"])):
        fit = laws.fit(rows, bootstrap=100)
        for method in ("varpro", "chinchilla"):
            assert fit.surface(method=method)["alpha"] == pytest.approx(0.35, abs=0.02)
            exponent = fit.params["table", "N_opt", method, "surface", "exponent"]
            assert exponent == pytest.approx(0.37 / 0.72, abs=0.02)
        tested = fit.study.validation
        assert set(tested["law"]) == {"loss"} and set(tested["ahead"]) >= {1, 2, 3}
        # Noise of 0.2 %: a surface of the smaller runs foretells the larger.
        errors = tested[(tested["method"] == "varpro") & (tested["ahead"] == 1)]["error"]
        assert np.sqrt((errors**2).mean()) < 0.006
        flags = fit.study.power("table", "N_opt", "grid")["flags"]
        assert flags[0].startswith("not_isoflop:")


def test_cost_grows_with_rows_times_resamples_alone():
    """A thousand rows of a budget each, which took minutes and gigabytes by budgets and sizes."""
    began = time.process_time()
    fit = laws.fit(scattered(1000), bootstrap=50, validate=False)
    assert fit.surface()["E"] == pytest.approx(1.8, rel=0.02)
    assert time.process_time() - began < 20
    runs = fit._fitted[0][1].runs
    assert len(runs.L) == 1000 and len(runs.budgets) == 10


def test_budgets_of_few_sizes_enter_surfaces():
    """min_sizes is a rule for optima: a surface takes all cells."""
    table = scattered(40, budgets=np.geomspace(1e19, 1e21, 8))
    table["budget"] = np.repeat(np.geomspace(1e19, 1e21, 8), 5)
    few = table.drop(table.index[:3])  # the smallest budget keeps two of its sizes
    fit = laws.fit(few, bootstrap=0, validate=False, window=None)
    records = {(f["law"], f["method"]): f for f in fit.study.fits}
    assert records["loss", "varpro"]["n"] == len(few)
    flags = fit.study.power("table", "N_opt", "grid")["flags"]
    assert "left_out: 1 of 8 budgets (sizes 1e+19)" in flags


def test_rows_without_a_loss_do_not_move_the_constraint():
    """Returns of further runs, of one size mostly, are no cells of a surface."""
    table = scattered(40, budgets=np.geomspace(1e19, 1e21, 8)).assign(return_mean=1.0)
    table["budget"] = np.repeat(np.geomspace(1e19, 1e21, 8), 5)
    # Compute that is not 6 N D in the large half, so that weights matter.
    table.loc[table["params"] > 1e9, "samples"] *= 0.8
    more = table.iloc[[4] * 30].assign(dev_loss=np.nan, return_mean=np.arange(30.0) + 1)
    alone, beside = (
        laws.fit(rows, bootstrap=0, validate=False).surface("table")
        for rows in (table, pd.concat([table, more]))
    )
    rho = [
        game.surfaces.fit(game.admit(laws.fit(rows, bootstrap=0, validate=False).table, "table",
                                     Laws()).runs, 0, Laws())[0].constraint.rho[0]
        for rows in (table, pd.concat([table, more]))
    ]  # fmt: skip
    assert rho[0] == rho[1]
    assert alone.tolist() == beside.tolist()


def test_the_return_beside_a_loss_is_one_more_seed_unless_it_is_their_mean():
    cells = scattered(40, budgets=np.geomspace(1e19, 1e21, 8)).assign(seed=np.nan)
    cells["budget"] = np.repeat(np.geomspace(1e19, 1e21, 8), 5)
    seeds = [cells.assign(seed=s, dev_loss=np.nan, return_mean=10.0 + s) for s in (0, 1)]
    for beside, mean in ((16.0, (16 + 10 + 11) / 3), (10.5, 10.5)):
        table = pd.concat([cells.assign(return_mean=beside), *seeds], ignore_index=True)
        admitted = game.admit(table.assign(game="pong"), "pong", Laws())
        assert admitted.cells["return_mean"].tolist() == pytest.approx([mean] * 40)


def test_a_fit_is_an_object_to_ask(tmp_path):
    table = scattered(40, budgets=np.geomspace(1e19, 1e21, 8)).assign(game="go")
    table["budget"] = np.repeat(np.geomspace(1e19, 1e21, 8), 5)
    table.to_csv(tmp_path / "runs.csv", index=False)
    fit = laws.fit(tmp_path / "runs.csv", bootstrap=60, level=0.9)
    assert fit.games == ["go"] and repr(fit).startswith("LawFit of go (40 rows); level 0.9\n")
    assert len(repr(fit).splitlines()) < 40
    assert "L_min by " in fit.summary() and "note: " in fit.summary()
    # Draw 0 is the measurement, the others make intervals and covariances.
    assert len(fit.draws) == 61
    for key, value in fit.params.items():
        if key in fit.draws:
            assert fit.draws[key].iloc[0] == pytest.approx(value, rel=1e-9)
    names = list(TRUTH)
    covariance = fit.cov_params(method="chinchilla")
    assert list(covariance) == names and list(covariance.index) == names
    drawn = fit.draws["go", "loss", "chinchilla", "surface"].iloc[1:]
    assert covariance.loc["alpha", "beta"] == pytest.approx(drawn["alpha"].cov(drawn["beta"]))
    ends = fit.conf_int().loc["go", "N_opt", "varpro", "surface", "exponent", "bootstrap"]
    wider = fit.conf_int(0.99).loc["go", "N_opt", "varpro", "surface", "exponent", "bootstrap"]
    assert wider["low"] < ends["low"] < ends["estimate"] < ends["high"] < wider["high"]
    key = ("go", "N_opt", "varpro", "surface", "exponent")
    assert 0 < fit.bse[key] < ends["high"] - ends["low"]
    said = fit.predict(budget=[1e22, 1e23])
    loss = said[(said["quantity"] == "L_min") & (said["method"] == "varpro")]["estimate"]
    assert len(loss) == 2 and 1.8 < loss.iloc[1] < loss.iloc[0]
    again = laws.forecast(fit.table, fit.settings, 1e22)
    pd.testing.assert_frame_equal(said.iloc[: len(again)], again)
    figure = fit.plot(tmp_path / "laws.png")
    assert (tmp_path / "laws.png").stat().st_size > 10_000
    assert figure._repr_png_()[:4] == b"\x89PNG"


def test_what_is_asked_of_a_fit_is_held_to_bounds():
    """A level of 0 was the fit's own, 1 gave no interval and 95 a traceback; nobody said that a
    budget of 1 FLOP lies below all that was measured."""
    fit = laws.fit(scattered(40, budgets=np.geomspace(1e19, 1e21, 8)), bootstrap=20, validate=False)
    for level in (0, 1, 95, float("nan"), "x"):
        with pytest.raises(ParamsError) as told:
            fit.predict(1e21, level=level)
        assert "--level 0.95" in told.value.fix
    for budget in ([], "abc", None, [[1e14]], 0, -1, float("nan")):
        with pytest.raises(FitError):
            fit.predict(budget)
    for seeds in ([], [0], [1.5], [10**9], "x"):
        with pytest.raises(FitError):
            fit.precision(seeds)
    for budget, says in ((1e5, "1e-14 times the smallest"), (1e23, "100 times the largest")):
        flags = fit.predict(budget)["flags"]
        assert flags.str.contains(f"extrapolated: {says} budget").all()
    assert not fit.predict(1e20)["flags"].str.contains("extrapolated").any()
    for table in ({"a": 1}, None, np.zeros(3)):
        with pytest.raises(FitError, match="a path or a DataFrame"):
            laws.fit(table)


ODD = (0, -1, 1.5, np.nan, np.inf, 10**400, 1j, "x", "", b"x", None, True, [], [[1]], ["x"],
       [None], {}, (), {"a": 1}, {1: 2}, print)  # fmt: skip


def test_an_odd_argument_is_refused_by_an_error_of_ours(tmp_path, monkeypatch):
    """They ended in numpy's, pandas' and statsmodels' own errors, or were taken for none."""
    table = scattered(40, budgets=np.geomspace(1e19, 1e21, 8))
    fit = laws.fit(table, bootstrap=20, validate=False)
    (game,) = fit.games
    study, of = fit.study, {"bootstrap": 0, "validate": False}
    calls = {
        "predict": lambda odd: fit.predict(odd),
        "predict game": lambda odd: fit.predict(1e20, odd),
        "predict level": lambda odd: fit.predict(1e20, level=odd),
        "conf_int": lambda odd: fit.conf_int(odd),
        "precision": lambda odd: fit.precision(odd),
        "excess_compute budget": lambda odd: fit.excess_compute(odd, 1e8),
        "excess_compute params": lambda odd: fit.excess_compute(1e20, odd),
        "excess_compute game": lambda odd: fit.excess_compute(1e20, 1e8, odd),
        "excess_compute method": lambda odd: fit.excess_compute(1e20, 1e8, game, odd),
        "surface game": lambda odd: fit.surface(odd),
        "surface method": lambda odd: fit.surface(game, odd),
        "cov_params": lambda odd: fit.cov_params(odd),
        "plot": lambda odd: fit.plot(odd),
        "plot game": lambda odd: fit.plot(None, odd),
        "power game": lambda odd: study.power(odd, "L_min"),
        "power law": lambda odd: study.power(game, odd),
        "power method": lambda odd: study.power(game, "L_min", odd),
        "quoted game": lambda odd: study.quoted(odd, "L_min"),
        "quoted law": lambda odd: study.quoted(game, odd),
        "regression game": lambda odd: study.regression(odd, "L_min"),
        "regression law": lambda odd: study.regression(game, odd),
        "regression method": lambda odd: study.regression(game, "L_min", odd),
        "method": lambda odd: study.method(odd),
        "fit": lambda odd: laws.fit(odd, **of),
        "fit columns": lambda odd: laws.fit(table, odd, **of),
        "fit games": lambda odd: laws.fit(table, games=odd, **of),
        "fit processes": lambda odd: laws.fit(table, processes=odd, **of),
    }
    monkeypatch.chdir(tmp_path)
    for name, call in calls.items():
        refused = 0
        for odd in ODD:
            try:
                call(odd)
            except (FitError, ParamsError):
                refused += 1
            except Exception as error:
                raise AssertionError(f"{name}: {odd!r}") from error
        assert refused > len(ODD) / 2, name
    assert list(tmp_path.iterdir()) == []


def test_a_fit_is_pickled_whatever_was_asked_of_it():
    fit = laws.fit(scattered(40, budgets=np.geomspace(1e19, 1e21, 8)), bootstrap=20, validate=False)
    draws = fit.draws
    again = pickle.loads(pickle.dumps(fit))
    pd.testing.assert_frame_equal(again.draws, draws)


def test_settings_and_games_that_do_not_exist_are_refused():
    table = scattered(20)
    with pytest.raises(ParamsError, match="no such setting") as error:
        laws.fit(table, min_size=1)
    assert "min_sizes" in error.value.fix
    with pytest.raises(ParamsError):
        laws.fit(table, level=95)
    with pytest.raises(FitError, match="no game chess"):
        laws.fit(table, games=["chess"])
    with pytest.raises(FitError, match="no law could be fitted"):
        laws.fit(table.assign(dev_loss=-1.0))


REFUSED = {
    "no loss is positive": {"dev_loss": -1.0},
    "a status that nobody knows": {"status": "half-way"},
    "data seen too often": {"epochs": 9.0},
    "no loss at all": {"dev_loss": np.nan},
}


@pytest.mark.parametrize("name", REFUSED)
def test_status_zero_says_that_a_law_was_fitted(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scattered(20).assign(**REFUSED[name]).to_csv("runs.csv", index=False)
    how = ["--out", "fits", "--bootstrap", "0", "--no-figures"]
    done = CliRunner().invoke(app, ["fit", "runs.csv", *how])
    assert isinstance(done.exception, FitError) and "no law could be fitted" in str(done.exception)
    assert "dropped 20 rows" in Path("fits/notes.txt").read_text(encoding="utf-8")


def test_options_of_the_command_are_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scattered(30).drop(columns="samples").to_csv("runs.csv", index=False)
    run = CliRunner().invoke
    how = ["--bootstrap", "30", "--level", "0.8", "--seed", "3", "--rho", "1", "--assume-6nd"]
    done = run(app, ["fit", "runs.csv", "--out", "fits", "--no-figures", *how])
    assert done.exit_code == 0, done.exception
    fits = json.loads(Path("fits/fits.json").read_text(encoding="utf-8"))
    assert {fit["level"] for fit in fits} == {0.8}
    known = {"bootstrap": 30, "level": 0.8, "seed": 3, "rho": 1.0, "assume_6nd": True}
    assert laws.fit("runs.csv", **known).study.fits == fits
    done = run(app, ["fit", "runs.csv", "--out", "squares", "--no-figures", *how, "--huber", "inf"])
    assert done.exit_code == 0, done.exception
    squares = json.loads(Path("squares/fits.json").read_text(encoding="utf-8"))
    assert laws.fit("runs.csv", **known, huber=np.inf).study.fits == squares != fits
    done = run(app, ["forecast", "runs.csv", "--budget", "1e25", "--game", "chess", *how])
    assert isinstance(done.exception, FitError) and "--game runs" in done.exception.fix


def test_what_no_law_holds_of_is_refused_before_the_fits(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scattered(30).to_csv("runs.csv", index=False)
    monkeypatch.setattr(fitted, "fitted", None)
    for options in (["--budget", "0"], ["--budget", "1e25", "--return", "0"]):
        done = CliRunner().invoke(app, ["forecast", "runs.csv", *options])
        assert isinstance(done.exception, FitError) and done.exception.where == options[-2]
    rows = scattered(30)
    with pytest.raises(FitError, match="in column dev_loss, row 1, is no number"):
        laws.fit(rows.assign(dev_loss=rows["dev_loss"] + 1j))


def test_the_library_and_the_verb_import_nothing_heavy(tmp_path):
    """torch, emulators, DVC, Snakemake and plots are for studies; the environment of a notebook
    names a back end that is not here."""
    scattered(30).to_csv(tmp_path / "runs.csv", index=False)
    code = """
import resource, sys, time
from ilscaling import laws
spent = resource.getrusage(resource.RUSAGE_SELF)
laws.fit("runs.csv", bootstrap=0, validate=False)
from ilscaling.cli import main
main.app(["fit", "runs.csv", "--out", "fits", "--bootstrap", "0", "--no-figures"],
         standalone_mode=False)
heavy = {"torch", "nle", "ale_py", "dvc", "snakemake", "statsmodels", "matplotlib", "zarr",
         "gymnasium", "stable_baselines3", "numba", "psutil", "filelock", "jinja2", "seaborn"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
main.app(["fit", "runs.csv", "--out", "fits", "--bootstrap", "0"], standalone_mode=False)
print("seconds", spent.ru_utime + spent.ru_stime)
"""
    environment = {"MPLBACKEND": "module://not_installed.inline", "PATH": "/usr/bin"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[-1]) < 5
    assert list((tmp_path / "fits/figures").glob("*.png"))


def test_the_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((DOCS / "laws.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    assert len(cells) > 4
    names: dict = {}
    for cell in cells:
        exec(compile(cell, "laws.ipynb", "exec"), names)
    low, high = names["interval"]
    assert low < names["truth"] < high
