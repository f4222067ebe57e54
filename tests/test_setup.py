"""`make setup` by the content of its files: without a network, and with another Python on PATH."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# What the script asks of a Python: its version and home, an environment, pip. The home of the
# environment's is that of the one that made it; pip notes that it was asked, or has no network.
PYTHON = """#!/bin/sh
home="{home}"
case "$1 $2" in
    "-c import sys"*) echo "$home" ;;
    "-c import torch"*) echo "compiles: [$PYTHONDONTWRITEBYTECODE]" ;;
    "-c import ilscaling") [ -e "{folder}/installed" ] ;;
    "-m venv") mkdir -p "$4/bin" && rm -f "$4"/.ready "$4"/*.lock && cp "$0" "$4/bin/python" ;;
    "-m pip")
        [ ! -e "{folder}/offline" ] || exit 1
        echo "$@" >> "{folder}/pip" && : > "{folder}/installed" ;;
esac
"""


class Project:
    """A folder with the files that an environment is made from, and Pythons that pretend."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in ("requirements.lock", "pyproject.toml"):
            shutil.copy(ROOT / name, folder)

    def python(self, home: str) -> str:
        path = self.folder / f"python {home}"
        path.write_text(PYTHON.format(home=home, folder=self.folder))
        path.chmod(0o755)
        return str(path)

    def setup(self, python: str, given: str = ""):
        command = ["sh", ROOT / "tools/setup.sh", "the env", python, given]
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=60
        )

    def pips(self) -> int:
        """Calls of pip since the last time."""
        log = self.folder / "pip"
        count = len(log.read_text().splitlines()) if log.exists() else 0
        log.unlink(missing_ok=True)
        return count

    @property
    def base(self) -> str:
        env = self.folder / "the env/bin/python"
        return subprocess.run([env, "-c", "import sys"], capture_output=True, text=True).stdout


@pytest.fixture
def project(tmp_path) -> Project:
    return Project(tmp_path)


def test_a_checkout_that_changes_times_alone_installs_nothing(project):
    ours = project.python("3.11 ours")
    assert project.setup(ours).returncode == 0 and project.pips() == 2
    for name in ("requirements.lock", "pyproject.toml"):
        os.utime(project.folder / name)
    (project.folder / "offline").touch()
    done = project.setup(ours)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_where_python_may_not_compile_the_packages_are_compiled_at_once(project, monkeypatch):
    ours = project.python("3.11 ours")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert project.setup(ours).stdout == "compiles: []\n"
    assert project.setup(ours).stdout == ""


def test_without_a_network_it_goes_on_where_the_packages_are_the_same(project):
    ours = project.python("3.11 ours")
    project.setup(ours)
    (project.folder / "offline").touch()
    (project.folder / "pyproject.toml").write_text("# another version\n")
    done = project.setup(ours)
    assert done.returncode == 0 and "the packages are unchanged" in done.stderr
    (project.folder / "requirements.lock").write_text("other==1\n")
    done = project.setup(ours)
    assert done.returncode == 1 and "make -o setup" in done.stderr
    (project.folder / "offline").unlink()
    project.pips()
    assert project.setup(ours).returncode == 0 and project.pips() == 2, "it is made up for later"


def test_another_python_first_on_path_neither_stays_nor_replaces_what_is_finished(project):
    ours, other, old = map(project.python, ("3.11 ours", "3.12 other", "3.9 old"))
    refused = project.setup(old)
    assert refused.returncode == 1 and "Python 3.11, 3.12 or 3.13 is needed" in refused.stderr
    assert "make setup PYTHON=" in refused.stderr and not (project.folder / "the env").exists()
    assert "not on PATH" in project.setup("python3.99").stderr
    # An installation that failed does not keep its Python.
    (project.folder / "offline").touch()
    assert project.setup(other).returncode == 1 and project.base == "3.12 other\n"
    (project.folder / "offline").unlink()
    done = project.setup(ours)
    assert "made anew" in done.stdout and project.base == "3.11 ours\n"
    # A finished one does, until another one is asked for or its own is gone.
    assert project.setup(other).stdout == "" and project.base == "3.11 ours\n"
    assert project.setup(other, "given").returncode == 0 and project.base == "3.12 other\n"
    (project.folder / "the env/bin/python").write_text("#!/nowhere\n")
    assert project.setup(ours).returncode == 0 and project.base == "3.11 ours\n"


def test_make_hands_the_python_over(tmp_path):
    """`?=` takes the environment's and the command line's, and says which it was."""
    run = ["make", "-n", "-C", str(ROOT), "setup"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHON"}
    plain = subprocess.run(run, capture_output=True, text=True, env=environment).stdout
    assert 'setup.sh .venv "python3.11"' in plain and "given" not in plain
    for more, extra in ((["PYTHON=p y"], {}), ([], {"PYTHON": "p y"})):
        asked = subprocess.run(
            run + more, capture_output=True, text=True, env=environment | extra
        ).stdout
        assert 'setup.sh .venv "p y" given' in asked
