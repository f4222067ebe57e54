"""Any sequence of edits ends where a clean clone of the last state begins, by each tool.

One sequence a tool by `make test-machine`; twelve by PYTEST_ARGS=--edit-sequences=12.
"""

import random
import shutil
from collections.abc import Callable

import pytest
import yaml
from conftest import Workspace, copied, copy_project
from test_machine import commit, same

pytestmark = pytest.mark.machine
EDITS_EACH = 2
MADE = ("data", "study", "results/default", ".snakemake", ".dvc/cache", ".dvc/tmp")


def setting(**values) -> Callable[[dict], None]:
    """An edit of the only section: a__b=1."""

    def edit(params: dict) -> None:
        (section,) = params["games"].values()
        for path, value in values.items():
            *parents, last = path.split("__")
            place = section
            for part in parents:
                place = place[part]
            place[last] = value

    return edit


def rename(params: dict) -> None:
    ((name, section),) = params["games"].items()
    params["games"] = {"breakout__again" if name == "breakout" else "breakout": section}


EDITS: dict[str, Callable[[dict], object]] = {
    "level": lambda params: params["laws"].update(level=0.8),
    "evaluation seed": setting(evaluation__seed=7),
    "budget in between": setting(grid__budgets=[3.0e8, 6.0e8, 9.0e8, 1.2e9]),
    "fewer demonstrations": setting(demonstrations__train_steps=1000),
    "wsd": setting(train__schedule="wsd"),
    "cooldown": setting(train__schedule="wsd", train__cooldown=0.4),
    "renamed section": rename,
    "back": setting(grid__budgets=[3.0e8, 6.0e8, 1.2e9], train__schedule="constant"),
}
COMMANDS = {
    "snakemake": ("snakemake", "--cores", "2"),
    "dvc repro": ("dvc", "repro"),
    "dvc exp run": ("dvc", "exp", "run"),
    "git checkout": ("dvc", "repro"),
}


@pytest.fixture(scope="module")
def beginning(tmp_path_factory) -> Workspace:
    """A finished micro study, committed."""
    workspace = copy_project(tmp_path_factory.mktemp("beginning") / "project", micro=True)
    workspace.run("dvc", "repro", timeout=1800)
    commit(workspace, "results")
    return workspace


def edit(workspace: Workspace, name: str) -> None:
    path = workspace.path / "params.yaml"
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    EDITS[name](params)
    path.write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory) -> Callable[[Workspace], Workspace]:
    """Makes the study of a workspace where nothing was ever made; once for the same parameters."""
    made: dict[str, Workspace] = {}

    def clean(workspace: Workspace) -> Workspace:
        text = (workspace.path / "params.yaml").read_text(encoding="utf-8")
        if text not in made:
            clone = copied(workspace, tmp_path_factory.mktemp("clean") / "project")
            for name in MADE:
                shutil.rmtree(clone.path / name, ignore_errors=True)
            clone.snakemake("--cores", "2", timeout=1800)
            made[text] = clone
        return made[text]

    return clean


def pytest_generate_tests(metafunc):
    if "number" in metafunc.fixturenames:
        metafunc.parametrize("number", range(metafunc.config.getoption("--edit-sequences")))


@pytest.mark.parametrize("tool", COMMANDS)
def test_a_sequence_of_edits_ends_as_a_clean_clone(tool, number, beginning, cleaned, tmp_path):
    chance = random.Random(number)  # the same edits by each tool, so that a clean clone serves four
    workspace = copied(beginning, tmp_path / "edited")
    commits = [workspace.git("rev-parse", "HEAD").stdout.strip()]
    names = chance.sample(sorted(EDITS), EDITS_EACH)
    for name in names:
        edit(workspace, name)
        workspace.run(*COMMANDS[tool], timeout=1800)
        if tool == "git checkout":
            commits.append(commit(workspace, name))
    if tool == "git checkout":
        workspace.git("checkout", "-q", "-f", chance.choice(commits[:-1]))
        workspace.run("dvc", "checkout")
        workspace.snakemake("--cores", "2")
    assert same(cleaned(workspace).path, workspace.path), f"{tool}: {', '.join(names)}"
    assert workspace.planned() == {}
