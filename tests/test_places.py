"""Small studies where people's machines put them, and where machines fail them: minutes each, by
`make test-slow`."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from conftest import BIN, Workspace, copied, copy_project
from test_machine import same

pytestmark = pytest.mark.slow

# What a file system without hard links and locks answers to our programs.
BARE = """
import errno, fcntl, os
def refuse(*_, **__):
    raise OSError(errno.EOPNOTSUPP, "Operation not supported")
os.link = fcntl.flock = fcntl.lockf = refuse
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Workspace:
    """The least study, finished."""
    study = copy_project(tmp_path_factory.mktemp("made") / "study", micro=True)
    study.snakemake("--cores", "2", timeout=1800)
    return study


def undone(made: Workspace, target: Path) -> Workspace:
    """A copy of the study that has its demonstrations and is to be trained, measured and fitted."""
    study = copied(made, target)
    for name in ("data/runs", "data/evaluations", "data/results", "results/default", "logs"):
        shutil.rmtree(study.path / name)
    return study


def start(study: Workspace, *command: str, **extra: str) -> subprocess.Popen:
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **extra}
    environment.pop("PYTHONPATH", None)
    return subprocess.Popen(
        command, cwd=study.path, env=environment, text=True, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def ours(study: Workspace, text: str) -> list[str]:
    """Lines of frames of our code in what was printed or logged."""
    logs = [path.read_text(encoding="utf-8") for path in study.path.glob("logs/*/*.log")]
    lines = "\n".join([text, *logs]).splitlines()
    return [line for line in lines if line.strip().startswith("File ") and "ilscaling/" in line]


def test_a_study_runs_in_a_folder_of_any_name_without_home_or_git(tmp_path):
    """Blank, quotes, bracket, dollar, umlaut and a command; a container's user; a notebook's shell;
    a locale that is not UTF-8."""
    study = copy_project(tmp_path / "für 'x' [a] \"$HOME\" $(touch harm)", micro=True)
    without = tmp_path / "bin"
    without.mkdir()
    (without / "git").write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
    (without / "git").chmod(0o755)
    environment = {
        "HOME": "/proc/nowhere",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "LC_ALL": "C",
    }
    command = f'PATH="{without}:$PATH" exec snakemake --cores 2'
    done = study.run("sh", "-c", command, timeout=1800, **environment)
    assert "Traceback" not in done.stdout
    assert (study.path / "results/default/report.html").is_file()
    assert not list(Path(study.path).rglob("harm")) and not Path("harm").exists()
    assert study.planned() == {}


@pytest.fixture
def mount(tmp_path):
    """Mounts something on a new folder, for the test's time."""
    places = []

    def mount(*arguments: str) -> Path:
        place = tmp_path / f"mount{len(places)}"
        place.mkdir()
        done = subprocess.run(["mount", *arguments, place], capture_output=True, check=False)
        if done.returncode:
            pytest.skip("only root may mount here")
        places.append(place)
        return place

    yield mount
    for place in places:
        subprocess.run(["umount", "--lazy", place], check=True)


def fill(disk: Path) -> Path:
    """A file that takes all that is left of a disk."""
    filler = disk / "filler"
    with open(filler, "wb", buffering=0) as file:
        for size in (2**20, 2**12, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
    return filler


def test_a_disk_that_is_full_in_the_middle_of_a_job_ends_in_words_and_the_same_command_goes_on(
    made, mount
):
    """Jobs, their logs and Snakemake's own find no room."""
    disk = mount("-t", "tmpfs", "-o", "size=300m", "tmpfs")
    study = undone(made, disk / "study")
    process = start(study, "snakemake", "--cores", "1")
    while not list(study.path.glob("logs/train/*.log")):
        assert process.poll() is None
        time.sleep(0.05)
    filler = fill(disk)
    text, _ = process.communicate(timeout=1200)
    assert process.returncode != 0
    assert ours(study, text) == [], text[-4000:]
    filler.unlink()
    study.snakemake("--cores", "2", timeout=1800)
    assert same(made.path, study.path) and study.planned() == {}
    assert not list((study.path / "data").rglob(".*.tmp*"))


def test_a_folder_that_cannot_be_written_is_refused(made, mount):
    study = Workspace(mount("--bind", str(made.path)))
    subprocess.run(["mount", "-o", "remount,ro,bind", study.path], check=True)
    for command in (("snakemake", "-n"), ("snakemake", "--cores", "1")):
        refused = study.run(*command, ok=False)
        assert refused.returncode and "Traceback" not in refused.stdout
        assert "the project's folder cannot be written" in refused.stdout
    table, out = "results/default/results.csv", ("--out", "laws")
    refused = study.run("ilscaling", "fit", table, *out, ok=False)
    assert "Read-only file system" in refused.stdout and "Traceback" not in refused.stdout
    for command in (("why", table), ("plan",)):
        assert "Traceback" not in study.run("ilscaling", *command).stdout


def test_a_study_runs_within_few_files_and_little_memory(made, tmp_path):
    study = undone(made, tmp_path / "study")
    limits = "ulimit -n 64 && ulimit -v 4000000 && exec snakemake --cores 1"
    done = study.run("sh", "-c", limits, timeout=1800, OMP_NUM_THREADS="1")
    assert "Traceback" not in done.stdout
    assert same(made.path, study.path) and study.planned() == {}


@pytest.mark.skipif(shutil.which("faketime") is None, reason="needs Debian's faketime")
def test_a_clock_that_is_set_back_ends_in_words_and_changes_nothing(made, tmp_path):
    """Everything there is of the future: Snakemake refuses outputs older than their inputs."""
    study = copied(made, tmp_path / "study")
    early = ("faketime", "-f", "-3650d", "snakemake", "--cores", "1")
    real = {
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # else waiting for threads never ends
        "SLURM_CONF": "/dev/null",  # where Slurm is installed, its plugin would ask the network
    }
    assert "Nothing to be done" in study.run(*early, **real).stdout
    shutil.rmtree(study.path / "data/results")
    shutil.rmtree(study.path / "results/default")
    refused = study.run(*early, ok=False, timeout=1800, **real).stdout
    assert "older modification time" in refused and "Traceback" not in refused
    study.snakemake("--cores", "2")
    assert same(made.path, study.path) and study.planned() == {}
    assert study.run("ilscaling", "gc").stdout.startswith("0 of "), "nothing is taken for unused"


def test_two_clones_share_a_store_at_once(made, tmp_path):
    """Either may be first, and neither stops for what the other has made or removed."""
    shared = {"ILSCALING_STORE": str(tmp_path / "shared")}
    studies = [copied(made, tmp_path / name) for name in ("one", "other")]
    for study in studies:
        for name in ("data", "results/default", "logs"):
            shutil.rmtree(study.path / name)
    both = [start(study, "snakemake", "--cores", "1", **shared) for study in studies]
    texts = [process.communicate(timeout=2400)[0] for process in both]
    for study, process, text in zip(studies, both, texts, strict=True):
        assert ours(study, text) == []
        assert process.returncode == 0, text[-4000:]
        assert same(made.path, study.path)
        assert "Nothing to be done" in study.snakemake("-n", **shared).stdout
    assert not list((tmp_path / "shared").rglob(".*.tmp*"))


def test_a_study_runs_without_hard_links_and_locks(made, tmp_path):
    study = undone(made, tmp_path / "study")
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare/sitecustomize.py").write_text(BARE, encoding="utf-8")
    bare = {"PYTHONPATH": str(tmp_path / "bare")}
    assert ours(study, study.snakemake("--cores", "1", timeout=1800, **bare).stdout) == []
    assert same(made.path, study.path) and study.planned() == {}
    assert "are copied from" in study.run("ilscaling", "publish", "runs", **bare).stdout
    assert "are copied" not in study.run("ilscaling", "publish", "runs", **bare).stdout
    assert not any(path.stat().st_nlink > 1 for path in study.path.glob("study/runs/*/*/*"))
