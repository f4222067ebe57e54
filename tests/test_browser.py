"""The report in a real browser: contrast, names, widths, and what it does."""

import json
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from test_figures import study
from test_report import folder, written  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / ".browser"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def seen(folder):  # noqa: F811
    """What the browser says of a page of two games."""
    if shutil.which("node") is None or not (MODULES / "node_modules/axe-core").is_dir():
        pytest.skip("needs node, chromium and: make test-browser")
    table = pd.concat([study(), study("space_invaders", scale=300.0, seed=1)], ignore_index=True)
    written(folder, table)
    command = ["node", "tests/browser/check.js", str(folder / "page.html"), str(MODULES)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_axe_finds_nothing_at_either_width_light_or_dark(seen):
    assert seen["violations"] == []


def test_it_fits_a_phone_runs_without_error_and_asks_for_nothing(seen):
    assert seen["wide"] == [] and seen["errors"] == [] and seen["requests"] == []


def test_cells_say_what_they_are_by_keyboard(seen):
    assert "Point at a cell" in seen["before"]
    assert "parameters" in seen["panel"] and "dev loss" in seen["panel"]


def test_the_slider_and_the_filter_work(seen):
    small, large = seen["bought"]
    assert small != large and "extrapolation" in large and "extrapolation" not in small
    assert seen["filtered"] and set(seen["filtered"]) == {"breakout"}
