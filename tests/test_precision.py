"""What more seeds would buy, against planted studies that have them."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import stdtrit
from typer.testing import CliRunner

from ilscaling.cli.main import app
from ilscaling.errors import FitError
from ilscaling.laws import draws, fit, headline
from ilscaling.laws.frontier import LeftOut, points
from ilscaling.laws.more_seeds import precision
from ilscaling.laws.runs import Runs
from ilscaling.params import Laws

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
import simulated  # noqa: E402

SETTINGS = Laws(plateau=1e6, bootstrap=300)
(SMALL,) = (design for design in simulated.DESIGNS if design.name == "small")


def table(runs: Runs) -> pd.DataFrame:
    return pd.DataFrame(
        {"game": "planted", "budget": runs.budget, "params": runs.N, "samples": runs.D,
         "flops": runs.C, "dev_loss": runs.L, "run": runs.run, "status": "done"}
    )  # fmt: skip


def exponent(runs: Runs) -> float:
    drawn = draws.measurement(runs)
    lines = points(runs, drawn, SETTINGS, LeftOut(), only=("power",))
    return headline.headline(runs, drawn, lines, SETTINGS).exponents["N_opt"][0]


def test_with_its_own_seeds_a_table_has_about_the_interval_that_is_quoted():
    rows = table(simulated.study(SMALL, 0))
    quoted = fit(rows, validate=False, **SETTINGS.model_dump(exclude={"forecast"}))
    record = quoted.study.quoted("planted", "N_opt")
    half = precision(rows, SETTINGS, seeds=(1,))["half"][0]
    assert half == pytest.approx((record["ci_high"] - record["ci_low"]) / 2, rel=0.4)


def test_three_seeds_buy_what_planted_studies_with_three_have():
    """One table knows its runs' deviations to a factor of two: the middle of ten is judged."""
    said = np.median(
        [
            precision(table(simulated.study(SMALL, seed)), SETTINGS, seeds=(1, 3))["half"]
            for seed in range(10)
        ],
        axis=0,
    )
    true = []
    for seeds in (1, 3):
        design = replace(SMALL, seeds=seeds, name=f"small {seeds}")
        spread = np.std([exponent(simulated.study(design, n)) for n in range(50)], ddof=1)
        true.append(spread * stdtrit(6 * seeds - 1, 0.975))
    # The interval covers, so it is wider rather than narrower.
    assert (said / true > 0.8).all() and (said / true < 1.6).all()
    assert said[1] / said[0] == pytest.approx(true[1] / true[0], abs=0.12)


def test_what_cannot_be_said_has_a_reason():
    rows = table(simulated.study(SMALL, 0))
    few = rows[rows["run"] < 3]
    said = precision(few, SETTINGS, seeds=(1, 2))
    assert said["half"].isna().all() and said["reason"].str.contains("3 runs").all()


def test_the_plan_says_what_seeds_buy_once_a_table_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = ["plan", "--params", str(ROOT / "params.yaml"), "--precision"]
    refused = CliRunner().invoke(app, plan)
    assert isinstance(refused.exception, FitError) and "--table" in refused.exception.fix
    table(simulated.study(SMALL, 0)).assign(game="breakout").to_csv("runs.csv", index=False)
    shown = CliRunner().invoke(app, [*plan, "--table", "runs.csv"])
    assert shown.exit_code == 0, shown.exception
    (now,) = [line.split() for line in shown.stdout.splitlines() if "(now)" in line]
    assert now[:3] == ["3", "18", "+-"] and 0 < float(now[3]) < 1 and float(now[4]) > 0
