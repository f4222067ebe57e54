"""Demonstrations and policies for programs of others, what `ilscaling play` shows of them, and the
page about both."""

# ruff: noqa: F811
import io
import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import api_page
import numpy as np
import pytest
import torch
from nethack_store import write as nethack_store
from PIL import Image
from test_evaluation import FAST, demos, snapshots  # noqa: F401
from typer.testing import CliRunner

from ilscaling import agents, games, params, policies, registry, store
from ilscaling.agents import episode, film
from ilscaling.cli.main import GROUPS, app
from ilscaling.domains.gymnasium.section import Options
from ilscaling.errors import GameError, StoreError, TrainingError
from ilscaling.games import play
from ilscaling.policies import acting
from ilscaling.store import open_split

ROOT = Path(__file__).resolve().parent.parent
DEFAULT = params.read(ROOT / "params.yaml")


@pytest.fixture(scope="module")
def section():
    """Breakout, in short episodes."""
    section = DEFAULT.games["breakout"]
    return section.model_copy(update={"emulator": FAST})


def test_items_are_the_stored_steps_with_stacks_of_their_own_episode(demos):
    data, split = agents.Demonstrations(demos, "dev", frames=3), open_split(demos, "dev")
    screens, actions = split.read("screen", 0, split.steps), split.read("action", 0, split.steps)
    episodes = split.read("episode", 0, split.steps)
    assert len(data) == split.steps
    for index in (0, 1, 2, 40, int(split.starts[1]), int(split.starts[1]) + 1, split.steps - 1):
        item, first = data[index], int(split.starts[episodes[index]])
        rows = [max(first, index - back) for back in (2, 1, 0)]
        assert np.array_equal(item["screen"].numpy(), screens[rows])
        assert item["action"] == actions[index] and item["episode"] == episodes[index]
    with pytest.raises(IndexError):
        data[len(data)]
    single = agents.Demonstrations(demos, "dev")[5]
    assert np.array_equal(single["screen"].numpy(), screens[5])


def test_a_data_loader_takes_them_with_workers_and_without(demos):
    data = agents.Demonstrations(demos, "dev", frames=2)
    served = {}
    for workers in (0, 2):
        loader = torch.utils.data.DataLoader(data, batch_size=64, num_workers=workers)
        served[workers] = torch.cat([batch["screen"] for batch in loader])
    assert torch.equal(served[0], served[2]) and len(served[0]) == len(data)
    own = list(agents.batches(demos, "dev", batch=64, frames=2, epochs=1))
    order = torch.cat([batch["index"] for batch in own])
    assert sorted(order.tolist()) == list(range(len(data)))
    assert torch.equal(torch.cat([batch["screen"] for batch in own]), served[0][order])


def test_logits_are_those_that_the_playing_loop_samples_from(demos, snapshots):
    agent = agents.load_policy(snapshots[-1])
    batch = next(agents.batches(demos, "dev", batch=8, frames=4))
    played = acting.probabilities(agent.network, batch["screen"].numpy(), 1.0)
    assert np.allclose(agent.probabilities(batch).numpy(), played, atol=1e-5)
    assert agent.logits(batch["screen"]).shape == (8, len(agent.actions))
    assert torch.allclose(agent.probabilities(batch, 0.5), (2 * agent.logits(batch)).softmax(1))


def test_a_policy_with_memory_answers_as_when_it_plays(tmp_path):
    """Its logits over a stretch are those of playing it step by step."""
    split = open_split(nethack_store(tmp_path / "demos.zarr", train=[12, 9]), "train")
    train = DEFAULT.games["nethack"].train.model_copy(update={"context": 8})
    fields = {name: split.fields[name] for name in split.observation}
    shape = policies.shape(train, len(split.actions), fields)
    torch.manual_seed(0)
    network = policies.build("transformer", 6, **shape).eval()
    run = SimpleNamespace(shape=shape, actions=tuple(split.actions))
    agent = agents.Agent(network, SimpleNamespace(run=run), tmp_path)
    stretch = {name: split.read(name, 0, 12)[None] for name in (*split.observation, "action")}
    logits = agent.logits(stretch)
    assert logits.shape == (1, 12, len(split.actions))
    state, previous = network.initial(1), np.array([len(split.actions)])
    for step in range(12):
        batch = {name: stretch[name][:, step] for name in split.observation}
        batch |= {"previous": previous, "first": np.array([step == 0])}
        played = acting.step(network, batch, state, np.arange(1), 1.0)
        assert np.allclose(logits[:, step].double().softmax(1).numpy(), played, atol=1e-5)
        previous = stretch["action"][:, step].astype(np.int64)


