"""The worked example of docs/extending.md: its game, expert and family, one file each."""

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pandas as pd
import pytest
import test_coverage
import torch
import yaml
from conftest import copy_project, finished
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from ilscaling import flops, games, laws, params, plan, policies, registry, tables
from ilscaling.domains import brought, expert
from ilscaling.domains.gymnasium import entries
from ilscaling.domains.gymnasium import game as gymnasium_game
from ilscaling.domains.gymnasium import section as gymnasium_section
from ilscaling.errors import ExpertError, ExtensionError, GameError, ParamsError, TrainingError
from ilscaling.games import play
from ilscaling.pipeline import code_digest, keys
from ilscaling.pipeline.keys import recipe

ROOT = Path(__file__).resolve().parent.parent
OVERLAYS = (ROOT / "studies/foraging.yaml", ROOT / "tests/params/foraging.yaml")
GAME, EXPERT, FAMILY = (f"extensions/foraging/{name}.py" for name in ("game", "expert", "mlp"))


def example(**changes) -> params.Params:
    """The tiny study of the example with 'a__b': value changes of its section."""
    values = params.read(ROOT / "params.yaml", *OVERLAYS).model_dump(mode="json")
    values["extensions"] = changes.pop("extensions", values["extensions"])
    for path, value in changes.items():
        *parents, last = path.split("__")
        section = values["games"]["foraging"]
        for part in parents:
            section = section[part]
        section[last] = value
    return params.check(values)


@pytest.fixture(scope="module")
def foraging(tmp_path_factory):
    """The example's study, tiny, made by the real workflow."""
    workspace = copy_project(tmp_path_factory.mktemp("foraging"), *OVERLAYS)
    return finished(workspace, tmp_path_factory.mktemp("traced") / "jobs")


def test_the_workflow_makes_a_study_of_three_files_alone(foraging):
    table = pd.read_csv(foraging.path / "results/default/results.csv")
    assert len(table) == 2 * 3 and (table["status"] == "done").all()
    assert set(table["family"]) == {"mlp"} and set(table["domain"]) == {"gymnasium"}
    assert (table["expert_return"] > 8 * table["random_return"]).all()
    assert (
        table["dev_loss"].groupby(table["size"]).apply(lambda v: v.is_monotonic_decreasing)
    ).all()
    metrics = json.loads((foraging.path / "results/default/metrics.json").read_text())
    assert metrics["foraging"]["cells_done"] == 6
    report = (foraging.path / "results/default/report.html").read_text()
    assert "nearest of an extension" in report and "Recorded episodes" in report
    (store,) = foraging.path.glob("data/demonstrations/foraging-*/demos.zarr")
    ours = {"PYTHONPATH": str(foraging.path / "src")}
    assert "every shard" in foraging.run("ilscaling", "verify", str(store), **ours).stdout
    assert json.loads((store / "train/observation/zarr.json").read_text())["shape"][1:] == [2, 8, 8]
    why = foraging.run("ilscaling", "why", "results/default/figures/laws.png", **ours).stdout
    assert f"nearest of {EXPERT}" in why
    assert foraging.planned() == {}


def test_a_form_of_the_law_is_one_entry(foraging, monkeypatch):
    settings = example().laws
    again = replace(laws.FORMS["power"], name="again", phrase="a power law again")
    brought = registry._Brought(again, "again.py")
    monkeypatch.setitem(registry._brought, ("FORM", "again"), brought)
    monkeypatch.setattr(registry, "loaded", lambda: [])
    table = tables.read_table(foraging.path / "results/default/results.csv")
    fit = laws.fit_table(table, settings)
    assert {"power", "again"} <= {record["form"] for record in fit.fits}


def test_keys_cover_what_jobs_use_of_extensions(foraging):
    known = keys.Keys(params.read(foraging.path / "params.yaml"), ROOT)
    (run, *_), game = known.runs, "foraging"
    before = {"record": [known.record_key(game)], "random": [known.random_key(game)]}
    before["shard"] = [*before["record"], known.demos_key(game)]
    before["train"] = [*before["shard"], known.run_key(run)]
    before["evaluate"] = [*before["train"], known.evaluation_key(run)]
    for step in ("table", "fit", "figures", "report"):
        before[step] = [*before["evaluate"], *before["random"], known.result_key(step)]
    used = {}
    for step, _, trace in test_coverage.steps(foraging):
        held = {root for key in before[step] for root in keys.RECIPES[key][2]}
        # Jobs run the snapshot of an extension's file.
        files = {file.rpartition("/.snakemake/source/")[2] for file in trace["used"]}
        files = {file.partition("/")[2] if "/extensions/" in file else file for file in files}
        used.setdefault(step, set()).update(files)
        assert files <= held, step
    assert used["record"] == {GAME, EXPERT} and used["random"] == {GAME}
    assert {GAME, FAMILY} == used["evaluate"] and FAMILY in used["train"]
    test_coverage.test_keys_cover_the_modules_that_jobs_import(foraging)
    assert test_coverage.covered_parameters(foraging) > 40


