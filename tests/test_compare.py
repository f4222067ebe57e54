"""Two studies against each other: differences of exponents, the table of experiments, headlines."""

import math

import experiments_table
import pytest

from ilscaling.pipeline import compare, headline


def fit(estimate, low=None, high=None, level=0.95, law="N_opt"):
    return {
        "game": "breakout", "law": law, "method": "grid", "flops": "realised",
        "estimate": estimate, "ci_low": low, "ci_high": high, "level": level,
    }  # fmt: skip


def test_half_widths_of_independent_intervals_add_in_squares():
    found = compare.difference(fit(0.5, 0.2, 0.8), fit(0.9, 0.5, 1.3))
    assert found["estimate"] == pytest.approx(0.4)
    assert found["low"] == pytest.approx(-0.1) and found["high"] == pytest.approx(0.9)
    lopsided = compare.difference(fit(0.0, -0.3, 0.1), fit(1.0, 0.6, 1.2))
    assert lopsided["low"] == pytest.approx(1.0 - math.hypot(0.4, 0.1))
    assert lopsided["high"] == pytest.approx(1.0 + math.hypot(0.2, 0.3))


@pytest.mark.parametrize("other", [fit(0.9), fit(0.9, 0.5, 1.3, level=0.9)])
def test_a_difference_without_comparable_intervals_has_none(other):
    found = compare.difference(fit(0.5, 0.2, 0.8), other)
    assert found["estimate"] == pytest.approx(0.4) and found["low"] is None


def test_laws_of_either_revision_have_a_row():
    one = {("b", "N", "grid", "realised"): fit(0.5), ("b", "L", "grid", "realised"): fit(None)}
    other = {("b", "N", "grid", "realised"): fit(0.6), ("b", "R", "grid", "realised"): fit(1.0)}
    rows = {row["law"]: row for row in compare.exponents(one, other)}
    assert set(rows) == {"N", "L", "R"}
    assert rows["N"]["difference"]["estimate"] == pytest.approx(0.1)
    assert rows["L"]["difference"] is None and rows["R"]["one"] is None


def test_a_headline_leaves_out_what_is_not_there():
    metrics = {"pong": {"N_opt": 0.47383, "L_min": None, "training_flops": 6079072435500.0}}
    assert headline.headline(metrics) == {"pong": {"N": 0.474, "FLOPs": 6.08e12}}


def test_experiments_of_two_games_fit_a_terminal():
    games = ["breakout", "nethack"]
    row = {f"{game}.{short}": "-0.123456" for game in games for short in headline.NUMBERS}
    names = {"Experiment": "lower-rate-again", "rev": "80b916d", "typ": "branch_base"}
    changed = {"games.nethack.train.ema": "0.2", "laws.level": "0.9"}
    lines = experiments_table.tables([{**names, **row, **changed}], games)
    assert max(map(len, lines)) <= 100
    assert "level=0.9" in lines[2] and "ema" not in lines[2] and "ema=0.2" in lines[-1]
