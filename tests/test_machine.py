"""Snakemake and DVC as one machine: the real tools, on a micro study, in temporary clones."""

import filecmp
import json
import os
import random
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from conftest import Workspace, copied, copy_project, jobs

pytestmark = pytest.mark.machine

RESULTS = ("figures", "results.csv", "laws/fits.json", "metrics.json", "headline.json")
FITTED = {"table": 1, "fit": 1, "headline": 1, "figures": 1, "report": 1}


def commit(workspace: Workspace, text: str) -> str:
    workspace.git("add", "-A")
    workspace.git("commit", "--allow-empty", "-qm", text)
    return workspace.git("rev-parse", "HEAD").stdout.strip()


def same(one: Path, other: Path) -> bool:
    """Whether two folders hold the same results, byte for byte."""
    files = []
    for name in RESULTS:
        path = one / "results" / name
        files += sorted(path.iterdir()) if path.is_dir() else [path]
    there = [other / path.relative_to(one) for path in files]
    return all(b.is_file() and filecmp.cmp(a, b, False) for a, b in zip(files, there, strict=True))


def idle(workspace: Workspace) -> None:
    """Both tools find nothing to do, and quickly."""
    assert workspace.planned() == {}
    began = time.monotonic()
    text = workspace.run("dvc", "repro").stdout
    assert "Data and pipelines are up to date" in text and "Running stage" not in text
    assert time.monotonic() - began < 30
    assert "Data and pipelines are up to date" in workspace.run("dvc", "status").stdout
    assert workspace.planned() == {}


@pytest.fixture(scope="session")
def origin(tmp_path_factory) -> Workspace:
    """A finished micro study, made by `dvc repro`, committed, and pushed to a remote folder."""
    base = tmp_path_factory.mktemp("origin")
    workspace = copy_project(base / "project", micro=True)
    workspace.run("dvc", "remote", "add", "-d", "store", str(base / "remote"))
    workspace.log = workspace.run("dvc", "repro", timeout=1200).stdout
    commit(workspace, "results")
    workspace.run("dvc", "push")
    return workspace


@pytest.fixture
def copy(origin, tmp_path) -> Workspace:
    """The finished study with all that stands beside it, to change at will."""
    return copied(origin, tmp_path / "copy")


@pytest.fixture
def clone(origin, tmp_path) -> Workspace:
    """A fresh clone after `dvc pull`: no metadata, no store, and mtimes in any order."""
    subprocess.run(["git", "clone", "-q", origin.path, tmp_path / "clone"], check=True)
    workspace = Workspace(tmp_path / "clone")
    workspace.run("dvc", "pull")
    chance = random.Random(0)
    for path in sorted(p for p in workspace.path.rglob("*") if ".git" not in p.parts):
        if path.is_file() and ".dvc" not in path.parts:
            moment = chance.uniform(1.0e9, 1.7e9)
            os.utime(path, (moment, moment))
    assert not (workspace.path / ".snakemake").exists()
    return workspace


def test_repro_makes_everything_once(origin):
    assert jobs(origin.log) == {
        "record": 1, "shard": 1, "train": 2, "evaluate": 2, "random": 1, **FITTED,
    }  # fmt: skip
    idle(origin)


def test_a_fresh_clone_has_nothing_to_do(origin, clone):
    idle(clone)
    assert same(origin.path, clone.path)


def test_a_reader_pulls_figures_only(origin, tmp_path):
    subprocess.run(["git", "clone", "-q", origin.path, tmp_path / "reader"], check=True)
    reader = Workspace(tmp_path / "reader")
    text = reader.run("make", "-o", "setup", "figures").stdout  # the tools are there
    assert "results/report.html" in text
    assert same(origin.path, reader.path)
    assert not (reader.path / "data").exists()


@pytest.mark.parametrize("how", ["workspace", "temp", "queue"])
def test_an_experiment_retrains_the_cells_that_it_touches(clone, how):
    """The rule of the rate changes at size 2 alone."""
    change = ("-S", "games.breakout.train.rate.power=0.5")
    if how == "queue":
        clone.run("dvc", "exp", "run", "--queue", *change, "--name", "queued")
        clone.run("dvc", "queue", "start")
        deadline = time.monotonic() + 600
        while "Running" in (status := clone.run("dvc", "queue", "status").stdout) or (
            "Queued" in status and time.monotonic() < deadline
        ):
            assert time.monotonic() < deadline, status
            time.sleep(2)
        text = clone.run("dvc", "queue", "logs", "queued").stdout
        clone.run("dvc", "queue", "stop")
    else:
        where = ["--temp"] if how == "temp" else []
        text = clone.run("dvc", "exp", "run", *where, *change, "--name", "queued").stdout
    assert jobs(text) == {"train": 1, "evaluate": 1, **FITTED}
    if how != "workspace":
        clone.run("dvc", "exp", "apply", "queued")
    trained = {path.name[:7] for path in clone.path.glob("data/runs/breakout/*")}
    assert trained == {"cnn-1-s", "cnn-2-s"}, "the old key was pruned"
    idle(clone)


