"""Two studies against each other: differences of exponents, the table of experiments, headlines."""

import json
import math
import re
import subprocess
from pathlib import Path

import experiments_table
import pytest
from test_figures import study as planted

from ilscaling import laws, params
from ilscaling.errors import WorkflowError
from ilscaling.pipeline import compare, console, headline
from ilscaling.show import quoted as words
from ilscaling.show import rows


def exponent(estimate, level=0.95, **intervals):
    return {"estimate": estimate, "level": level, "intervals": intervals, "notes": []}


def test_half_widths_of_independent_intervals_add_in_squares():
    one, other = exponent(0.5, delta=(0.2, 0.8)), exponent(0.9, delta=(0.5, 1.3))
    apart = compare.difference(one, other, "delta")
    assert apart["estimate"] == pytest.approx(0.4)
    assert apart["low"] == pytest.approx(-0.1) and apart["high"] == pytest.approx(0.9)
    lopsided = compare.difference(
        exponent(0.0, delta=(-0.3, 0.1)), exponent(1.0, delta=(0.6, 1.2)), "delta"
    )
    assert lopsided["low"] == pytest.approx(1.0 - math.hypot(0.4, 0.1))
    assert lopsided["high"] == pytest.approx(1.0 + math.hypot(0.2, 0.3))


@pytest.mark.parametrize("other", [exponent(0.9), exponent(0.9, 0.9, delta=(0.5, 1.3))])
def test_a_difference_without_comparable_intervals_has_none(other):
    names = ("b", "N_opt", "grid", "power", "realised")
    (row,) = compare.exponents({names: exponent(0.5, delta=(0.2, 0.8))}, {names: other})
    assert row["difference"]["estimate"] == pytest.approx(0.4)
    assert row["difference"]["low"] is None


def test_both_sides_show_intervals_of_one_kind():
    names = ("b", "N_opt", "grid", "power", "realised")
    one = {names: exponent(0.5, delta=(0.2, 0.8), bootstrap=(0.1, 0.9))}
    (row,) = compare.exponents(one, {names: exponent(0.6, delta=(0.5, 0.7))})
    assert row["kind"] == "delta"
    assert row["difference"]["high"] == pytest.approx(0.1 + math.hypot(0.1, 0.3))


def test_laws_of_either_revision_have_a_row():
    def names(law):
        return ("b", law, "grid", "power", "realised")

    one = {names("N_opt"): exponent(0.5), names("L_min"): exponent(None)}
    other = {names("N_opt"): exponent(0.6), names("R_max"): exponent(1.0)}
    by_law = {row["law"]: row for row in compare.exponents(one, other)}
    assert set(by_law) == {"N_opt", "L_min", "R_max"}
    assert by_law["N_opt"]["difference"]["estimate"] == pytest.approx(0.1)
    assert by_law["L_min"]["difference"] is None and by_law["R_max"]["one"] is None


@pytest.fixture(scope="module")
def fitted():
    """Fits of a table with every form of every law, as a study writes them."""
    return laws.fit_table(planted(), params.Laws(bootstrap=50), validate=False)


def test_only_exponents_are_compared_and_each_is_the_one_that_was_fitted(fitted):
    """A break or an offset of another form once took the place of the power law's exponent."""
    exponents = rows.of_records(fitted.fits)
    for game in fitted.games:
        for law in laws.LAWS:
            for method in laws.METHODS:
                mine = exponents[game, law, method, "power", "realised"]
                for kind in ("t", "bootstrap"):
                    record = fitted.power(game, law, method, kind)
                    assert mine["estimate"] == record["estimate"]
                    ends = (record["ci_low"], record["ci_high"])
                    assert mine["intervals"].get(kind, (None, None)) == ends
    assert {names[3] for names in exponents} == {"power", "surface"}


