"""The studies beside the default one: what they hold, that they run, what their page says."""

import sys
from pathlib import Path

import pytest
from conftest import copy_project

from ilscaling import params, plan
from ilscaling.domains.atari.record import refuse_poor
from ilscaling.errors import ExpertError

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

import plans  # noqa: E402

PAPER = ("bank_heist", "battle_zone", "boxing", "breakout", "double_dunk", "name_this_game",
         "phoenix", "qbert", "space_invaders")  # fmt: skip
SPARSE = ("freeway", "montezuma_revenge", "private_eye", "pitfall")


def read(name: str) -> params.Params:
    return params.read(ROOT / "params.yaml", ROOT / f"studies/{name}.yaml")


def test_the_papers_study_is_its_released_grid():
    """Parameters and widths as in the released tables of Breakout; batches of 4,096."""
    study = read("paper-atari")
    assert tuple(sorted(study.games)) == PAPER
    cells = plan.cells(study)
    breakout = [c for c in cells if c.run.game == "breakout" and c.run.seed == 0]
    found = {c.run.size: c.params for c in breakout}
    assert found == {1: 725, 3: 2575, 5: 4969, 8: 9580, 13: 19985, 23: 50995, 34: 100814,
                     50: 202654, 81: 499045, 117: 1007257, 167: 2005507, 266: 4985110}  # fmt: skip
    assert {c.budget for c in breakout} >= {1e13, 1e18} and len(breakout) == 12 * 16
    # Whole batches below the budget, where the released runs took the batch that reaches it.
    (first,) = [c for c in breakout if c.run.size == 13 and c.budget == 1e13]
    assert first.batch == 4096 and 0 <= first.samples - 61_440 <= 8_192
    declared = [c for c in cells if c.declared]
    assert max(c.epochs for c in declared) <= 1
    assert {c.run.game for c in declared if c.budget == 1e18} == set(PAPER)


def test_every_expert_of_the_papers_studies_must_have_learnt():
    for name in ("paper-atari", "sparse-atari"):
        games = read(name).games
        assert all(game.expert.min_return is not None for game in games.values())
    assert set(games) == set(SPARSE)
    brought = {name for name, game in games.items() if game.expert.file}
    assert brought == set(SPARSE) - {"freeway"}


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ({"measured": {"return_mean": 0.0}, "training_score_mean_100": 30.0}, "returns 0"),
        ({"training_score_mean_100": 19.0}, "returns 19"),
        ({}, "nobody has measured"),
    ],
)
def test_an_expert_that_learnt_nothing_is_not_recorded(made, says):
    with pytest.raises(ExpertError, match=says) as caught:
        refuse_poor("expert.safetensors", made, 20.0)
    assert "import-expert" in str(caught.value)


def test_an_expert_that_learnt_is_recorded():
    refuse_poor("expert.safetensors", {"measured": {"return_mean": 20.0}}, 20.0)
    refuse_poor("expert.safetensors", {"training_score_mean_100": 33.0}, 20.0)


def test_the_study_of_rare_rewards_runs_once_its_experts_are_there(tmp_path):
    workspace = copy_project(tmp_path)
    study = ("--configfile", str(ROOT / "params.yaml"), "studies/sparse-atari.yaml")
    refused = workspace.run("snakemake", "-n", *study, ok=False).stdout
    assert "import-expert" in refused and "montezuma_revenge.safetensors" in refused
    for name in SPARSE[1:]:
        (workspace.path / f"experts/{name}.safetensors").write_text(name)
    jobs = workspace.planned(*study)
    assert jobs["train"] == jobs["evaluate"] == 4 * 10 * 3
    assert jobs["train_expert"] == 1 and jobs["record"] == 4 * 32 and jobs["build_store"] == 4


def test_the_page_of_plans_is_up_to_date():
    before = plans.PAGE.read_text()
    assert plans.page(before) == before, "out of date: python benchmarks/plans.py"
