"""The report opens offline, holds every cell, and equals itself."""

import base64
import io
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from test_figures import study

from ilscaling import figures, laws, params, report
from ilscaling.errors import WorkflowError


class Page(HTMLParser):
    """What a browser would fetch, and what a reader sees."""

    def __init__(self, html: str):
        super().__init__()
        self.targets, self.images, self.rows, self.words, self.open = [], [], 0, [], []
        self.feed(html)
        self.text = re.sub(r"\s+", " ", "".join(self.words))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.targets += [v for k, v in attributes.items() if k in ("src", "href", "srcset")]
        self.images += [attributes["src"]] if tag == "img" else []
        self.open += [tag] if tag in ("style", "script") else []
        self.rows += tag == "tr" and "data-cell" in attributes

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data):
        self.words += [] if self.open else [data]


def written(folder: Path, table: pd.DataFrame, **changes) -> str:
    """The page of `table` in `folder`, with its figures, an expert's picture and provenance."""
    fit = laws.fit_table(table, params.Laws())
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / "sheet.png")
    given = {
        "title": "A study of <games>",
        "params": {"laws": params.Laws().model_dump(mode="json")},
        "table": table,
        "fit": fit,
        "figures_dir": folder / "figures",
        "demonstrations": {
            "breakout": {
                "splits": {"train": {"steps": 1_234_567, "episodes": 99, "return_mean": 41.5}},
                "expert": {"algorithm": "PPO"},
                "images": {"Some screens.": folder / "sheet.png"},
            }
        },
        "provenance": {
            "commit": "abc1234",
            "dirty": True,
            "stages": [{"stage": "train", "jobs": 6, "seconds": 200.4, "flops": 3.2e13}],
            "reproduce": ["git checkout abc1234", "make demo"],
        },
        "links": {"results table": "results.csv"},
    } | changes
    report.write(folder / "page.html", **given)
    return (folder / "page.html").read_text()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the figures of one game: drawing is slow, and what they show no matter here."""
    folder, table = tmp_path_factory.mktemp("report"), study()
    figures.draw_all(table, laws.fit_table(table, params.Laws()), folder / "figures")
    return folder


@pytest.fixture(scope="module")
def two_games(folder):
    """A page of two games with failed and impossible cells, its folder and its table."""
    table = pd.concat([study(), study("space_invaders", scale=300.0, seed=1)], ignore_index=True)
    return written(folder, table), folder, table


def test_nothing_leaves_for_the_network(two_games):
    html, folder, _ = two_games
    page = Page(html)
    assert len(page.targets) > 10
    for target in page.targets:
        assert target.startswith(("data:", "#")) or ("://" not in target and target[:2] != "//")
    local = [t for t in page.targets if not t.startswith(("data:", "#")) and "figures" in t]
    assert local and all((folder / unquote(target)).is_file() for target in local)
    style = "".join(re.findall(r"<style>.*?</style>", html, re.S))
    assert style and "url(" not in style and "@import" not in style


def test_every_image_decodes(two_games):
    page = Page(two_games[0])
    kinds = set()
    for image in page.images:
        kind, content = re.fullmatch(r"data:image/([a-z+]+);base64,(.*)", image).groups()
        content, _ = base64.b64decode(content, validate=True), kinds.add(kind)
        if kind == "svg+xml":
            assert ET.fromstring(content).tag.endswith("svg")
        else:
            Image.open(io.BytesIO(content)).load()
    assert kinds == {"svg+xml", "png"}


def test_data_behind_a_figure_travel_with_the_page(two_games):
    html, folder, _ = two_games
    held = re.findall(r'download="(\w+\.csv)" href="data:text/csv;base64,([^"]+)"', html)
    assert {name for name, _ in held} >= {"profiles.csv", "laws.csv", "return_on_loss.csv"}
    for name, content in held:
        assert base64.b64decode(content) == (folder / "figures" / name).read_bytes()


def test_every_declared_cell_has_a_row(two_games):
    html, _, table = two_games
    page = Page(html)
    assert page.rows == len(table)
    assert "failed: loss is not finite" in page.text
    assert "impossible: budget below one batch" in page.text
    for params_ in table["params"].unique():
        assert f"{params_:,}" in page.text


def test_headline_and_tables_say_what_was_fitted(two_games):
    html, _, table = two_games
    page, fit = Page(html), laws.fit_table(table, params.Laws())
    for game in ("breakout", "space_invaders"):
        for law in laws.LAWS:
            record = fit.power(game, law)
            text = f"{record['estimate']:.3f} [{record['ci_low']:.3f}, {record['ci_high']:.3f}]"
            assert text.replace("-", "\N{MINUS SIGN}") in page.text
    assert "In Space Invaders, from" in page.text
    for note in fit.notes:
        assert note in page.text
    assert "abc1234 with uncommitted changes" in page.text and "3 min 20 s" in page.text
    assert "1,234,567 steps in 99 episodes" in page.text
    assert "A study of <games>" in page.text and "<games>" not in html


def test_equal_inputs_give_equal_bytes(two_games):
    html, folder, table = two_games
    assert written(folder, table) == html


def test_without_a_law_the_page_says_so(two_games, tmp_path):
    _, folder, _ = two_games
    (tmp_path / "figures").symlink_to(folder / "figures")
    nothing = {"demonstrations": {}, "provenance": {}, "links": {}}
    page = Page(written(tmp_path, study(budgets=(1e12,)), **nothing))
    assert "no law could be fitted" in page.text and "not fitted" in page.text
    assert page.rows == 6


def test_a_link_into_the_network_is_refused(two_games):
    html, folder, table = two_games
    with pytest.raises(WorkflowError, match="without a network"):
        written(folder, table, links={"code": "https://a.b/c"})
    assert (folder / "page.html").read_text() == html
