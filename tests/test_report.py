"""The report opens offline, holds every cell, and equals itself."""

import base64
import io
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
import zipfile
import zlib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from test_figures import foretold, played, settings_of_nethack, study

from ilscaling import laws, params
from ilscaling.errors import WorkflowError
from ilscaling.show import figures, markdown, report, words
from ilscaling.show.figures import replays
from ilscaling.show.report import overview, purchase, statistics

ROOT = Path(__file__).resolve().parent.parent
LAWS = params.Laws(bootstrap=40)


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
    fit = laws.fit_table(table, LAWS)
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
    fit = laws.fit_table(table, LAWS)
    figures.draw_all(table, fit, folder / "figures", forecast=foretold(fit))
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
        head, content = image.split(",", 1)
        kinds.add(head)
        if head == "data:image/svg+xml":
            assert ET.fromstring(unquote(content)).tag.endswith("svg")
        else:
            Image.open(io.BytesIO(base64.b64decode(content, validate=True))).load()
    assert kinds == {"data:image/svg+xml", "data:image/png;base64"}


def test_a_drawing_in_the_page_is_the_file(two_games):
    html, folder, _ = two_games
    drawn = [i.split(",", 1)[1] for i in Page(html).images if i.startswith("data:image/svg+xml,")]
    files = [*(folder / "figures").glob("*.svg")]
    assert {ET.canonicalize(unquote(d), strip_text=True) for d in drawn} <= {
        ET.canonicalize(" ".join(f.read_text().split()), strip_text=True) for f in files
    }


def test_every_declared_cell_has_a_row(two_games):
    html, _, table = two_games
    page = Page(html)
    assert page.rows == len(table)
    assert "failed: loss is not finite" in page.text
    assert "impossible: budget below one batch" in page.text
    for params_ in table["params"].unique():
        assert f"{params_:,}" in page.text


MINUS = "\N{MINUS SIGN}"


def _ends(record: dict) -> str:
    return f"[{record['ci_low']:.3f}, {record['ci_high']:.3f}]"


def test_headline_and_tables_say_what_was_fitted(two_games):
    html, _, table = two_games
    page, fit = Page(html), laws.fit_table(table, LAWS)
    for game in ("breakout", "space_invaders"):
        for law in ("L_min", "N_opt", "D_opt", "R_max"):
            for record in (fit.quoted(game, law), fit.power(game, law, interval="bootstrap")):
                assert f"{record['estimate']:.3f} {_ends(record)}".replace("-", MINUS) in page.text
            # Student's interval, which takes a run's snapshots for independent, stands nowhere.
            assert _ends(fit.power(game, law)).replace("-", MINUS) not in page.text
    assert "In Space Invaders, from" in page.text
    # One number of one thing: the page's best return is that of the terminal and of README.
    for numbers in laws.metrics(table, fit).values():
        assert f"returns {words.number(numbers['best_return'])} points" in page.text
    for note in fit.notes:
        assert note in page.text
    assert "abc1234 with uncommitted changes" in page.text and "3 min 20 s" in page.text
    assert "1,234,567 steps in 99 episodes" in page.text
    assert "A study of <games>" in page.text and "<games>" not in html


SECTIONS = {
    "setup": set(),
    "results": set(),
    "buy": set(),
    "laws": {"profiles", "laws", "return_on_loss"},
    "methods": {"methods"},
    "forms": {"forms"},
    "held-out": {"held_out"},
    "rolling": {"validation"},
    "forecast": set(),
    "run": set(),
    "expert": set(),
    "cells": set(),
    "notes": set(),
    "cite": set(),
    "provenance": set(),
}


def test_each_section_has_its_figures_and_a_link(two_games):
    html, _, _ = two_games
    parts = dict(re.findall(r'<h2 id="([a-z-]+)">(.*?)(?=<h2|</main>)', html, re.S))
    links = re.findall(r'<a href="#((?!all-data)[a-z-]+)">', html)
    assert list(parts) == links == list(SECTIONS)
    for name, wanted in SECTIONS.items():
        found = set(re.findall(r'<figure id="(\w+)">', parts[name]))
        assert found == wanted, name