def test_the_same_number_is_the_same_game(snapshots, section):
    agent = agents.load_policy(snapshots[-1])
    first = agent.play(section, number=3, max_steps=60)
    again = agent.play(section, number=3, max_steps=60)
    assert np.array_equal(first.action, again.action) and len(first) == FAST.max_steps
    assert np.array_equal(first.observation["screen"], again.observation["screen"])
    assert not np.array_equal(first.action, agent.play(section, number=4, max_steps=60).action)
    assert first.score[-1] == pytest.approx(first.reward.sum())


def test_a_missing_snapshot_names_those_that_are_there(snapshots):
    with pytest.raises(TrainingError, match=re.escape(snapshots[0].stem)):
        agents.load_policy(snapshots[0].with_name("7e+07.safetensors"))


def test_a_whole_snapshot_of_another_version_is_not_to_be_removed(snapshots, tmp_path):
    """Once the remedy was `rm`: an old agent that somebody wants to see would have been lost."""
    for suffix in (".safetensors", ".json"):
        shutil.copy(snapshots[0].with_suffix(suffix), tmp_path / f"1e+09{suffix}")
    record = json.loads((tmp_path / "1e+09.json").read_text())
    for change in ({"format": "ilscaling-cell-0"}, {"size": record["size"] + 1}):
        (tmp_path / "1e+09.json").write_text(json.dumps({**record, **change}))
        with pytest.raises(TrainingError, match="another version") as error:
            agents.load_policy(tmp_path / "1e+09.safetensors")
        assert "rm " not in error.value.fix
    (tmp_path / "1e+09.safetensors").write_bytes(b"cut")
    with pytest.raises(TrainingError, match="truncated"):
        agents.load_policy(tmp_path / "1e+09.safetensors")


def test_a_policy_of_an_extension_is_loaded_outside_a_study(tmp_path, snapshots):
    """It once ended in 'train the run again'."""
    for file in (snapshots[0], snapshots[0].with_suffix(".safetensors")):
        shutil.copy(file, tmp_path)
    record = tmp_path / snapshots[0].name
    record.write_text(record.read_text().replace('"family": "cnn"', '"family": "mine"'))
    registry.load([])
    with pytest.raises(TrainingError, match="extensions=") as error:
        agents.load_policy(record)
    assert "train the run again" not in str(error.value)
    family = tmp_path / "mine.py"
    family.write_text(
        "from dataclasses import replace\nfrom ilscaling.policies.cnn import FAMILY as cnn\n"
        'FAMILY = replace(cnn, name="mine")\n'
    )
    try:
        agent = agents.load_policy(record, extensions=[str(family)])
        assert agent.record.run.family == "mine"
    finally:
        registry.load([])


def test_an_episode_becomes_a_gif_and_a_video(demos, tmp_path):
    shown = agents.recorded(demos, rank=1.0)
    data = open_split(demos, "dev")
    assert shown.score[-1] == data.returns().max()
    gif = Image.open(agents.animate(shown, tmp_path / "a.gif", seconds=2))
    assert gif.n_frames == 2 * film.SECOND and min(gif.size) >= film.SIDE
    video = agents.animate(shown, tmp_path / "a.mp4", seconds=1)
    assert video.read_bytes()[4:8] == b"ftyp" and video.stat().st_size > 1000
    with pytest.raises(GameError, match=r"a\.gif"):
        agents.animate(shown, tmp_path / "a.png")
    with pytest.raises(StoreError, match="--episode 5"):
        agents.recorded(demos, number=99)


def test_players_stand_side_by_side_and_within_the_limit(demos, tmp_path):
    shown = {"low": agents.recorded(demos, rank=0.0), "high": agents.recorded(demos, rank=1.0)}
    whole = agents.side_by_side(shown, tmp_path / "whole.gif", seconds=4)
    small = agents.side_by_side(shown, tmp_path / "small.gif", seconds=4, limit=100_000)
    assert small.stat().st_size <= 100_000 < whole.stat().st_size
    assert Image.open(whole).size[0] > 2 * Image.open(whole).size[1] * 0.8