def forget() -> None:
    for function in (
        code_digest.path_of,
        code_digest.imports,
        code_digest.closure,
        code_digest.of,
        recipe.modules,
    ):
        function.cache_clear()


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("game.py", {"record", "demonstrations", "runs", "evaluations", "random"}),
        ("expert.py", {"record", "demonstrations", "runs", "evaluations"}),
        ("mlp.py", {"runs", "evaluations"}),
    ],
)
def test_an_edit_of_a_file_changes_the_keys_of_what_uses_it_and_no_other(tmp_path, file, changed):
    shutil.copytree(ROOT / "extensions/foraging", tmp_path / "own")
    own = [str(tmp_path / "own" / name) for name in ("game.py", "expert.py", "mlp.py")]
    values = example(extensions=own).model_dump(mode="json")
    breakout = yaml.safe_load((ROOT / "params.yaml").read_text())["games"]["breakout"]
    values["games"]["breakout"] = breakout
    values["games"]["wide"] = {**values["games"]["foraging"], "game": "foraging"}

    def found() -> dict:
        forget()
        known = keys.Keys(params.check(values), ROOT)
        assert known.demos("wide") == known.demos("foraging"), "sections share demonstrations"
        return {**known.all(), "random": {game: known.random_key(game) for game in values["games"]}}

    try:
        before, path = found(), tmp_path / "own" / file
        path.write_text(path.read_text() + "\n# a remark\n")
        assert found() == before
        path.write_text(path.read_text() + "\nMORE = 1\n")
        after = found()
    finally:
        forget()
        example()
    for step in ("record", "demonstrations", "runs", "evaluations", "random"):
        other = {name for name in before[step] if before[step][name] != after[step][name]}
        assert all(not name.startswith("breakout") for name in other)
        assert bool(other) == (step in changed), step
    assert before["table"] != after["table"]


@pytest.mark.parametrize(
    ("change", "value", "first"),
    [
        ("emulator__options", {"side": 7}, "record"),
        ("expert__noise", 0.1, "record"),
        ("expert__file", "LICENSE", "record"),
        ("demonstrations__lanes", 4, "record"),
        ("train__frames", 2, "runs"),
        ("grid__flops", "6nd", "runs"),
    ],
)
def test_parameters_of_an_extensions_game_change_what_depends_on_them(change, value, first):
    before, after = (keys.Keys(p, ROOT).all() for p in (example(), example(**{change: value})))
    for step in ("record", "demonstrations", "runs", "evaluations"):
        changed = set(before[step].values()).isdisjoint(after[step].values())
        assert changed == (first == "record" or step in ("runs", "evaluations")), step


def test_an_episode_is_a_function_of_its_seed_alone():
    game = example().games["foraging"]
    act = brought.player(game.expert, games.of("foraging", game))

    def scores(lanes, seeds):
        vector = games.make("gymnasium", "foraging", lanes, game.emulator)
        return play.rollout(vector, act, seeds=seeds)

    alone, beside = scores(1, [3, 4, 5, 6, 7]), scores(3, [7, 6, 5, 4, 3])
    assert list(alone.returns) == list(beside.returns[::-1]) and alone.returns.std() > 0
    assert list(alone.lengths) == [200] * 5 and not alone.truncated.any()
    cut = games.make("gymnasium", "foraging", 2, gymnasium_section.Options(max_steps=7))
    played = play.rollout(cut, act, seeds=range(3))
    assert list(played.lengths) == [7] * 3 and played.truncated.all()