def test_a_larger_grid_runs_new_cells_and_a_smaller_one_prunes(origin, clone):
    base = (clone.path / "params.yaml").read_text()
    grid = yaml.safe_load(base)["games"]["breakout"]["grid"]
    clone.set(
        games__breakout__grid__sizes=[*grid["sizes"], 3],
        games__breakout__grid__budgets=[*grid["budgets"], 2.4e9],
    )
    text = clone.run("dvc", "repro").stdout
    assert jobs(text) == {"train": 3, "evaluate": 3, **FITTED}
    logs = {path.name[:14]: path.read_text() for path in clone.path.glob("logs/train/*")}
    # The bar of a run that goes on starts at the samples of its last state.
    first = {name: int(re.search(r"(\d+)%\|", log)[1]) for name, log in logs.items()}
    assert first["breakout-cnn-3"] < 50
    assert first["breakout-cnn-1"] >= 50 and first["breakout-cnn-2"] >= 50
    larger = commit(clone, "larger")

    (clone.path / "params.yaml").write_text(base)
    text = clone.run("dvc", "repro").stdout
    assert "train" not in jobs(text) and "evaluate" not in jobs(text)
    left = [path.relative_to(clone.path).as_posix() for path in clone.path.glob("data/*/*/*/*")]
    assert not [path for path in left if "cnn-3-" in path or "2.4e+09" in path]
    assert same(origin.path, clone.path)
    smaller = commit(clone, "smaller")

    # There and back computes nothing: DVC has no run cache of persistent outputs, the store has.
    clone.git("checkout", "-q", larger, "--", "params.yaml")
    shutil.rmtree(clone.path / ".dvc/cache/runs", ignore_errors=True)
    text = clone.run("dvc", "repro").stdout
    assert "train" not in jobs(text) and "evaluate" not in jobs(text)
    clone.git("checkout", "-q", "-f", smaller)
    clone.run("dvc", "checkout")
    assert same(origin.path, clone.path)
    idle(clone)


def test_a_new_seed_and_a_new_game_run_only_their_cells(clone):
    tiny = copy_params("tiny")["games"]["nethack"]
    tiny["grid"].update(sizes=[4, 6], budgets=tiny["grid"]["budgets"][:3])
    tiny["demonstrations"]["jobs"] = 1
    clone.set(games__breakout__grid__seeds=[0, 1], games__nethack=tiny)
    planned = clone.planned()
    assert {name: planned[name] for name in ("train", "evaluate", "random", "play", "ingest")} == {
        "train": 4, "evaluate": 4, "random": 1, "play": 1, "ingest": 1,
    }  # fmt: skip
    assert "record" not in planned and "shard" not in planned


def copy_params(name: str) -> dict:
    from ilscaling import params

    root = Path(__file__).resolve().parent
    return params.read(root.parent / "params.yaml", root / f"params/{name}.yaml").model_dump(
        mode="json"
    )


def test_an_old_commit_comes_back(origin, copy):
    old = copy.git("rev-parse", "HEAD").stdout.strip()
    copy.set(laws__level=0.8, games__breakout__grid__budgets=[3.0e8, 6.0e8, 1.2e9, 2.4e9])
    copy.run("dvc", "repro")
    new = commit(copy, "new")
    assert not same(origin.path, copy.path)
    shutil.copytree(copy.path / "results", copy.path.parent / "new/results")
    for revision, expected in ((old, origin.path), (new, copy.path.parent / "new")):
        copy.git("checkout", "-q", revision)
        copy.run("dvc", "checkout")
        assert same(expected, copy.path)
        idle(copy)


def test_going_back_never_leaves_another_study_behind(copy):
    """By Snakemake alone: what has a fixed name belongs to the parameters of the last run."""
    fits = copy.path / "results/laws/fits.json"
    before = fits.read_bytes()
    for level in (0.8, 0.95):
        copy.set(laws__level=level)
        copy.snakemake("--cores", "2")
        assert f'"level": {level}' in fits.read_text()
    assert fits.read_bytes() == before


def test_a_failed_experiment_keeps_its_cells(copy):
    """Fitting fails in a temporary folder, which DVC then deletes with all that was trained."""
    change = ("-S", "games.breakout.train.ema=0.1")
    rules = copy.path / "workflow/rules/results.smk"
    text = rules.read_text()
    rules.write_text(text.replace('"{ILSCALING} fit', '"false'))
    failed = copy.run("dvc", "exp", "run", "--temp", *change, ok=False)
    assert failed.returncode != 0 and jobs(failed.stdout)["train"] == 2
    assert not list(copy.path.glob(".dvc/tmp/exps/standalone/tmp*"))
    rules.write_text(text)
    assert set(jobs(copy.run("dvc", "exp", "run", "--temp", *change).stdout)) <= set(FITTED)
    # And what the experiment made is there for everybody.
    copy.set(games__breakout__train__ema=0.1)
    assert set(copy.planned()) <= {*FITTED, "all"}


