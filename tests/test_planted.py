"""A planted law comes back through the whole workflow, and so does its forecast."""

import json
import shutil
from pathlib import Path

import planted_trainer
import pytest
import yaml
from conftest import ROOT, copy_project

from ilscaling import laws

BUDGETS = [5.0e9, 1.0e10, 2.0e10, 4.0e10, 8.0e10]


@pytest.fixture(scope="module")
def planted(study, tmp_path_factory):
    """A study whose trainer obeys a known law; everything after it is the real thing."""
    workspace = copy_project(tmp_path_factory.mktemp("planted"))
    data = Path("data/demonstrations")
    shutil.copytree(study.path / data, workspace.path / data)
    learning = workspace.path / "src/ilscaling/learning"
    (learning / "run.py").rename(learning / "real.py")
    shutil.copy(ROOT / "tests/planted_trainer.py", learning / "run.py")
    values = yaml.safe_load((workspace.path / "params.yaml").read_text())
    game = values["games"]["breakout"]
    game["grid"] |= {"sizes": [1, 2, 4, 6, 8, 12], "budgets": BUDGETS}
    game["train"]["precision"] = "float32"
    values = {"games": {"breakout": game}, "laws": values["laws"] | {"flops": "nominal"}}
    (workspace.path / "params.yaml").write_text(yaml.safe_dump(values))
    workspace.snakemake("--cores", "2")
    return workspace


def test_a_planted_law_comes_out_of_the_whole_workflow(planted):
    found = json.loads((planted.path / "results/default/metrics.json").read_text())["breakout"]
    assert found["method"] == "vertex"
    fit = laws.read(planted.path / "results/default/laws")
    vertex = fit.power("breakout", "N_opt", "vertex")["estimate"]
    assert vertex == pytest.approx(planted_trainer.A, abs=1e-3)
    # Two of the four methods whose median is quoted suppose another surface than the planted one.
    assert found["N_opt"] == pytest.approx(planted_trainer.A, abs=0.03)
    assert found["L_min"] == pytest.approx(-planted_trainer.G, abs=1e-4)
    # The largest budget, held out, was foretold.
    assert found["held_out_error_L_min"] == pytest.approx(0, abs=1e-4)
    assert found["held_out_error_N_opt"] == pytest.approx(0, abs=5e-3)


def test_the_forecast_is_trained_measured_and_shown(planted):
    assert {"plan_extrapolation", "write_report", "publish"} <= set(planted.planned("forecast"))
    log = planted.snakemake("--cores", "2", "forecast").stdout
    stamp = planted.path / "results/default/keys/forecast.json"
    told = json.loads(stamp.read_text())
    (proposed,), (realised,) = told["proposals"], told["realised"]
    budget = 2 * BUDGETS[-1]
    assert realised["budget"] == proposed["budget"] == budget
    assert realised["size"] == proposed["size"]
    optimal = planted_trainer.N0 * (budget / planted_trainer.C0) ** planted_trainer.A
    # The median of four methods, of which two suppose another loss than the planted one: 7 % off.
    assert proposed["N_opt"]["estimate"] == pytest.approx(optimal, rel=0.1)
    loss = planted_trainer.loss(realised["params"], budget)
    assert realised["dev_loss"] == pytest.approx(loss, rel=1e-5)
    best = planted_trainer.loss(optimal, budget)
    assert proposed["L_min"]["estimate"] == pytest.approx(best, rel=1e-3)
    page = (planted.path / "results/default/report.html").read_text()
    assert "results/default/report.html" in log and "orecast" in page
    assert (planted.path / "results/default/figures/forecast.png").exists()
    # What was made for the forecast belongs to the study from now on.
    assert planted.planned() == planted.planned("forecast") == {}
    planted.run("python", "-m", "ilscaling", "publish", "runs", PYTHONPATH="src")
    assert planted.planned("forecast") == {}
    planted.snakemake("--cores", "2")
    assert (planted.path / "results/default/figures/forecast.png").exists()