@settings(max_examples=10, deadline=None)
@given(
    size=st.integers(1, 40),
    batch=st.integers(1, 3),
    frames=st.integers(1, 4),
    actions=st.integers(2, 18),
    observation=st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple),
)
def test_exact_ledger_of_the_family_is_pytorchs_count(size, batch, frames, actions, observation):
    example()
    shape = {"frames": frames, "actions": actions, "observation": observation}
    ledger = flops.ledger("mlp", size, **shape)
    model = policies.build("mlp", size, **shape)
    seen = torch.zeros(batch, frames, *observation, dtype=torch.uint8)
    assert flops.counted(model, seen) == (batch * ledger.forward, batch * ledger.training)
    assert ledger.params == sum(p.numel() for p in model.parameters())
    flops.refuse_miscounted(ledger, model, seen)
    with pytest.raises(TrainingError, match="PyTorch counts"):
        flops.refuse_miscounted(flops.ledger("mlp", size + 1, **shape), model, seen)


def test_families_see_what_games_show():
    study = example()
    game = study.games["foraging"]
    sizes = plan.buildable("foraging", game, 2_000)
    assert sizes[0][0] == 1 and sizes[-1][1] > 2_000
    with pytest.raises(ParamsError, match="'cnn' sees screens"):
        plan.cells(example(grid__family="cnn"))
    # An extension's family plays Atari, too.
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    values["extensions"] = [FAMILY]
    values["games"]["breakout"]["grid"] |= {"family": "mlp", "max_epochs": 20.0}
    cells = plan.cells(params.check(values))
    assert any(cell.run.family == "mlp" and cell.declared for cell in cells)


