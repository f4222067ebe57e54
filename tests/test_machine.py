"""Snakemake and DVC as one machine: the real tools, on a micro study, in temporary clones."""

import filecmp
import hashlib
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
from conftest import BIN, Workspace, copied, copy_project, jobs

pytestmark = pytest.mark.machine

RESULTS = ("figures", "results.csv", "laws/fits.json", "metrics.json", "headline.json")
FITTED = {
    "collect_table": 1, "fit": 1, "plot_figures": 1, "write_report": 1, "publish": 1,
}  # fmt: skip


def commit(workspace: Workspace, text: str) -> str:
    workspace.git("add", "-A")
    workspace.git("commit", "--allow-empty", "-qm", text)
    return workspace.git("rev-parse", "HEAD").stdout.strip()


def same(one: Path, other: Path, place: str = "results/default") -> bool:
    """Whether two folders hold the same results, byte for byte; `place`: in the second."""
    files = []
    for name in RESULTS:
        path = one / "results/default" / name
        files += sorted(path.iterdir()) if path.is_dir() else [path]
    there = [other / place / path.relative_to(one / "results/default") for path in files]
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
        "record": 1, "build_store": 1, "train": 2, "evaluate": 2, "evaluate_random": 1, **FITTED,
    }  # fmt: skip
    idle(origin)


def test_a_fresh_clone_has_nothing_to_do(origin, clone):
    idle(clone)
    assert same(origin.path, clone.path)


def test_a_damaged_object_of_the_cache_brings_no_damage(origin, clone):
    """DVC trusts an object that nobody may write, and a bad disk asks nobody: it brings the damage
    into the view without a word. What is damaged there is not taken over but made again."""
    shown = next(clone.path.glob("study/runs/breakout/cnn-1-*/6e+08.safetensors"))
    digest = hashlib.md5(shown.read_bytes()).hexdigest()
    cached = clone.path / f".dvc/cache/files/md5/{digest[:2]}/{digest[2:]}"
    content = bytearray(cached.read_bytes())
    content[-1] ^= 1
    cached.chmod(0o644)
    cached.write_bytes(content)
    cached.chmod(0o444)
    shutil.rmtree(clone.path / "study/runs")
    shutil.rmtree(clone.path / ".dvc/tmp")
    clone.run("dvc", "checkout")
    assert shown.read_bytes() == content
    assert jobs(clone.snakemake("runs", "--cores", "2").stdout) == {"train": 1}
    assert same(origin.path, clone.path)
    stored = next(clone.path.glob("data/runs/breakout/cnn-1-*/6e+08.safetensors"))
    assert hashlib.md5(stored.read_bytes()).hexdigest() == digest


def test_an_archive_is_a_remote_without_an_account(origin, copy, tmp_path):
    made = [tmp_path / "once", tmp_path / "again"]
    for folder in made:
        copy.run("python", "tools/archive.py", str(folder))
    tar, sums = sorted(made[0].iterdir())
    assert filecmp.cmp(tar, made[1] / tar.name, False)
    subprocess.run(["sha256sum", "--check", sums.name], cwd=made[0], check=True)
    subprocess.run(["tar", "-xf", tar], cwd=tmp_path, check=True)
    unpacked = tmp_path / tar.stem
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=unpacked, check=True)
    subprocess.run(["git", "clone", "-q", origin.path, tmp_path / "reader"], check=True)
    reader = Workspace(tmp_path / "reader")
    # As its README says, where the project's own remote is out of reach.
    said = (unpacked / "README").read_text(encoding="utf-8")
    (add,) = [line for line in said.splitlines() if "dvc remote add" in line]
    add = add.strip().removeprefix(".venv/bin/").replace("/PATH/TO/remote", f"{unpacked}/remote")
    reader.run(*add.split())
    reader.run("dvc", "pull")
    assert same(origin.path, reader.path, "study/results")
    # Nothing is packed that is not the commit's, and nothing left out.
    (copy.path / "params.yaml").write_text("study: other\n", encoding="utf-8")
    done = copy.run("python", "tools/archive.py", str(tmp_path), ok=False)
    assert done.returncode and "differ from the commit" in done.stdout
    copy.git("checkout", "-q", "params.yaml")
    objects = [path for path in (copy.path / ".dvc/cache/files/md5").rglob("*") if path.is_file()]
    next(path for path in objects if path.suffix != ".dir").unlink()
    done = copy.run("python", "tools/archive.py", str(tmp_path), ok=False)
    assert done.returncode and "dvc repro" in done.stdout


def test_a_reader_pulls_figures_only(origin, tmp_path):
    subprocess.run(["git", "clone", "-q", origin.path, tmp_path / "reader"], check=True)
    reader = Workspace(tmp_path / "reader")
    text = reader.run("make", "-o", "setup", "figures").stdout  # the tools are there
    assert "study/results/report.html" in text
    assert same(origin.path, reader.path, "study/results")
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
    trained = {path.name[:7] for path in clone.path.glob("study/runs/breakout/*")}
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
    left = [path.relative_to(clone.path).as_posix() for path in clone.path.glob("study/*/*/*/*")]
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
    assert same(origin.path, clone.path, "study/results")
    clone.snakemake("--cores", "1")
    assert same(origin.path, clone.path)
    idle(clone)


