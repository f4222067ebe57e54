"""The cells that a forecast trains: one game that lacks the data keeps no other from it, and the
plan says so beforehand."""

from pathlib import Path

import pytest

from ilscaling import params, plan
from ilscaling.errors import ParamsError
from ilscaling.plan import extrapolation, text
from ilscaling.plan.speed import REFERENCE

ROOT = Path(__file__).resolve().parent.parent
HERE = text.Machine(2, 0, REFERENCE)


def proposals(of, **sizes):
    return [
        {
            "game": game,
            "budget": extrapolation.budget(of, game),
            "size": size,
            "params": 1,
            "flags": [],
        }
        for game, size in sizes.items()
    ]


def test_a_game_that_lacks_the_data_is_said_and_the_others_are_trained():
    study = params.read(ROOT / "params.yaml")
    few = extrapolation.possible(study, proposals(study, breakout=1, nethack=24))
    breakout, nethack = few
    assert breakout["size"] is None and breakout["flags"][0].startswith("not_trained: ")
    assert nethack["size"] == 24 and nethack["flags"] == []
    trained = extrapolation.study(study, few)
    assert trained.games.keys() == {"nethack"} and plan.cells(trained)


def test_a_forecast_that_no_game_can_train_is_refused():
    study = params.read(ROOT / "params.yaml")
    with pytest.raises(ParamsError, match="cannot be trained") as error:
        extrapolation.possible(study, proposals(study, breakout=1, nethack=None))
    assert "forecast.factor" in error.value.where and "train_steps" in error.value.fix
    # No law to follow is no breach of a rule.
    without = proposals(study, breakout=None, nethack=None)
    assert extrapolation.possible(study, without) == without


def test_the_plan_says_beforehand_what_a_forecast_may_leave_out():
    lacks = params.read(ROOT / "params.yaml")
    game = lacks.games["breakout"]
    more = game.demonstrations.model_copy(update={"train_steps": 2_000_000})
    more = {**lacks.games, "breakout": game.model_copy(update={"demonstrations": more})}
    has = lacks.model_copy(update={"games": more})
    said, silent = (text.make(of, plan.cells(of), HERE) for of in (lacks, has))
    about = [line for line in said.warnings if "snakemake forecast may leave it out" in line]
    assert [line.partition(":")[0] for line in about] == ["breakout"]
    assert not [line for line in silent.warnings if "forecast" in line]
    # What is left out costs nothing: Breakout's would be the larger part.
    assert said.forecast_hours < silent.forecast_hours / 2