@pytest.fixture
def study(tmp_path, monkeypatch, fitted):
    """A folder under Git and DVC with the results of a study, none of which DVC has recorded."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results/default"
    laws.write(fitted, folder / "laws")
    (folder / "keys").mkdir()
    (tmp_path / "params.yaml").write_text("study: default\n")
    (tmp_path / "dvc.yaml").write_text("stages: {results: {cmd: 'true', outs: [study/results]}}\n")
    lock = {"path": "study/results", "hash": "md5", "md5": "0" * 30 + ".dir", "size": 1}
    outs = {"results": {"cmd": "true", "outs": [{**lock, "nfiles": 1}]}}
    (tmp_path / "dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": outs}))
    quiet = {"check": True, "capture_output": True}
    subprocess.run(["git", "init", "-q"], **quiet)
    subprocess.run(["dvc", "init", "-q"], **quiet)
    subprocess.run(["git", "add", "params.yaml", "dvc.yaml", "dvc.lock", ".dvc"], **quiet)
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, "commit", "-qm", "one"], **quiet)
    return folder


def test_the_page_shows_exponents_and_nothing_that_is_none(study):
    html = compare.page(compare.Revision("default"), compare.Revision("default"))
    numbers = [float(n.replace("\u2212", "-").replace(",", "")) for n in CELL.findall(html)]
    assert len(numbers) > 50 and max(map(abs, numbers)) < 100


# The exponents of the page, without their intervals.
CELL = re.compile(r"<td>(\u2212?[\d.,]+)")


def test_a_commit_without_results_is_refused_with_what_makes_them(study):
    with pytest.raises(WorkflowError, match="dvc repro"):
        compare.page(compare.Revision("default"), compare.Revision("HEAD"))
    with pytest.raises(WorkflowError, match="no such study"):
        compare.Revision("nonsense")


def test_the_terminal_quotes_the_interval_of_the_report_and_what_is_wrong_with_a_fit(study, fitted):
    """The terminal once showed Student's t where the report shows the bootstrap, and no flag."""
    said = console.headline(laws.metrics(planted(), fitted), study)
    quoted = {law: fitted.quoted("breakout", law) for law in laws.LAWS}
    assert any(fit["estimate"] is not None for fit in quoted.values())
    for law, fit in quoted.items():
        (line,) = [line for line in said if line.strip().startswith(words.LAWS[law])]
        if fit["estimate"] is None:
            assert line.endswith(" not quoted")
        else:
            ends = f"[{fit['ci_low']:.3f}, {fit['ci_high']:.3f}] 95 % by bootstrap"
            assert line.endswith(f"{fit['estimate']:.3f}  {ends}: {laws.determined(fit)}")
        for flag in fit["flags"]:
            assert rows.note(flag) in {line.strip() for line in said}


def test_a_headline_leaves_out_what_is_not_there():
    metrics = {"pong": {"N_opt": 0.47383, "L_min": None, "training_flops": 6079072435500.0}}
    assert headline.headline(metrics) == {"pong": {"N": 0.474, "FLOPs": 6.08e12}}


def test_experiments_of_two_games_fit_a_terminal():
    games = ["breakout", "nethack"]
    row = {f"{game}.{short}": "-0.123456" for game in games for short in headline.NUMBERS}
    names = {"Experiment": "lower-rate-again", "rev": "80b916d", "typ": "branch_base"}
    changed = {"games.nethack.train.ema": "0.2", "laws.level": "0.9"}
    lines = experiments_table.tables([{**names, **row, **changed}], games)
    assert max(map(len, lines)) <= 100
    assert "level=0.9" in lines[2] and "ema" not in lines[2] and "ema=0.2" in lines[-1]


def test_a_study_without_experiments_is_a_table_too():
    row = {"rev": "workspace", "Created": "", "breakout.N": "0.473"}
    (title, head, line) = experiments_table.tables([row], ["breakout"])
    assert title == "breakout" and head.split() == ["experiment", "N", "changed"]
    assert line.split() == ["workspace", "0.473"]


@pytest.fixture
def below(tmp_path, monkeypatch) -> str:
    """A project with results of one commit, in a folder of a larger repository."""
    place = tmp_path / "work/below"
    (place / "study/results/laws").mkdir(parents=True)
    (place / "params.yaml").write_text("study: mine\nlaws: {level: 0.9}\n")
    (place / "study/results/laws/fits.json").write_text("[]")
    (place / ".dvc").mkdir()
    monkeypatch.chdir(place)
    git = ["git", "-c", "user.name=tester", "-c", "user.email=tester@example.org"]
    for command in (["init", "-q", ".."], ["add", "-A", ".."], ["commit", "-qm", "results"]):
        subprocess.run([*git, *command], check=True)
    return subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout[:7]


def test_a_project_below_a_larger_repository_is_compared(below):
    old = compare.Revision("HEAD")
    assert old.short == f"{below}:mine" and old.fits() == {}
    assert old.params() == {"study": "mine", "laws.level": 0.9}
    Path("params.yaml").write_text("- 1\n", encoding="utf-8")
    with pytest.raises(WorkflowError, match="no mapping but list"):
        compare.Revision("workspace")
    Path("params.yaml").unlink()
    with pytest.raises(WorkflowError, match="no such study, commit or experiment: nosuch"):
        compare.Revision("nosuch")


def test_without_git_or_results_it_says_what_can_be_compared(tmp_path, monkeypatch):
    """An archive of the project; a fresh clone, whose studies have no results yet."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("study: mine\n")
    with pytest.raises(WorkflowError, match="no study HEAD has results here") as refusal:
        compare.Revision("HEAD")
    assert refusal.value.fix.startswith("ls results")
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies/wsd.yaml").write_text("study: wsd\n")
    for name, typed in (("mine", "all   or"), ("wsd", "all --configfile studies/wsd.yaml   or")):
        with pytest.raises(WorkflowError, match=f"the study {name} has no results") as refusal:
            compare.Revision(name)
        assert f"snakemake --cores {typed}   dvc pull results" in refusal.value.fix
