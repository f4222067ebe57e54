"""What README says is true: its commands run, its numbers are those of the results."""

import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "workflow"))

import readme  # noqa: E402

# One worker runs all tests that share the finished study.
pytestmark = pytest.mark.xdist_group("study")

TEXT = (ROOT / "README.md").read_text()

# What a test cannot repeat: it sets up, runs for long, or needs files of the reader's own. The
# verbs and options of the last ones are still checked.
LONG = {
    "make demo",
    "make test",
    "make sweep",
    "make bench",
    "snakemake --cores all --resources gpu=4",
    "snakemake --cores all --configfile params.yaml studies/night.yaml",
    "dvc repro",
    "dvc exp run -S games.breakout.train.ema=0.1",
    "dvc commit -f",
}
THEIRS = ("ilscaling import-expert", "ilscaling measure-expert")


def commands() -> list[str]:
    """Every command of README: lines of bash blocks, and commands in the table of uses."""
    blocks = re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL)
    found = [line for block in blocks for line in block.strip().splitlines()]
    for row in re.findall(r"^\|.*\|$", TEXT, re.MULTILINE):
        found += [c for c in re.findall(r"`([^`]+)`", row) if c.split()[0] in TOOLS]
    return sorted(set(found))


TOOLS = {"make", "snakemake", "dvc", "ilscaling"}
RUNNABLE = [c for c in commands() if c not in LONG and not c.startswith(THEIRS)]


@pytest.mark.parametrize("command", RUNNABLE)
def test_a_command_of_the_readme_runs(study, command):
    study.run(*command.split())


@pytest.mark.parametrize("command", [c for c in commands() if c.startswith("ilscaling ")])
def test_verbs_and_options_of_the_readme_exist(study, command):
    words = command.split()
    if words[1].startswith("-"):
        return
    text = study.run(*words[:2], "--help", COLUMNS="200").stdout
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