def test_the_page_says_first_how_the_study_was_set_up_and_what_came_out(two_games):
    html, _, table = two_games
    text, fit = Page(html).text, laws.fit_table(table, LAWS)
    order = [text.index(words) for words in ("Set-up", "not determined", "Every interval")]
    assert order == sorted(order)
    for game in fit.games:
        for law in overview.card(fit, game):
            assert law.value in text and law.bounds in text
            for note in law.notes:
                assert note in text


def test_figures_are_numbered_and_described(two_games):
    html, _, _ = two_games
    numbers = re.findall(r"<b>Figure (\d+)\. ", html)
    assert [int(n) for n in numbers] == list(range(1, len(numbers) + 1)) and len(numbers) >= 6
    for text in re.findall(r'<img[^>]* alt="([^"]*)"', html):
        assert len(text) > 3


def test_every_measured_cell_is_a_point_that_says_what_it_is(two_games):
    html, _, table = two_games
    done = table[table["status"] == "done"]
    points = re.findall(r'<circle [^>]*aria-label="([^"]+)" data-details="([^"]+)"', html)
    assert len(points) == len(done)
    for label, details in points:
        assert "parameters" in label and "dev loss" in details and "return" in details


def test_the_slider_holds_the_predictions_of_the_fitted_laws(two_games):
    html, _, table = two_games
    fit = laws.fit_table(table, LAWS)
    offers = [json.loads(o) for o in re.findall(r'application/json">(.*?)</script>', html)]
    assert len(offers) == len(fit.games)
    for game, offer in zip(fit.games, offers, strict=True):
        for law, row in zip(purchase.QUANTITIES, offer["rows"], strict=True):
            budgets = np.array(offer["budgets"])
            record = fit.power(game, law, interval="bootstrap")
            wanted = np.stack(laws.predict(record, budgets, new=True), 1)
            assert np.allclose(row["values"], wanted, rtol=3e-3)
        assert offer["budgets"][-1] == pytest.approx(10 * offer["measured"], rel=1e-3)


def test_all_data_are_one_download(two_games):
    html, folder, table = two_games
    held = re.search(r'id="all-data"[^>]* href="data:application/zip;base64,([^"]+)"', html)[1]
    archive = zipfile.ZipFile(io.BytesIO(base64.b64decode(held)))
    assert {"README.txt", "results.csv", "fits.csv"} <= set(archive.namelist())
    behind = [*(folder / "figures").glob("*.csv")]
    assert behind and all(f"figures/{path.name}" in archive.namelist() for path in behind)
    for path in behind:
        assert archive.read(f"figures/{path.name}") == path.read_bytes()
    assert len(pd.read_csv(archive.open("results.csv"))) == len(table)
    assert len(html) < 5_000_000


def test_predictions_stand_beside_what_was_measured(two_games):
    html, _, table = two_games
    text, fit = Page(html).text, laws.fit_table(table, LAWS)
    held = fit.validation[fit.validation["held_out"]]
    assert set(held["game"]) == {"breakout", "space_invaders"}
    for row in held[held["law"] == "L_min"].itertuples():
        for value in (row.predicted, row.measured):
            assert f"{float(f'{value:.3g}'):g}" in text
    for verdict in fit.verdicts["verdict"].unique():
        assert verdict in text
    assert "From the smaller budgets the law predicts" in text


def test_a_forecast_is_compared_with_the_losses_that_its_method_foretells():
    """Optima are judged on test, surfaces are fitted to dev: of NetHack .47 and .88 nats."""
    cells = pd.DataFrame({"dev_loss": [0.88], "test_loss": [0.47]})
    row = {"quantity": "L_min", "estimate": 0.5, "low": 0.45, "high": 0.55}
    grid = {**row, "method": "grid", "form": "power"}
    by_grid = statistics._foretold({**grid, "quoted": True}, cells)
    by_surface = statistics._foretold({**row, "method": "varpro", "form": "surface"}, cells)
    assert (by_grid["what"], by_grid["held"]) == ("test loss", True)
    assert (by_surface["what"], by_surface["held"]) == ("dev loss", False)
    assert (by_grid["by"], by_surface["by"]) == ("grid (quoted)", "varpro")
    without = statistics._foretold(grid, cells[["dev_loss"]])
    assert (without["what"], without["held"]) == ("dev loss", False)


