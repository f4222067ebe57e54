"""What README says is true: its commands run, its numbers are those of the results."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from readme_commands import LONG, TEXT, commands

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "workflow"))

import readme  # noqa: E402


@pytest.mark.parametrize("command", [c for c in commands() if c.startswith("ilscaling ")])
def test_verbs_and_options_of_the_readme_exist(command):
    words = command.split()
    if words[1].startswith("-"):
        return
    ilscaling = [sys.executable, "-m", "ilscaling", words[1], "--help"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "200"}
    text = subprocess.run(
        ilscaling, env=environment, capture_output=True, text=True, check=True
    ).stdout
    for option in [word for word in words if word.startswith("--") and word != "--help"]:
        assert option in text


def test_long_commands_are_still_in_the_readme():
    assert [command for command in LONG if f"`{command}`" not in TEXT and command not in TEXT] == []


def test_make_targets_of_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"\bmake ([a-z][a-z-]*)", TEXT)) - {"such"}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_numbers_of_the_readme_are_those_of_the_results():
    metrics = json.loads((ROOT / "results/metrics.json").read_text())
    assert readme.write(TEXT, metrics) == TEXT, "out of date: python workflow/readme.py"


def test_paths_of_the_documentation_exist():
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
