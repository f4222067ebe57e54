"""The cells that a forecast trains: one game that lacks the data keeps no other from it."""

from pathlib import Path

import pytest

from ilscaling import params, plan
from ilscaling.errors import ParamsError
from ilscaling.pipeline import extrapolation_study

ROOT = Path(__file__).resolve().parent.parent


def proposals(of, **sizes):
    return [
        {
            "game": game,
            "budget": extrapolation_study.budget(of, game),
            "size": size,
            "params": 1,
            "flags": [],
        }
        for game, size in sizes.items()
    ]


def test_a_game_that_lacks_the_data_is_said_and_the_others_are_trained():
    study = params.read(ROOT / "params.yaml")
    few = extrapolation_study.possible(study, proposals(study, breakout=1, nethack=24))
    breakout, nethack = few
    assert breakout["size"] is None and breakout["flags"][0].startswith("not_trained: ")
    assert nethack["size"] == 24 and nethack["flags"] == []
    trained = extrapolation_study.study(study, few)
    assert trained.games.keys() == {"nethack"} and plan.cells(trained)


def test_a_forecast_that_no_game_can_train_is_refused():
    study = params.read(ROOT / "params.yaml")
    with pytest.raises(ParamsError, match="cannot be trained") as error:
        extrapolation_study.possible(study, proposals(study, breakout=1, nethack=None))
    assert "forecast.factor" in error.value.where and "train_steps" in error.value.fix
    # No law to follow is no breach of a rule.
    without = proposals(study, breakout=None, nethack=None)
    assert extrapolation_study.possible(study, without) == without