def test_without_a_forecast_the_page_says_how_to_run_one(two_games):
    html, folder, table = two_games
    assert "snakemake --cores all forecast" in Page(html).text
    told = foretold(laws.fit_table(table, LAWS))
    values = dict.fromkeys(("estimate", "low", "high", "level", "form"))
    of = {"game": "breakout", "budget": 6e12, "method": "vertex", "flags": []}
    laws_ = dict.fromkeys(laws.LAWS, values)
    laws_["N_opt"] = {**values, "estimate": 20123.0, "low": 1e4, "high": 4e4}
    none = {**laws_, "N_opt": values}
    told["proposals"] = [
        {**of, "size": 32, "params": 21000, **laws_},
        {**of, "game": "space_invaders", "size": None, "params": None, **none}
        | {"flags": ["not_fitted: 1 point, a line needs two"]},
    ]
    page = Page(written(folder, table, forecast=told))
    assert "snakemake --cores all forecast" not in page.text
    assert "size 32 with 21,000" in page.text and "dev loss 0.260 ± 0.010" in page.text
    assert "return 70" in page.text and "a line needs two" in page.text
    assert "Not measured: failed: not finite" in page.text
    nothing_unknown(page)


def nothing_unknown(page: Page) -> None:
    assert not re.findall(r".{20}\b(?:nan|None|NaN|inf)\b", page.text)


def test_what_is_unknown_is_never_shown_as_such(two_games, nethack, tmp_path):
    _, folder, _ = two_games
    for html in (two_games[0], nethack[0]):
        nothing_unknown(Page(html))
    (tmp_path / "figures").symlink_to(folder / "figures")
    for table in (study(scale=0.0), study(budgets=(3e11, 1e12))):
        nothing_unknown(Page(written(tmp_path, table.assign(expert_return=np.nan))))


def test_fits_are_told_in_markdown(two_games):
    _, _, table = two_games
    fit = laws.fit_table(table, LAWS)
    text = markdown.table(fit)
    assert not re.findall(r"\b(?:nan|None|NaN|inf)\b", text)
    for record in fit.fits:
        if record["estimate"] is not None and record["parameter"] == "exponent":
            wanted = f"{record['estimate']:.3f}" if record["form"] in ("power", "surface") else ""
            assert wanted.replace("-", "\N{MINUS SIGN}") in text
    for verdict in fit.verdicts["verdict"].unique():
        assert verdict in text
    for block in re.findall(r"(?:^\|.*\n)+", text, re.M):
        assert len({line.count("|") for line in block.splitlines()}) == 1
    nothing = laws.fit_table(study(budgets=(1e12,)), LAWS)
    assert "not fitted" in markdown.table(nothing)


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


@pytest.fixture(scope="module")
def nethack(folder):
    """A page of Breakout and two settings of NetHack that share their demonstrations."""
    table = settings_of_nethack().assign(depth_mean=2.34, length_mean=812.0)
    shown = {}
    for game, budget in (("nethack_context_8", 1e10), ("nethack_context_32", 3.2e10)):
        path = folder / f"{game}.json"
        agent = played(12, seed=int(budget) % 97)
        replays.write(path, {"expert": played(), replays.agent(budget): agent})
        shown[game] = {
            "splits": {"train": {"steps": 5000, "episodes": 9, "return_mean": 2231.0}},
            "expert": {"algorithm": "built-in bot"},
            "ingest": {"games": 420, "kept": 400, "left_out": {"truncated file": 20}},
            "images": {"Some screens.": folder / "sheet.png"},
            "replay": path,
        }
    study_ = params.read(ROOT / "params.yaml").model_dump(mode="json")["games"]["breakout"]
    train = params.TrainSequences(context=8).model_dump(mode="json")
    sections = {game: {**study_, "train": train} for game in shown}
    given = {"params": {"games": {"breakout": study_, **sections}}, "demonstrations": shown}
    return written(folder, table, **given), folder