def test_nethack_is_shown_in_the_terminal(tmp_path):
    demos = nethack_store(tmp_path / "demos.zarr", dev=[20, 9])
    shown, out = agents.recorded(demos), io.StringIO()
    agents.show_in_terminal(shown, out=out)
    lines = out.getvalue().splitlines()
    last = shown.observation["tty_chars"][-1]
    assert lines[1:] == [bytes(row).decode("latin-1").rstrip() for row in last]
    coloured = film.ansi(shown, len(shown) - 1)
    assert (
        re.sub(r"\033\[\d+m", "", coloured).split()
        == film.ansi(shown, len(shown) - 1, colour=False).split()
    )


def test_the_verb_plays_snapshots_and_recordings(demos, snapshots, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    for who in (snapshots[-1], demos):
        out = tmp_path / f"{who.stem}.gif"
        arguments = ["play", str(who), "--out", str(out), "--max-steps", "20", "--seconds", "1"]
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert Image.open(out).n_frames > 1
        with pytest.raises(GameError, match="an animation is a file"):
            CliRunner().invoke(app, ["play", str(who), "--out", "x.txt"], catch_exceptions=False)
    monkeypatch.chdir(tmp_path)
    arguments = ["play", str(demos), "--params", str(ROOT / "params.yaml"), "--seconds", "1"]
    said = CliRunner().invoke(app, arguments, catch_exceptions=False).output
    assert "breakout-expert.gif" in said and Path("breakout-expert.gif").is_file()
    shutil.copytree(ROOT / "experts", "experts")
    with pytest.raises(GameError, match="no policy that was trained") as error:
        arguments = ["play", "--params", str(ROOT / "params.yaml")]
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert "snakemake --cores all" in error.value.fix


WINDOW = """
import gymnasium
from gymnasium import spaces
from ilscaling.domains.gymnasium.entries import Game

class Walk(gymnasium.Env):
    metadata = {"render_modes": ["human"]}
    observation_space, action_space = spaces.Box(0, 9, (1,)), spaces.Discrete(2)
    opened = []

    def __init__(self, render_mode=None):
        self.opened.append(render_mode)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at = int(self.np_random.integers(3))
        return self.observation_space.low + self.at, {}

    def step(self, action):
        self.at += int(action)
        return self.observation_space.low + self.at, float(self.at), self.at > 6, False, {}

GAME = Game("walk", Walk)
"""


def test_the_window_plays_the_same_episode(tmp_path):
    (tmp_path / "walk.py").write_text(WINDOW)
    registry.load([str(tmp_path / "walk.py")])
    try:
        game = games.make("gymnasium", "walk", 1, Options())
        shown = episode.play(game, play.uniform(2), seed=5, player="chance")
        section = SimpleNamespace(emulator=Options())
        assert agents.show_in_window(shown, section) == pytest.approx(shown.score[-1])
        assert shown.score[-1] > 0
        assert registry.get("GAME", "walk").make.opened[-1] == "human"
    finally:
        registry.load([])


def test_a_game_that_gymnasium_does_not_render_is_refused(demos, section):
    with pytest.raises(GameError, match="--out FILE"):
        agents.show_in_window(agents.recorded(demos), section)


def test_help_shows_every_verb_in_its_group():
    said = CliRunner().invoke(app, ["--help"]).output
    places = [said.index(f"{title}:") for title in GROUPS]
    assert places == sorted(places)
    for group in GROUPS.values():
        for verb in group:
            assert re.search(rf"^  {verb} +\w", said, re.MULTILINE), verb


# --- the page ------------------------------------------------------------------------------------


def test_the_reference_is_that_of_the_docstrings():
    text = api_page.PAGE.read_text("utf-8")
    assert api_page.page(text) == text, "out of date: python tools/api_page.py"
    for name in agents.__all__:
        thing = getattr(agents, name)
        assert "Parameters" in (thing.__doc__ or ""), name


def test_what_the_page_shows_runs(demos, snapshots, tmp_path, monkeypatch, section):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(demos, "data/demonstrations/breakout-0/demos.zarr")
    shutil.copytree(snapshots[0].parent, "data/runs/breakout/cnn-2-s0-0")
    shutil.copy(ROOT / "params.yaml", "params.yaml")
    blocks = re.findall(r"```python\n(.*?)```", api_page.PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) >= 5
    names: dict = {}
    for block in blocks:
        exec(compile(block, "docs/api.md", "exec"), names)
    assert Image.open("agent.gif").n_frames > 1 and Image.open("expert.gif").n_frames > 1
    assert isinstance(names["data"], torch.utils.data.Dataset)
    assert store.open_split(names["demos"], "train").steps == len(names["data"])
