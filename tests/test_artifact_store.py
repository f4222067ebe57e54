"""The store of finished artefacts, DVC's view of it, and what is published, without a pipeline."""

import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import psutil
import pytest
from test_keys import study as keys_of

from ilscaling import files
from ilscaling.errors import WorkflowError
from ilscaling.pipeline import (
    artifact_store,
    code_snapshot,
    demonstrations_lock,
    figure_metadata,
    job_lock,
    manifest,
    pipeline_lock,
    publication,
    result_folder,
    watchdog,
)


def write(path: str | Path, text: str = "x") -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")
    return Path(path)


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ILSCALING_STORE", raising=False)
    return tmp_path


def made(keys, run) -> manifest.Expected:
    """Write a finished run to disk."""
    folder = keys.run_dir(run)
    one = next(n for n in manifest.expected(keys, "runs") if str(n.path) == folder)
    records = [name for name in one.names if name[0].isdigit() and name.endswith(".json")]
    for name in records:
        weights = write((one.path / name).with_suffix(".safetensors"), f"weights {name}")
        record = {"status": "done", "sha256": files.sha256(weights)}
        write(one.path / name, json.dumps(record))
    for name in one.names - set(one.lists):
        if name in manifest.COURSE:
            write(one.path / name)
    for name in one.lists:
        write(one.path / name, json.dumps({r: files.sha256(one.path / r) for r in records}))
    return one


def first_run(keys):
    return next(run for run in keys.runs if run.game == "breakout")


def test_the_store_is_that_of_the_project_in_a_temporary_experiment(here, monkeypatch):
    assert artifact_store.folder() == here / "data"
    write("data/runs/known")
    inside = here / ".dvc/tmp/exps/standalone/tmp1"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    artifact_store.open_store()
    assert Path("data/runs/known").exists()
    write("data/runs/new")
    assert (here / "data/runs/new").exists(), "what an experiment makes outlives it"


def test_another_store_does_not_hide_the_one_that_is_there(here, monkeypatch):
    write("data/runs/known")
    monkeypatch.setenv("ILSCALING_STORE", str(here / "elsewhere"))
    with pytest.raises(WorkflowError, match="there is a store here already"):
        artifact_store.open_store()


def view_of(keys, runs, monkeypatch) -> None:
    """Publish these runs of a study as the whole stage."""
    mine = [one for one in manifest.expected(keys, "runs") if str(one.path) in runs]
    monkeypatch.setattr(artifact_store, "expected", lambda *_: iter(mine))
    artifact_store.publish(keys, "runs")
    monkeypatch.undo()


def test_what_a_pull_brought_is_adopted_as_the_same_files(here, monkeypatch):
    keys = keys_of()
    one = made(keys, first_run(keys))
    write(one.path / ".half.0123abcd.tmp.safetensors")
    view_of(keys, {str(one.path)}, monkeypatch)
    monkeypatch.chdir(here)
    shown = artifact_store.in_view(one.path)
    inode = (shown / one.lists[0]).stat().st_ino
    assert not list(shown.glob(".*")), "what is half-written is not shown"
    for path in one.path.iterdir():
        path.unlink()
    artifact_store.adopt(keys)
    assert {path.name for path in one.path.iterdir()} == set(one.names)
    assert (one.path / one.lists[0]).stat().st_ino == inode


def test_a_torn_checkout_is_not_adopted_as_whole(here, monkeypatch):
    keys = keys_of()
    one = made(keys, first_run(keys))
    view_of(keys, {str(one.path)}, monkeypatch)
    monkeypatch.chdir(here)
    for path in one.path.iterdir():
        path.unlink()
    next(artifact_store.in_view(one.path).glob("[0-9]*.safetensors")).unlink()
    artifact_store.adopt(keys)
    assert not (one.path / one.lists[0]).exists()
    assert len(list(one.path.glob("*.safetensors"))) == len(
        one.names & {*manifest.COURSE}
    ) - 3 + len(list(artifact_store.in_view(one.path).glob("*.safetensors")))