BROKEN = {
    "nothing": ("x = 1\n", "defines none of DOMAIN, GAME, EXPERT, FAMILY"),
    "raises": ("\n\n1 / 0\n", r"ZeroDivisionError.*\n.*raises.py, line 3"),
    "syntax": ("def f(:\n", r"SyntaxError.*\n.*syntax.py, line 1"),
    "absent": ("import game\n", "ModuleNotFoundError"),
    "wrong": ("GAME = 3\n", r"no ilscaling\.domains\.gymnasium\.entries\.Game but 3"),
    "named": (
        "from ilscaling.domains.gymnasium.entries import Game\nGAME = Game('Big-1', print)\n",
        "no name",
    ),
    "calls": (
        "from ilscaling.domains.expert import Expert\nEXPERT = Expert('a', 3)\n",
        "be called",
    ),
    "ends": ("import sys\nsys.exit(3)\n", r"SystemExit: 3\n.*ends.py, line 2"),
    "silent": (
        "class Odd(Exception):\n    def __str__(self):\n        return 1 / 0\nraise Odd\n",
        r"Odd: a Odd that cannot be shown\n.*silent.py, line 4",
    ),
    "binary": (b"\x00\x01\xff", "SyntaxError"),
    "utf16": ("x = 1\n".encode("utf-16"), "SyntaxError"),
    "taken": (
        "from ilscaling.policies.family import Family\nFAMILY = Family('cnn', print, print)\n",
        "'cnn' of FAMILY is taken: it is built in",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_says_what_and_where(tmp_path, name):
    text, message = BROKEN[name]
    path = tmp_path / f"{name}.py"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ExtensionError, match=message) as error:
        registry.load([str(path)])
    assert str(path) in error.value.where and error.value.fix


def test_what_is_no_extension_at_all_is_refused(tmp_path):
    """A folder of something else, a file of another kind, a pipe, a link to itself; in a folder a
    module that is broken, and one that nothing imports."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("x = 1\n")
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "loop.py").symlink_to("loop.py")
    for name in ("empty", "notes.txt", "pipe.py", "loop.py", "/dev/zero"):
        with pytest.raises(ExtensionError, match=r"is missing|is a Python file or a folder"):
            registry.load([str(tmp_path / name)])
    package = tmp_path / "package"
    shutil.copytree(ROOT / "extensions/foraging", package)
    (package / "__init__.py").write_text("from .game import GAME\nfrom . import broken\n")
    (package / "broken.py").write_text("\ndef f(:\n")
    with pytest.raises(ExtensionError, match=r"SyntaxError.*\n.*broken.py, line 2"):
        registry.load([str(package)])
    (package / "__init__.py").write_text("from .game import GAME\n")
    registry.load([str(package)])
    with pytest.raises(ExtensionError, match="the file is no Python") as error:
        code_digest.of(registry.files("GAME", "foraging"))
    assert error.value.where == str(package / "broken.py")


def test_names_of_no_extension_and_of_two(tmp_path):
    with pytest.raises(ExtensionError, match="file of an extension is missing"):
        example(extensions=["extensions/none.py"])
    with pytest.raises(ExtensionError, match="there is no game 'forraging'") as error:
        example(game="forraging")
    assert "'foraging'" in error.value.fix and "games.foraging.game" in error.value.where
    with pytest.raises(ExtensionError, match="no family 'mpl'"):
        example(grid__family="mpl")
    with pytest.raises(ParamsError, match="does not see what the domain"):
        example(grid__family="lstm")
    shutil.copy(ROOT / GAME, tmp_path / "again.py")
    with pytest.raises(ExtensionError, match=f"is taken: {GAME} uses it, too"):
        registry.load([GAME, str(tmp_path / "again.py")])


class Bad(gymnasium.Env):
    """A game that breaks one promise."""

    observation_space = spaces.Box(-1, 1, (3,), np.float64)
    action_space = spaces.Discrete(2)

    def __init__(self, seen=None, does=None, forgets: bool = False):
        self.observation_space = seen or self.observation_space
        self.action_space = does or self.action_space
        self.forgets = forgets

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed if not self.forgets else None)
        return self.np_random.uniform(-1, 1, 3), {}

    def step(self, action):
        return self.np_random.uniform(-1, 1, 3), 1.0, False, False, {}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Bad(does=spaces.Box(0, 1, (2,))), "action space"),
        (lambda: Bad(seen=spaces.Discrete(4)), "observation space"),
        (lambda: 3, "returns 3"),
        (lambda: 1 / 0, "cannot be made: ZeroDivisionError"),
    ],
)
def test_a_game_that_no_policy_could_play_is_refused(monkeypatch, make, message):
    known = registry._Brought(entries.Game("bad", make), "bad.py")
    monkeypatch.setitem(registry._brought, ("GAME", "bad"), known)
    with pytest.raises(GameError, match=message) as error:
        games.spec("gymnasium", "bad")
    assert "bad.py" in error.value.where


def test_a_game_or_expert_that_does_not_keep_its_promise_is_refused(monkeypatch):
    def known(kind, what):
        monkeypatch.setitem(registry._brought, (kind, "bad"), registry._Brought(what, "bad.py"))

    known("GAME", entries.Game("bad", Bad))
    gymnasium_game.refuse_unseeded("bad", gymnasium_section.Options(), seed=0)
    spec = games.spec("gymnasium", "bad")
    assert spec.observation["observation"] == ((3,), np.dtype(np.float32))
    known("GAME", entries.Game("bad", lambda: Bad(forgets=True)))
    with pytest.raises(GameError, match="same seed and actions differ"):
        gymnasium_game.refuse_unseeded("bad", gymnasium_section.Options(), seed=0)
    seen = {"observation": np.zeros((2, 3), np.float32)}
    for answer, message in (
        (np.ones((2, 3)), r"shape \(2, 3\)"),
        (np.zeros((2, 2)), "0 for every action"),
        (np.full((2, 2), np.nan), "finite"),
    ):
        known("EXPERT", expert.Expert("bad", lambda file, a=answer: lambda o, fresh: a))
        act = brought.player(gymnasium_section.GymnasiumExpert(name="bad"), spec)
        with pytest.raises(ExpertError, match=message):
            act(seen, np.zeros(2), np.ones(2, bool))
    known("EXPERT", expert.Expert("bad", lambda file: lambda o, fresh: np.array([[1.0, 3.0]] * 2)))
    for changes, wanted in (
        ({}, [0.25, 0.75]),
        ({"temperature": 0.5}, [0.1, 0.9]),
        ({"temperature": 0.0, "noise": 0.2}, [0.1, 0.9]),
    ):
        act = brought.player(gymnasium_section.GymnasiumExpert(name="bad", **changes), spec)
        assert np.allclose(act(seen, np.zeros(2), np.ones(2, bool)), wanted)


def test_code_of_the_page_is_that_of_the_files():
    """Each file is short, and is what the page shows of it; test_domains runs the others."""
    page = (ROOT / "docs/extending.md").read_text()
    blocks = re.findall(r"```(python|yaml)\n# (\S+\.\S+)\n(.*?)```", page, re.DOTALL)
    shown = {name for _, name, _ in blocks}
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "extensions").rglob("*.py")}
    # To use, not to learn from; the page links the first, docs/sparse.md shows the others.
    files.remove("extensions/forms/sigmoid.py")
    files -= {name for name in files if name.startswith("extensions/minatar/")}
    assert shown == files | {"studies/foraging.yaml"}
    for name in files:
        assert len((ROOT / name).read_text().splitlines()) < 60, name
    for _, name, text in blocks:
        whole = (ROOT / name).read_text()
        for piece in text.split("...\n"):
            assert piece.strip("\n") in whole, f"{name}:\n{piece}"