def test_an_experiment_in_the_workspace_keeps_what_snakemake_made(copy):
    copy.set(games__breakout__train__warmup_steps=11)
    assert jobs(copy.snakemake("--cores", "2").stdout)["train"] == 2
    copy.git("checkout", "-q", "--", ".")
    copy.run("dvc", "exp", "run", "-S", "laws.level=0.9")
    copy.git("checkout", "-q", "-f", "HEAD")
    copy.set(games__breakout__train__warmup_steps=11)
    assert "train" not in jobs(copy.snakemake("--cores", "2").stdout)


def test_holes_are_mended(origin, copy):
    """A checkout that was killed leaves folders that call themselves finished."""
    for kept in (True, False):
        if not kept:
            shutil.rmtree(copy.path / ".ilscaling")
        snapshot = next(copy.path.glob("data/runs/breakout/cnn-1-*/6e+08.safetensors"))
        shard = max(
            copy.path.glob("data/demonstrations/*/demos.zarr/train/screen/c/**/*"),
            key=lambda path: path.stat().st_size,
        )
        figure = copy.path / "results/figures/laws.png"
        for path in (snapshot, shard, figure, copy.path / "results/laws/fits.json"):
            path.unlink()
        cells = copy.path.glob("data/runs/breakout/cnn-2-*/*e+0?.safetensors")
        inodes = {path: path.stat().st_ino for path in cells}
        made = jobs(copy.snakemake("--cores", "2").stdout)
        assert ("train" in made) == ("shard" in made) == (not kept), made
        # Where the demonstrations are made anew their runs are looked at again, not trained again.
        assert inodes == {path: path.stat().st_ino for path in inodes} and len(inodes) == 3
        assert same(origin.path, copy.path)


def test_hard_links_of_the_cache_are_safe(origin, copy):
    """All is written under another name and renamed: DVC's cache may share the files."""
    copy.run("dvc", "config", "cache.type", "hardlink")
    copy.run("dvc", "checkout", "--relink")
    copy.set(games__breakout__grid__budgets=[3.0e8, 6.0e8, 1.2e9, 2.4e9])
    copy.run("dvc", "repro")
    copy.git("checkout", "-q", "-f", "HEAD")
    copy.run("dvc", "checkout")
    shutil.rmtree(copy.path / ".dvc/tmp")  # DVC's memory of hashes
    shutil.rmtree(copy.path / ".ilscaling")
    assert "up to date" in copy.run("dvc", "status").stdout
    assert same(origin.path, copy.path)


def test_credentials_stay_out_of_git(copy):
    copy.run("dvc", "remote", "add", "far", "ssh://somebody@example.org/store")
    copy.run("dvc", "remote", "modify", "--local", "far", "password", "secret")
    assert "secret" in (copy.path / ".dvc/config.local").read_text()
    copy.git("add", "-A")
    assert "secret" not in copy.git("diff", "--cached").stdout
    assert copy.run("git", "check-ignore", ".dvc/config.local").returncode == 0


def test_experiments_are_compared(copy):
    """By DVC's own commands, by the table that fits a terminal, and on one page with figures."""
    copy.run("dvc", "exp", "run", "-S", "laws.level=0.9", "--name", "lower")
    base = copy.git("rev-parse", "HEAD").stdout.strip()
    shown = copy.run("python", "tools/experiments_table.py").stdout
    assert "lower" in shown and "level=0.9" in shown and max(map(len, shown.splitlines())) <= 100
    assert "laws.level" in copy.run("dvc", "params", "diff", base, "lower").stdout
    text = copy.run("dvc", "metrics", "diff", "--all", base, "lower").stdout
    assert "breakout.L" in text and "cells_done" not in text
    drawn = json.loads(copy.run("dvc", "plots", "diff", base, "lower", "--json").stdout)["data"]
    for name, facets in (("isoFLOP profiles", "panel"), ("laws", "law")):
        content = drawn[name][0]["content"]
        assert {row["rev"] for row in content["data"]["values"]} == {base, "lower"}
        assert content["facet"]["column"]["field"] == facets
    copy.run("ilscaling", "compare", base, "lower", "--out", "compare.html")
    page = (copy.path / "compare.html").read_text()
    assert page.count("data:image/png;base64") == 6 and "http" not in page.split("<style>")[0]
    assert "laws.level" in page and "independent" in page
    assert 'src="http' not in page
    refused = copy.run("ilscaling", "compare", base, "nosuch", ok=False)
    assert refused.returncode != 0 and "no such commit or experiment" in refused.stdout