def test_a_new_seed_and_a_new_game_run_only_their_cells(clone):
    tiny = copy_params("tiny")["games"]["nethack"]
    tiny["grid"].update(sizes=[4, 6], budgets=tiny["grid"]["budgets"][:3])
    tiny["demonstrations"]["jobs"] = 1
    clone.set(games__breakout__grid__seeds=[0, 1], games__nethack=tiny)
    planned = clone.planned()
    new = {"train": 4, "evaluate": 4, "evaluate_random": 1, "record_nethack": 1, "ingest": 1}
    assert {name: planned[name] for name in new} == new
    assert "record" not in planned and "build_store" not in planned


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
        assert same(expected, copy.path, "study/results")
        copy.snakemake("--cores", "1")
        assert same(expected, copy.path)
        idle(copy)


def test_going_back_never_leaves_another_study_behind(copy):
    """By Snakemake alone: what has a fixed name belongs to the parameters of the last run."""
    fits = copy.path / "results/default/laws/fits.json"
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
    rules.write_text(text.replace('"exec python -m ilscaling.pipeline.fit_laws', '"false'))
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
    """A checkout that was killed leaves folders that call themselves finished: what they lack is
    taken from the store, or, in a clone that has none, made again."""
    view = copy.path / "study"
    torn = [
        next(view.glob("runs/breakout/cnn-1-*/6e+08.safetensors")),
        max(view.glob("demonstrations/*/demos.zarr/train/screen/c/**/*"), key=size),
        copy.path / "results/default/figures/laws.png",
        copy.path / "results/default/laws/fits.json",
    ]
    for path in torn:
        path.unlink()
    assert set(jobs(copy.snakemake("--cores", "2").stdout)) == {"publish"}
    assert same(origin.path, copy.path)
    # Without store and results, what is whole in the view is enough but for what was torn there.
    for folder in (copy.path / "data", view / "results", copy.path / "results/default"):
        shutil.rmtree(folder)
    for path in torn[:2]:
        path.unlink(missing_ok=True)
    made = jobs(copy.snakemake("--cores", "2").stdout)
    assert {"record", "build_store", "train"} <= set(made)
    assert same(origin.path, copy.path)


def size(path: Path) -> int:
    return path.stat().st_size


def test_any_study_is_run_by_its_name(copy):
    """A parameter names it, for DVC as for Snakemake; the other study's results stay."""
    (copy.path / "studies/lower.yaml").write_text("study: lower\nlaws: { level: 0.9 }\n")
    commit(copy, "another study")
    before = (copy.path / "results/default/laws/fits.json").read_bytes()
    text = copy.run("dvc", "exp", "run", "-S", "study=lower").stdout
    assert "train" not in jobs(text) and jobs(text)["fit"] == 1
    assert '"level": 0.9' in (copy.path / "results/lower/laws/fits.json").read_text()
    assert (copy.path / "results/default/laws/fits.json").read_bytes() == before
    idle(copy)


def test_a_docstring_wakes_no_stage(copy):
    """Both tools agree on what a change is: the keys."""
    module = copy.path / "src/ilscaling/learning/loop.py"
    module.write_text(module.read_text() + '\n"""Nothing new."""\n# nor here\n')
    text = copy.run("dvc", "repro").stdout
    assert "Running stage 'keys'" in text and text.count("Running stage") == 1
    assert copy.planned() == {}


def test_code_that_is_edited_while_a_pipeline_runs_runs_under_no_key_of_another(copy):
    """The edit comes between two jobs; what they make is what the code before it would make."""
    copy.set(games__breakout__train__ema=0.1)
    once = copied(copy, copy.path.parent / "once")
    once.snakemake("--cores", "2")
    shutil.rmtree(copy.path / ".snakemake/source")  # of the pipeline that made the origin
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("PYTHONPATH", None)
    process = subprocess.Popen(
        ["snakemake", "--cores", "1"], cwd=copy.path, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        while not list((copy.path / ".snakemake/source").glob("[0-9a-f]*/src")):
            assert process.poll() is None
            time.sleep(0.1)
        for module in ("measuring/loss.py", "tabulate.py", "laws/study.py"):
            (copy.path / "src/ilscaling" / module).write_text("raise SystemExit('edited')\n")
    finally:
        text, _ = process.communicate(timeout=600)
    assert process.returncode == 0, text
    assert same(once.path, copy.path)


def test_hard_links_of_the_cache_are_safe(origin, copy):
    """All is written under another name and renamed: DVC's cache may share the files."""
    copy.run("dvc", "config", "cache.type", "hardlink")
    copy.run("dvc", "checkout", "--relink")
    copy.set(games__breakout__grid__budgets=[3.0e8, 6.0e8, 1.2e9, 2.4e9])
    copy.run("dvc", "repro")
    copy.git("checkout", "-q", "-f", "HEAD")
    copy.run("dvc", "checkout")
    shutil.rmtree(copy.path / "results")
    copy.git("checkout", "-q", "--", "results")
    copy.planned()
    shutil.rmtree(copy.path / ".dvc/tmp")  # DVC's memory of hashes
    shutil.rmtree(copy.path / "data")
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
    assert refused.returncode != 0 and "no such study, commit or experiment" in refused.stdout