def test_sections_of_one_game_share_the_account_of_its_expert(nethack):
    page = Page(nethack[0])
    assert page.text.count("built-in bot") == 1 and page.text.count("truncated file 20") == 1
    assert "NetHack: context 8, context 32" in page.text
    assert len([image for image in page.images if "image/png" in image]) == 1


def test_sections_say_how_their_policies_were_trained(nethack):
    text = Page(nethack[0]).text
    assert "4 frames" in text and "context of 8 frames" in text
    assert "2.34" in text and "812" in text


def test_the_player_holds_each_game_once(nethack):
    html, folder = nethack
    (packed,) = re.findall(r'<script type="text/plain">(.*?)</script>', html, re.S)
    held = json.loads(zlib.decompress(base64.b64decode(packed)))
    names = [game["name"] for game in held["games"]]
    assert names == [
        "expert",
        "context 8, agent at 10¹⁰ FLOPs",
        "context 32, agent at 3.2\N{MULTIPLICATION SIGN}10¹⁰ FLOPs",
    ]
    file = json.loads((folder / "nethack_context_8.json").read_text())
    assert held["games"][0] == file["games"][0] and held["palette"] == file["palette"]


def test_a_damaged_replay_is_named(nethack):
    _, folder = nethack
    (folder / "broken.json").write_text('{"games": []}')
    shown = {"breakout": {"replay": folder / "broken.json"}}
    with pytest.raises(WorkflowError, match="lacks columns, ground"):
        written(folder, study(), demonstrations=shown)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs a browser")
def test_the_player_plays_from_a_file(nethack):
    """Opened as file:// in a browser: keys step, tabs choose, the screen is the recorded one."""
    html, folder = nethack
    script = """<script>setTimeout(() => {
      const root = document.querySelector(".terminal"), screen = root.querySelector(".screen");
      const press = (at, key) =>
        at.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      const state = () => [...root.querySelectorAll("output, .score, .level, .turn, .play")]
        .map(part => part.textContent).join(" ");
      const seen = [state()];
      for (const key of ["ArrowRight", "ArrowRight", "End", "ArrowLeft", " "]) {
        press(screen, key);
        seen.push(state());
      }
      const text = screen.textContent;
      press(root.querySelector("[role=tab]"), "ArrowRight");
      seen.push(root.querySelector("[aria-selected=true]").textContent + state());
      document.body.replaceChildren(JSON.stringify({ seen, text }));
    }, 500)</script></body>"""
    (folder / "driven.html").write_text(html.replace("</body>", script))
    browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    url = (folder / "driven.html").resolve().as_uri()
    done = subprocess.run(
        [*browser, "--virtual-time-budget=3000", url],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    words = "".join(Page(done.stdout).words)
    found = json.loads(words[words.index("{") :])
    play = played()
    level, turn = play.status()

    def state(step: int, button: str = "Play") -> str:
        return f"{play.scores[step]} {level[step]} {turn[step]} {button} key {step + 1}"

    steps = [state(0), state(1), state(2), state(39), state(38), state(38, "Pause")]
    assert found["seen"][:-1] == steps
    assert found["seen"][-1].startswith("context 8, agent") and "key 1" in found["seen"][-1]
    lines = [bytes(row).decode("latin-1") for row in play.chars[38]]
    assert found["text"].splitlines() == lines


def test_cells_that_play_more_episodes_are_not_taken_for_all():
    cells = pd.DataFrame({"episodes": [3.0, 10.0, 3.0]})
    assert overview.played(cells) == "3 to 10"
    assert overview.played(cells[cells["episodes"] == 3]) == "3"
    assert overview.played(pd.DataFrame({"episodes": [float("nan")]})) == ""
