"""An optimum that stays while the sizes of budgets move is told from one that moves."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.regression.linear_model import OLS

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from null_sizes import planted

from ilscaling import laws, tables
from ilscaling.laws.game import admit
from ilscaling.laws.movement import _least_squares, movement
from ilscaling.params import Laws

TABLE = Path(__file__).parents[1] / "docs/tables/reference.csv"
# The smallest sizes of Beam Rider end where a budget begins to see its data too often; those of
# Breakout, too; GoTo's optima lie inside of the sizes.
NOISE = {"of_run": 0.03, "of_cell": 0.05}
GAMES = {
    "beam_rider": NOISE | {"slope": -0.2, "curvature": 0.05, "middle": np.log(3_500)},
    "breakout": NOISE | {"slope": -0.2, "curvature": 0.05, "middle": np.log(6_000)},
    "go_to": NOISE | {"slope": -0.1, "curvature": 0.1, "middle": np.log(15_000)},
}


@pytest.fixture(scope="module")
def cells():
    table = tables.read_table(TABLE)
    return dict(iter(table[table["status"] == "done"].groupby("game")))


@pytest.mark.parametrize("game", GAMES)
def test_what_moves_is_told_from_what_stays(cells, game):
    """Of twenty studies each with an optimum at one size, and at C^(1/3)."""

    def shown(exponent, law):
        studies = [planted(cells[game], GAMES[game], exponent, seed) for seed in range(20)]
        tests = [movement(admit(rows, "game", Laws()).runs, law) for rows in studies]
        return sum(test.shows(1.0, 0.95) for test in tests)

    assert shown(0.0, "N_opt") <= 3
    assert shown(1 / 3, "N_opt") >= 16
    assert shown(1 / 3, "D_opt") >= 8


def test_the_sign_of_an_optimum_that_stays_is_not_determined(cells):
    """Over runs alone the interval of such an exponent leaves 0 out, in one study of two."""
    studies = [planted(cells["beam_rider"], GAMES["beam_rider"], 0.0, seed) for seed in range(4)]
    moves = planted(cells["go_to"], GAMES["go_to"], 1 / 3, 0).assign(game="moves")
    fit = laws.fit_table(pd.concat([*studies, moves]), Laws(bootstrap=60), validate=False)
    records = {game: fit.quoted(game, "N_opt") for game in fit.games}
    assert laws.determined(records.pop("moves")) == "determined"
    assert any(record["ci_low"] > 0 for record in records.values())
    for game, record in records.items():
        assert any(flag.startswith("stays: ") for flag in record["flags"]), game
        assert laws.determined(record) == "not determined", game


def test_the_errors_of_runs_are_those_of_statsmodels():
    generator = np.random.default_rng(3)
    x, run = generator.standard_normal((60, 3)), np.arange(60) % 9
    y = x @ [1.0, 2.0, -0.5] + generator.standard_normal(9)[run] + generator.standard_normal(60)
    fit = OLS(y, x).fit(cov_type="cluster", cov_kwds={"groups": run})
    slopes, errors = _least_squares(y, x, run)
    np.testing.assert_allclose(slopes, fit.params)
    np.testing.assert_allclose(errors, fit.bse)


def test_too_few_runs_budgets_or_sizes_tell_nothing(cells):
    runs = admit(cells["go_to"], "game", Laws()).runs
    assert movement(runs, "N_opt").dof == runs.count - 1
    assert movement(runs.where(runs.position < 2), "N_opt") is None
    assert movement(runs.where(runs.run < 3), "N_opt") is None
    assert movement(runs.where(np.isin(runs.N, np.unique(runs.N)[:2])), "N_opt") is None
