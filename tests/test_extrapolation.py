"""The cells that a forecast trains: one game that lacks the data keeps no other from it, and one
that recorded for it trains on all."""

from pathlib import Path

import pytest

from ilscaling import params, plan
from ilscaling.errors import ParamsError
from ilscaling.pipeline.keys import Keys
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


def recorded_for_it(**demonstrations):
    of = params.read(ROOT / "params.yaml")
    section = of.games["breakout"]
    more = section.demonstrations.model_copy(update=demonstrations)
    return of.model_copy(
        update={"games": {"breakout": section.model_copy(update={"demonstrations": more})}}
    )


def test_a_forecast_trains_on_all_that_was_recorded_only_where_a_part_is_too_little():
    of = recorded_for_it(train_steps=2_000_000, unique_steps=220_000)
    without = recorded_for_it(train_steps=2_000_000, unique_steps=None)
    for size, steps in ((4, None), (24, 220_000)):
        asked = proposals(of, breakout=size)
        assert extrapolation.possible(of, asked) == asked
        section = extrapolation.study(of, asked).games["breakout"]
        assert section.demonstrations.unique_steps == steps
        assert section.grid.seeds == of.games["breakout"].grid.seeds
    # Nothing is recorded anew, and the study itself keeps its part.
    study, forecast = Keys(of), Keys(extrapolation.study(of, proposals(of, breakout=4)))
    assert study.recordings("breakout") == forecast.recordings("breakout")
    assert study.demos("breakout") != forecast.demos("breakout") == Keys(without).demos("breakout")


def test_the_plan_says_beforehand_what_a_forecast_may_leave_out():
    lacks, has = params.read(ROOT / "params.yaml"), recorded_for_it(train_steps=2_000_000)
    said, silent = (text.make(of, plan.cells(of), HERE) for of in (lacks, has))
    about = [line for line in said.warnings if "snakemake forecast may leave it out" in line]
    assert [line.partition(":")[0] for line in about] == ["breakout"]
    assert not [line for line in silent.warnings if "forecast" in line]
    # What is left out costs nothing: Breakout's would be the larger part.
    assert said.forecast_hours < silent.forecast_hours
