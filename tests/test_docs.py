"""What README says is true: its commands run, its numbers are those of the results."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import readme_numbers
from readme_commands import LONG, TEXT, commands

from ilscaling.pipeline import headline

ROOT = Path(__file__).resolve().parent.parent

# Other measurements that happen to have the digits of a result.
SAME_BY_CHANCE: dict[str, set[str]] = {
    "laws.md": {"2.07"},  # a multiple of compute on a table of others
    "first-hour.md": {"1.05"},  # a cross-entropy of that hour
    "performance.md": {"1.05"},  # a ratio of times
}


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


@pytest.mark.parametrize("name", readme_numbers.PAGES)
def test_numbers_of_the_pages_are_those_of_the_results(name):
    metrics = json.loads((ROOT / "results/default/metrics.json").read_text())
    page = (ROOT / name).read_text()
    made = [text(metrics) for text in readme_numbers.PAGES[name]]
    assert readme_numbers.write(page, *made) == page, "out of date: python tools/readme_numbers.py"


# So many and so spread that texts hold the same digits by chance.
COMMON = ("_r2", "_boot_", "held_out_", "rolling_")
# Pages that a benchmark writes, of other data.
GENERATED = {"coverage.md", "plans.md", "published.md"}
# Their tables are compared with those of other studies (test_shipped_tables.py).
OF_OTHER_STUDIES = {"algorithms.md", "findings.md"}


def results_in(text: str, metrics: dict) -> list[str]:
    """Numbers in a text that are a result of the default study, to three digits or more."""
    values = [
        v
        for game in metrics.values()
        for name, v in game.items()
        if isinstance(v, float) and not any(part in name for part in COMMON)
    ]
    forms = {f"{abs(v):.{digits}f}" for v in values for digits in (2, 3, 4)}
    forms |= {f"{abs(v):.{digits}e}" for v in values for digits in (2, 3)}
    telling = {form for form in forms if len(form.strip("0.").replace(".", "")) >= 3}
    return [word for word in re.findall(r"\d[\d.]*\d(?:e[+-]?\d+)?", text) if word in telling]


def test_numbers_of_the_results_stand_only_where_they_are_generated():
    metrics = json.loads((ROOT / "results/default/metrics.json").read_text())
    assert results_in(readme_numbers.block(metrics), metrics), "the search finds those of the block"
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        if path.name in GENERATED:
            continue
        text = re.sub(
            f"{readme_numbers.BEGIN}.*?{readme_numbers.END}", "", path.read_text(), flags=re.DOTALL
        )
        if path.name in OF_OTHER_STUDIES:
            text = re.sub(r"^\|.*$", "", text, flags=re.MULTILINE)
        found = set(results_in(text, metrics)) - SAME_BY_CHANCE.get(path.name, set())
        assert not found, (
            f"{path.name}: generate them (tools/readme_numbers.py), or they go out of date"
        )


def test_the_headline_is_that_of_the_results():
    numbers = json.loads((ROOT / "results/default/headline.json").read_text())
    metrics = json.loads((ROOT / "results/default/metrics.json").read_text())
    assert numbers == headline.headline(metrics), "out of date: snakemake --cores all"


def test_paths_of_the_documentation_exist():
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_pages_link_to_what_the_site_holds():
    """`make site` copies some of the project: a link to another file ended it."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (copied,) = re.findall(r"cp -r (.*) build/site-pages/\n", makefile)
    places = [ROOT / name for name in [*copied.split(), "results/LOG.md"]]
    for page in sorted((ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            file = (page.parent / target).resolve()
            inside = any(file.is_relative_to(place) for place in places)
            assert "://" in target or inside, f"{page.name}: {target}"
