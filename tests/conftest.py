"""One tiny study, run once by the real tools, for every test that looks at a finished one."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from ilscaling import params

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
# Set in many containers: every process of every test would compile what it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Files of tests that wait for whole pipelines: begun last, one would keep a worker when the other
# has nothing left.
LONG = ("test_workflow", "test_planted", "test_recovery", "test_extensions")


def pytest_addoption(parser):
    parser.addoption(
        "--faults-seconds", type=float, default=600.0, help="of `make test-faults`, in all"
    )
    parser.addoption(
        "--edit-sequences", type=int, default=1, help="of each tool, by `make test-machine`"
    )


def pytest_collection_modifyitems(items):
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONG)))


@dataclass
class Workspace:
    """A copy of the project with tiny parameters, in a Git repository of its own."""

    path: Path

    def run(self, *command: str, ok: bool = True, timeout: int = 600, **extra: str):
        """Run a command there; returns the completed process, output and errors as one text."""
        environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        environment.pop("PYTHONPATH", None)
        environment |= extra
        done = subprocess.run(
            command, cwd=self.path, env=environment, timeout=timeout,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        if ok:
            assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-6000:]}"
        return done

    def snakemake(self, *arguments: str, **options):
        return self.run("snakemake", *arguments, **options)

    def git(self, *arguments: str):
        who = ["-c", "user.name=tester", "-c", "user.email=tester@example.org"]
        return self.run("git", *who, *arguments)

    def planned(self, *arguments: str) -> dict[str, int]:
        """Jobs that a dry run would do, by rule."""
        text = self.snakemake("-n", *arguments).stdout
        if "Nothing to be done" in text:
            return {}
        lines = text.split("Job stats:")[1].split("\n\n")[0].splitlines()[3:]
        jobs = dict(line.split() for line in lines if line.strip())
        return {rule: int(n) for rule, n in jobs.items() if rule != "total"}

    def set(self, **changes) -> None:
        """Change params.yaml: games__breakout__train__ema=0.1."""
        values = yaml.safe_load((self.path / "params.yaml").read_text())
        for path, value in changes.items():
            *parents, last = path.split("__")
            section = values
            for part in parents:
                section = section[part]
            section[last] = value
        (self.path / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))


def jobs(text: str) -> dict[str, int]:
    """Jobs by rule that the Snakemakes behind a command's output set out to do."""
    found: dict[str, int] = {}
    for table in text.split("Job stats:")[1:]:
        for line in table.split("\n\n")[0].splitlines()[3:]:
            rule, number = line.split()
            found[rule] = found.get(rule, 0) + int(number)
    targets = ("total", "all", "demonstrations", "runs", "evaluations")
    return {rule: number for rule, number in found.items() if rule not in targets}


def copy_project(target: Path, *overlays: Path, micro: bool = False) -> Workspace:
    """Copy what Git tracks or would track, and commit it with tiny parameters, or with less still:
    one game, two runs, three budgets; or with other overlays of the parameters."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes((ROOT / name).read_bytes())
    names = ("tiny", "micro") if micro else ("tiny",)
    files = overlays or [ROOT / f"tests/params/{name}.yaml" for name in names]
    values = params.read(ROOT / "params.yaml", *files).model_dump(mode="json")
    values["study"] = "default"  # with its own parameters, which no file of studies/ overrides
    if micro:
        del values["games"]["nethack"]
    (target / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    # Locks and metrics of the real study are not those of the tiny one.
    for name in ("dvc.lock", "results/default/metrics.json", "results/default/headline.json"):
        (target / name).unlink(missing_ok=True)
    workspace = Workspace(target)
    workspace.git("init", "-q")
    workspace.git("add", "-A")
    workspace.git("commit", "-qm", "tiny study")
    return workspace


def finished(workspace: Workspace, traced: Path) -> Workspace:
    """The workspace after its study was made, with the traces of all jobs; once for all of pytest's
    workers."""
    log = traced.with_suffix(".log")
    with FileLock(traced.with_suffix(".lock")):
        if not log.exists():
            traced.mkdir()
            trace = {"ILSCALING_TRACE": str(traced), "PYTHONPATH": str(ROOT / "tests/trace")}
            made = workspace.snakemake("--cores", "2", timeout=1800, **trace)
            log.write_text(made.stdout)
    workspace.log = log.read_text()
    workspace.traces = [json.loads(path.read_text()) for path in sorted(traced.iterdir())]
    return workspace


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> Workspace:
    """A finished tiny study, one for all of pytest's workers, to look at: see `copied`."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    path = folder / "study"
    with FileLock(folder / "study.lock"):
        workspace = Workspace(path) if path.exists() else copy_project(path)
    return finished(workspace, folder / "traced")


def closed_to_others(folder: Path) -> list[Path]:
    """Files that who may read a new file may not read."""
    probe = folder / "probe"
    probe.touch()
    usual = probe.stat().st_mode
    probe.unlink()
    return [p for p in folder.rglob("*") if p.is_file() and usual & ~p.stat().st_mode & 0o044]


def copied(workspace: Workspace, target: Path) -> Workspace:
    """A copy of a workspace with all that stands in it, to change at will."""
    shutil.copytree(workspace.path, target, symlinks=True)
    return Workspace(target)
