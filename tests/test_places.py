"""A whole small study where people's machines put it: minutes, run by `make test-slow`."""

from pathlib import Path

import pytest
from conftest import copy_project

pytestmark = pytest.mark.slow


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