@pytest.mark.parametrize("kind", ["json", "safetensors"])
def test_what_is_damaged_in_the_view_is_not_adopted(here, monkeypatch, kind):
    """Store and view are hard links to one file: removing the store's name heals nothing by itself.
    The size stays, as with a bad disk."""
    keys = keys_of()
    one = made(keys, first_run(keys))
    view_of(keys, {str(one.path)}, monkeypatch)
    monkeypatch.chdir(here)
    bad = next(one.path.glob(f"[0-9]*.{kind}"))
    content = bytearray(bad.read_bytes())
    content[len(content) // 2] ^= 1
    bad.write_bytes(content)
    for path in one.path.iterdir():
        path.unlink()
    artifact_store.adopt(keys)
    left = {path.name for path in one.path.iterdir()}
    assert bad.name not in left and not left & set(one.lists), "its job is due again"
    assert len({name for name in left if name[0].isdigit()}) == len(
        {name for name in one.names if name[0].isdigit()}
    ) - (1 if kind == "safetensors" else 2), "all else is taken over"


def test_the_view_holds_what_the_study_names_and_nothing_else(here, monkeypatch):
    wide = keys_of()
    budgets = wide.params.games["breakout"].grid.budgets
    narrow = keys_of(grid__budgets=list(budgets[:-1]))
    run = next(run for run in wide.runs if len(wide.runs[run]) > len(narrow.runs.get(run, ())) > 0)
    one = made(wide, run)
    view_of(wide, {str(one.path)}, monkeypatch)
    monkeypatch.chdir(here)
    shown = artifact_store.in_view(one.path)
    stranger = write("study/runs/breakout/cnn-9-s0-0123456789ab/1e+09.json")
    less = made(narrow, run)
    view_of(narrow, {str(less.path)}, monkeypatch)
    monkeypatch.chdir(here)
    assert not stranger.parent.exists()
    assert {path.name for path in shown.iterdir()} == set(less.names)
    assert {path.name for path in one.path.iterdir()} >= set(one.names), "the store keeps all"
    # DVC replaces links by copies before it runs a stage; they become links again.
    copy = shown / less.lists[0]
    text = copy.read_text()
    copy.unlink()
    copy.write_text(text)
    view_of(narrow, {str(less.path)}, monkeypatch)
    monkeypatch.chdir(here)
    assert copy.samefile(less.path / less.lists[0])


def without_links(*_, **__):
    raise OSError(errno.EXDEV, "Invalid cross-device link")


def test_where_there_are_no_links_the_view_holds_copies_and_says_so(here, monkeypatch, capsys):
    """`data` leads to another disk, or the file system knows no hard links."""
    keys = keys_of()
    one = made(keys, first_run(keys))
    monkeypatch.setattr(os, "link", without_links)
    pairs = [(one.path / name, artifact_store.in_view(one.path) / name) for name in one.names]
    pairs = [pair for pair in pairs if pair[0].exists()]
    folder = Path("study/runs")
    artifact_store._show(pairs, folder)
    assert f"are copied from {here / 'data'}" in capsys.readouterr().err
    assert all(source.read_bytes() == target.read_bytes() for source, target in pairs)
    # Once: an unchanged copy is not made again, a changed or missing one is.
    before = {target: target.stat().st_ino for _, target in pairs}
    lost, edited, *_ = before
    lost.unlink()
    edited.write_text("something else")
    artifact_store._show(pairs, folder)
    again = {target for target, inode in before.items() if target.stat().st_ino != inode}
    assert again <= {lost, edited} and edited.read_text() != "something else" and lost.exists()
    lost.unlink()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(WorkflowError, match=r"holds copies .* needs about .* 1 bytes are free"):
        artifact_store._show(pairs, folder)
    assert not lost.exists(), "nothing is copied where it does not fit"


def test_a_store_on_a_disk_that_is_not_mounted_is_named(here):
    Path("data").symlink_to(here / "disk/data")
    with pytest.raises(WorkflowError, match="leads to a folder that is not there") as refusal:
        artifact_store.open_store()
    subprocess.run(["sh", "-c", refusal.value.fix.split("   or   ")[1]], check=True)
    artifact_store.open_store()


@pytest.mark.parametrize("answer", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
@pytest.mark.filterwarnings("ignore:flock not supported")
def test_a_file_system_without_locks_still_has_one_pipeline_a_folder(here, monkeypatch, answer):
    def refuse(*_):
        raise OSError(answer, os.strerror(answer))

    monkeypatch.setattr(fcntl, "flock", refuse)
    lock = pipeline_lock.acquire(".snakemake")
    with pytest.raises(WorkflowError, match="another pipeline is running in this folder"):
        pipeline_lock.acquire(".snakemake")
    held = Path(lock.lock_file)
    assert held.read_text(encoding="utf-8").split()[0] == str(os.getpid())
    lock.release()
    # What a pipeline that was killed leaves behind does not last.
    script = "from ilscaling.pipeline import pipeline_lock; import fcntl, os\n"
    script += f"def no(*_): raise OSError({answer}, 'no')\n"
    script += "fcntl.flock = no; lock = pipeline_lock.acquire('.snakemake'); os._exit(9)"
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    subprocess.run([sys.executable, "-c", script], env=environment, check=False)
    assert held.exists()
    assert pipeline_lock.acquire(".snakemake").is_locked
    assert job_lock.acquire(Path("data/.locks/a.lock"), "a") > 0


def test_a_second_pipeline_waits_for_demonstrations_and_plans_anew(here):
    """It must not take the recordings that the first one removes for its own."""
    keys = keys_of()
    stamp = keys.demos_stamp("breakout")
    due = {stamp, *keys.parts("breakout")}
    first = demonstrations_lock.acquire(keys, due, due)
    with ThreadPoolExecutor() as pool:
        second = pool.submit(demonstrations_lock.acquire, keys, due, due, 0.01)
        assert not wait([second], timeout=0.1).done
        write(stamp)
        assert second.result(timeout=10) is None
        forced = pool.submit(demonstrations_lock.acquire, keys, due, set(), 0.01)
        assert not wait([forced], timeout=0.1).done, "its own jobs would take the recordings"
        for lock in first:
            lock.release()
        assert forced.result(timeout=10) is None
    assert demonstrations_lock.acquire(keys, due, due) is None, "made since it was planned"
    assert len(demonstrations_lock.acquire(keys, due, set())) == 2
    assert demonstrations_lock.acquire(keys, {"data/runs/any"}, set()) == []


def test_a_step_of_the_results_that_is_whole_is_not_made_again(here):
    """Another pipeline of the store may be reading it."""
    folder = Path("data/results/table-0123456789ab")
    write(folder / "results.csv")
    assert not result_folder.is_whole(folder)
    result_folder.write(folder, {})
    assert result_folder.is_whole(folder)
    write(folder / "results.csv", "edited")
    assert not result_folder.is_whole(folder)


def test_a_step_without_a_file_that_its_rule_promises_is_not_done(here):
    """Snakemake found it missing once; in the next run `done.json` was enough."""
    folder = Path("data/results/fit-0123456789ab")
    write(folder / "metrics.json")
    promised = [folder / name for name in ("metrics.json", "done.json", "laws/fits.json")]
    with pytest.raises(WorkflowError, match=r"ended without fits\.json"):
        result_folder.write(folder, {}, promised)
    assert not result_folder.is_whole(folder)
    write(folder / "laws/fits.json")
    result_folder.write(folder, {}, promised)
    assert result_folder.is_whole(folder)


def test_what_is_used_by_any_study_is_not_collected(here):
    keys = keys_of()
    one = made(keys, first_run(keys))
    other = write("data/runs/breakout/cnn-9-s0-0123456789ab/cells-0123456789ab.json").parent
    long_ago = time.time() - 40 * artifact_store.DAY
    for path in (one.path, other):
        os.utime(path, (long_ago, long_ago))
    artifact_store.mark_used(keys)
    assert artifact_store.unused(30) == [other]


@pytest.mark.parametrize("schedule", ["cosine", "wsd"])
def test_a_branch_of_a_failed_experiment_goes_on_from_its_state(here, monkeypatch, schedule):
    """An experiment works in the project's own store, so that nothing has to be brought back."""
    inside = here / ".dvc/tmp/exps/standalone/tmp1"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    artifact_store.open_store()
    keys = keys_of(train__schedule=schedule)
    folder = Path(keys.run_dir(first_run(keys)))
    write(folder / "state-1e+09.safetensors")
    monkeypatch.chdir(here)
    (inside / "data").unlink()
    inside.rmdir()
    assert (folder / "state-1e+09.safetensors").exists()


STEPS = {
    "table": {"results.csv": "a,b\n"},
    "fit": {"laws/fits.json": "[]", "laws/optima.csv": "", "metrics.json": "{}"},
    "figures": {"laws.png": "png"},
}


@pytest.fixture
def steps(here) -> dict[str, str]:
    """Folders of finished steps, published."""
    folders = {step: f"data/results/{step}-0123456789ab" for step in STEPS}
    for step, names in STEPS.items():
        for name, text in names.items():
            write(f"{folders[step]}/{name}", text)
        result_folder.write(Path(folders[step]), {})
    publication.publish(Path("results/default"), folders)
    return folders


@pytest.mark.parametrize(
    "name", ["metrics.json", "laws/optima.csv", "results.csv", "figures/laws.png", "keys/fit.json"]
)
@pytest.mark.parametrize("how", ["removed", "edited"])
def test_a_published_file_that_is_gone_or_edited_is_published_again(steps, name, how):
    target = Path("results/default")
    before = (target / name).read_bytes()
    assert publication.is_published(target, steps)
    (target / name).unlink() if how == "removed" else (target / name).write_text("{}x")
    assert not publication.is_published(target, steps)
    publication.publish(target, steps)
    assert publication.is_published(target, steps)
    assert (target / name).read_bytes() == before


def test_an_edited_table_is_refused_under_the_key_of_the_one_that_was_made(steps):
    write(f"{steps['table']}/results.csv", "a,b\n1,2\n")
    with pytest.raises(WorkflowError, match=r"not as it was made: results.csv"):
        result_folder.check(Path(steps["table"]))
    with pytest.raises(WorkflowError, match=r"not as it was made: results.csv"):
        publication.publish(Path("results/other"), steps)


def test_publications_of_two_studies_stand_side_by_side_and_hold_no_old_figures(steps):
    write("data/results/figures-ba9876543210/profiles.png")
    result_folder.write(Path("data/results/figures-ba9876543210"), {})
    other = {**steps, "figures": "data/results/figures-ba9876543210"}
    publication.publish(Path("results/wsd"), other)
    assert publication.is_published(Path("results/default"), steps)
    publication.publish(Path("results/default"), other)
    assert [p.name for p in Path("results/default/figures").iterdir()] == ["profiles.png"]
    assert not publication.is_published(Path("results/default"), steps)


def test_results_of_a_pull_are_adopted_if_they_are_whole(steps):
    for folder in steps.values():
        artifact_store.remove(Path(folder))
    publication.adopt(Path("results/default"), steps)
    assert all(result_folder.check(Path(folder)) for folder in steps.values())
    for folder in steps.values():
        artifact_store.remove(Path(folder))
    write("results/default/results.csv", "edited")
    publication.adopt(Path("results/default"), steps)
    assert not Path(steps["table"]).exists()


def test_jobs_run_the_code_that_was_there_when_the_keys_were_computed(here):
    """An edit while a pipeline runs changes neither its jobs nor what it began with."""
    code = write("src/ilscaling/__init__.py", "WHAT = 'before'\n").parent
    brought = write("extensions/game.py", "one")
    snapshot = code_snapshot.take(Path("src"), ("extensions/game.py",))
    snapshot.write()
    write(code / "__init__.py", "WHAT = 'after'\n")
    brought.write_text("two")
    print_it = [sys.executable, "-c", "import ilscaling; print(ilscaling.WHAT)"]
    environment = {**os.environ, "PYTHONPATH": snapshot.python_path}
    done = subprocess.run(print_it, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "before\n"
    assert Path(snapshot.extension("extensions/game.py")).read_text(encoding="utf-8") == "one"
    again = code_snapshot.take(Path("src"), ("extensions/game.py",))
    assert again.digest != snapshot.digest
    write(code / "__init__.py", "WHAT = 'later'\n")
    with pytest.raises(WorkflowError, match="changed while the pipeline started"):
        again.write()
    assert not again.folder.exists()


def test_pictures_name_their_keys_and_stay_pictures(here, study):
    from PIL import Image

    results = study.path / "results/default"
    for suffix in ("png", "gif", "svg"):
        file = next((results / "figures").glob(f"*.{suffix}"))
        step, key = figure_metadata.read(file)
        assert json.loads((results / f"keys/{step}.json").read_text())["key"] == key
        if suffix != "svg":
            with Image.open(file) as image:
                image.load()
    once = file.read_bytes()
    figure_metadata.write(file, "figures-ffffffffffff")
    assert file.read_bytes() == once, "a label is written once"


def test_why_leads_back_to_the_expert(study):
    for name in ("figures/laws.png", "results.csv", "laws/fits.json", "report.html"):
        text = study.run("ilscaling", "why", f"results/default/{name}").stdout
        for word in ("table ", "evaluation ", "run ", "demonstrations ", "expert ", "torch 2"):
            assert word in text, (name, word)
        assert "experts/breakout.safetensors (SHA-256" in text and "the built-in bot" in text
        assert "modules (train)" in text
    cell = next((study.path / "data/evaluations/nethack").glob("*/*e+07.json"))
    assert "the built-in bot" in study.run("ilscaling", "why", str(cell)).stdout
    assert "names no key" in study.run("ilscaling", "why", "README.md", ok=False).stdout


def test_jobs_of_a_dead_pipeline_are_stopped(tmp_path):
    """One that saves its state when asked, one that does not listen."""
    script = "import signal, time; signal.signal(15, {}); print(1, flush=True); time.sleep(60)"
    tag = f"0123 {tmp_path}"
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", script.format(handler)],
            env={**os.environ, watchdog.TAG: tag}, stdout=subprocess.PIPE,
        )
        for handler in ("signal.SIG_DFL", "signal.SIG_IGN")
    ]  # fmt: skip
    assert all(job.stdout.readline() for job in jobs)
    began = time.monotonic()
    watchdog.stop(f" {tmp_path}")
    assert not any(psutil.pid_exists(job.pid) for job in jobs)
    assert watchdog.GRACE <= time.monotonic() - began < watchdog.GRACE + 5
    for job in jobs:
        job.wait()
