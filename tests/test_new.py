"""`ilscaling new`: a study that suits a time, of a game that can be played."""

import runpy
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from ilscaling import games, params, registry
from ilscaling.cli.main import app
from ilscaling.errors import GameError, ParamsError
from ilscaling.plan import speed, starting

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    shutil.copytree(ROOT / "experts", tmp_path / "experts")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    registry.load([])


def made(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["new", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


@pytest.mark.parametrize("minutes", [20, 600])
def test_an_atari_study_takes_the_time_it_was_given(folder, minutes):
    made("atari", "pong", "--minutes", str(minutes), "--cores", "2", "--name", f"p{minutes}")
    study = params.read(folder / "params.yaml", folder / f"studies/p{minutes}.yaml")
    assert list(study.games) == ["pong"] and study.study == f"p{minutes}"
    took = starting.takes(study, 2, speed.REFERENCE) / 60
    assert 0.5 * minutes < took <= minutes


def test_a_gymnasium_study_brings_its_game_expert_and_family(folder):
    said = made("gymnasium", "CartPole-v1", "--minutes", "10", "--cores", "2")
    assert "python extensions/cartpole/expert.py" in said
    study = params.read(folder / "params.yaml", folder / "studies/cartpole.yaml")
    section = study.games["cartpole"]
    game = games.of("cartpole", section)
    assert len(game.actions) == 2 and section.emulator.max_steps == 500
    values = yaml.safe_load((folder / "studies/cartpole.yaml").read_text())
    assert len(values["extensions"]) == 3
    with pytest.raises(ParamsError, match="--force"):
        made("gymnasium", "CartPole-v1")


def test_a_refusal_leaves_nothing_in_the_way_of_its_remedy(folder):
    """Its three files stood there, and only --force, which lost edits, went on."""
    with pytest.raises(ParamsError, match="the smallest study takes") as told:
        made("gymnasium", "Acrobot-v1", "--minutes", "1", "--cores", "1")
    assert not (folder / "extensions/acrobot").exists()
    made("gymnasium", "Acrobot-v1", "--cores", "1", *told.value.fix.split())


def test_an_edited_extension_serves_a_second_study(folder):
    made("gymnasium", "CartPole-v1", "--cores", "2")
    game = folder / "extensions/cartpole/game.py"
    game.write_text(game.read_text() + "# mine\n")
    with pytest.raises(ParamsError, match="there already: studies/cartpole") as told:
        made("gymnasium", "CartPole-v1", "--cores", "2")
    said = made("gymnasium", "CartPole-v1", "--cores", "2", *told.value.fix.split()[:2])
    assert "game.py   (as it was)" in said and game.read_text().endswith("# mine\n")
    made("gymnasium", "CartPole-v1", "--cores", "2", "--force")
    assert game.read_text().endswith("# mine\n")
    with pytest.raises(ParamsError, match="every run of it would change"):
        made("atari", "pong", "--name", "default")


def test_the_minutes_of_a_gymnasium_study_are_said_not_to_be_those_of_its_expert(folder):
    said = made("gymnasium", "CartPole-v1", "--minutes", "10", "--cores", "2")
    assert "once the expert is trained" in said
    assert "expert" not in made("atari", "pong", "--cores", "2")


def test_the_training_of_a_gymnasium_expert_says_how_long_it_takes_in_few_lines(folder, capsys):
    """PPO's own tables were some thousand lines, none of which said when it ends."""
    made("gymnasium", "CartPole-v1", "--minutes", "10", "--cores", "2")
    expert = runpy.run_path("extensions/cartpole/expert.py")
    expert["train"].__globals__["STEPS"] = 1000
    expert["train"]()
    lines = capsys.readouterr().out.splitlines()
    assert lines[9].startswith("500 of 1,000 steps, mean return ")
    assert all(line.endswith(" min left") for line in lines[:-1]) and len(lines) == 21
    assert lines[-1] == "experts/cartpole.safetensors" and Path(lines[-1]).is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("atari", "nonsense"), "unknown Atari game"),
        (("gymnasium", "Pendulum-v1"), "actions"),
        (("gymnasium", "Nothing-v9"), "cannot make"),
        (("nethack", "nethack"), "start a study"),
    ],
)
def test_games_that_cannot_be_played_are_refused_and_nothing_is_written(folder, arguments, words):
    with pytest.raises(GameError, match=words):
        made(*arguments)
    assert not (folder / "studies").exists()


def test_a_time_that_is_too_short_names_one_that_is_not(folder):
    with pytest.raises(ParamsError, match="smallest study") as error:
        made("atari", "pong", "--minutes", "1", "--cores", "1")
    minutes = error.value.fix.split()[-1]
    made("atari", "pong", "--minutes", minutes, "--cores", "1", "--force")
