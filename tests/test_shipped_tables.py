"""Tables of studies that take hours stand in the repository and give the numbers quoted of them."""

import json

import pandas as pd
import pytest
from conftest import ROOT

from ilscaling import laws, params, tables
from ilscaling.errors import FitError

# The other ones are of a study's first run, and have a page that is compared with them.
TABLES = sorted(
    path.stem
    for path in (ROOT / "docs/tables").glob("*.csv")
    if (ROOT / f"studies/{path.stem}.yaml").exists()
)


@pytest.mark.parametrize("name", TABLES)
def test_a_shipped_table_gives_the_exponents_that_stand_in_the_repository(name):
    study = params.read(ROOT / "params.yaml", ROOT / f"studies/{name}.yaml")
    quoted = json.loads((ROOT / f"results/{name}/metrics.json").read_text(encoding="utf-8"))
    settings = study.laws.model_copy(update={"bootstrap": 0})
    table = tables.read_table(ROOT / f"docs/tables/{name}.csv")
    games = set(table["game"])
    assert games == {game for game in quoted if isinstance(quoted[game], dict)}
    done = table[table["status"] == "done"].groupby("game").size()
    assert all(done[game] == quoted[game]["cells_done"] for game in games)
    known = [game for game in games if quoted[game]["L_min"] is not None]
    assert known or name in ("few", "few_play", "lot", "human")  # of these no law is quoted
    if known:
        of_known = table[table["game"].isin(known)]
        fit = laws.fit_table(of_known, settings, validate=False)
    for game in known:
        law = quoted[game]
        estimate = fit.power(game, "L_min", law["L_min_method"])["estimate"]
        assert estimate == pytest.approx(law["L_min"], rel=1e-6), game


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_words_and_exponents_of_the_shipped_metrics_are_those_of_a_fit_of_today(name):
    """A rule that came later has to reach the numbers that were shipped before."""
    study = params.read(ROOT / "params.yaml", ROOT / f"studies/{name}.yaml")
    quoted = json.loads((ROOT / f"results/{name}/metrics.json").read_text(encoding="utf-8"))
    table = tables.read_table(ROOT / f"docs/tables/{name}.csv")
    try:
        made = laws.metrics(table, laws.fit_table(table, study.laws, processes=2))
    except FitError:
        assert all(game["L_min"] is None for game in quoted.values())
        return
    assert set(made) == set(quoted)
    for game, found in made.items():
        for law in laws.LAWS:
            for value in (law, f"{law}_method", f"{law}_known"):
                expected = quoted[game].get(value)
                if isinstance(expected, float):
                    expected = pytest.approx(expected, rel=1e-3, abs=1e-3)
                assert found.get(value) == expected, (game, value)


def test_an_interval_that_does_not_hold_its_own_estimate_is_named():
    """As of a saturating law through five vertices of GoTo, whose resamples have other floors."""
    table = tables.read_table(ROOT / "docs/tables/reference.csv")
    settings = params.read(ROOT / "params.yaml", ROOT / "studies/reference.yaml").laws
    fit = laws.fit_table(table[table["game"] == "go_to"], settings, validate=False)
    known = [f for f in fit.fits if None not in (f["estimate"], f["ci_low"])]
    held = [f["ci_low"] <= f["estimate"] <= f["ci_high"] for f in known]
    named = [any(flag.startswith("beside:") for flag in f["flags"]) for f in known]
    assert named == [not inside for inside in held] and any(named)
    assert {laws.determined(f) for f, flag in zip(known, named, strict=True) if flag} == {
        "not determined"
    }


def judged(monkeypatch):
    """benchmarks/judged.py, the reference study's table, its settings and docs/findings.md."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import judged

    table = tables.read_table(ROOT / "docs/tables/reference.csv")
    settings = params.read(ROOT / "params.yaml", ROOT / "studies/reference.yaml").laws
    return judged, table, settings, (ROOT / "docs/findings.md").read_text(encoding="utf-8")


def test_the_findings_say_what_the_reference_table_says(monkeypatch):
    made, table, settings, page = judged(monkeypatch)
    quoted = json.loads((ROOT / "results/reference/metrics.json").read_text(encoding="utf-8"))
    forecast = json.loads((ROOT / "docs/tables/reference_forecast.json").read_text("utf-8"))
    parts = (made.without_a_seed(table, settings, quoted), made.played(table))
    parts += (made.by_form(table, settings),)
    parts += (made.by_sizes(pd.read_csv(made.MISSES)),)
    for part in (*parts, made.by_count(table, "breakout"), made.outcome(forecast)):
        assert part in page


def test_the_findings_say_what_eleven_and_sixteen_games_said(monkeypatch):
    made, _, settings, page = judged(monkeypatch)
    few = tables.read_table(ROOT / "docs/tables/reference_few_games.csv")
    assert made.by_split(few, settings) in page
    assert made.without_the_heaviest(few, settings) in page


def test_the_findings_say_what_games_that_neither_study_saw_say(monkeypatch):
    page = judged(monkeypatch)[-1]
    import same_games

    table = pd.read_csv(same_games.OUT)
    assert same_games.shown(table) in page
    # What was foretold is in the table of forecasts, too, of the runs that were trained.
    forecast = json.loads((ROOT / "docs/tables/reference_forecast.json").read_text("utf-8"))
    foretold = {p["game"]: p for p in forecast["proposals"] if p["game"] in set(table["game"])}
    assert len(foretold) == len(table)
    rows = tables.read_table(same_games.TABLE)
    for game, row in table.set_index("game").iterrows():
        measured = same_games.largest(rows[rows["game"] == game])["test_loss"].mean()
        assert foretold[game]["L_min"]["form"] == row["quoted_form"]
        estimate = foretold[game]["L_min"]["estimate"]
        assert row["quoted"] == pytest.approx(estimate / measured, rel=1e-4), game


WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def test_the_findings_count_right_what_came_out_at_four_times():
    """Of eleven games on the same held-out games, of NetHack and MinAtar on their own."""
    page = (ROOT / "docs/findings.md").read_text(encoding="utf-8")
    page = " ".join(page.split())
    forecast = json.loads((ROOT / "docs/tables/reference_forecast.json").read_text("utf-8"))
    told, real = pd.DataFrame(forecast["predictions"]), pd.DataFrame(forecast["realised"])
    real = real.groupby("game")[["test_loss", "return_mean"]].mean()
    loss = pd.read_csv(ROOT / "docs/tables/reference_same_games.csv").set_index("game")
    eleven = loss[["power", "saturating", "quoted"]].div(loss["after"] / loss["before"], axis=0)
    own = told[(told["quantity"] == "L_min") & told["game"].isin(set(real.index) - set(loss.index))]
    by_form = own[own["method"] == "vertex"].pivot(index="game", columns="form", values="estimate")
    others = by_form[["power", "saturating"]].assign(
        quoted=own[own["quoted"]].set_index("game")["estimate"]
    )
    thirteen = pd.concat([eleven, others.div(real["test_loss"].reindex(others.index), axis=0)])
    assert len(thirteen) == 13
    miss = (thirteen - 1).abs()
    closer = miss["saturating"] < miss["power"] - 1e-9
    further = miss["saturating"] > miss["power"] + 1e-9
    of_eleven, of_all = WORDS[closer[eleven.index].sum()], WORDS[closer.sum()]
    assert f"The saturating law is closer in {of_eleven} of the eleven." in page
    assert f"the saturating law was closer in {of_all} of thirteen games" in page
    assert list(further[further].index) == ["qbert", "bank_heist"]
    assert "**against in 2 of 11**, Q*bert and Bank Heist" in page
    forms = told[(told["quantity"] == "L_min") & told["quoted"]].set_index("game")["form"]
    missed = miss["quoted"] > 0.05
    assert f"**against in {missed.sum()} of 13 games** on the same held-out games" in page
    power = forms.reindex(missed.index) == "power"
    off = f"in {WORDS[(missed & power).sum()]} of {WORDS[power.sum()]}"
    assert f"a quoted power law was off by more than 5 % {off}." in page
    returns = told[(told["quantity"] == "R_max") & told["quoted"]].set_index("game")
    played = real["return_mean"].reindex(returns.index)
    wrong = ((returns["estimate"] - played) / played.abs()).abs() > 0.05
    inside = (returns["low"] <= played) & (played <= returns["high"])
    known = returns["low"].notna()
    assert inside[known].all()
    assert (
        f"**against in {wrong.sum()} of {len(returns)}**, "
        f"outside of none of {WORDS[known.sum()]} intervals"
    ) in page


@pytest.mark.slow
def test_the_misses_are_those_of_the_reference_table(monkeypatch):
    made, table, settings, _ = judged(monkeypatch)
    pd.testing.assert_frame_equal(made.misses(table, settings), pd.read_csv(made.MISSES), rtol=1e-4)


NULL_SIZES = ROOT / "docs/tables/reference_null_sizes.csv"


def test_the_findings_say_what_an_optimum_that_stays_would_seem_to(monkeypatch):
    page = judged(monkeypatch)[-1]
    import null_sizes

    assert null_sizes.shown(pd.read_csv(NULL_SIZES)) in page


@pytest.mark.slow
def test_an_optimum_that_stays_would_seem_to_grow_as_the_table_says(monkeypatch):
    """Of one game; all take minutes."""
    _, table, settings, _ = judged(monkeypatch)
    import null_sizes

    rows = table[(table["game"] == "go_to") & (table["status"] == "done")]
    made = null_sizes.said(rows, settings.model_copy(update={"bootstrap": 0}))
    of = pd.read_csv(NULL_SIZES).set_index("game").loc["go_to"]
    for name in of.index:
        assert made[name] == pytest.approx(of[name], rel=1e-3), name


@pytest.mark.slow
def test_the_findings_say_what_other_held_out_games_say(monkeypatch):
    made, table, settings, page = judged(monkeypatch)
    assert made.by_split(table, settings) in page


@pytest.mark.slow
def test_the_findings_say_what_comes_out_without_runs_that_learned_nothing(monkeypatch):
    made, table, settings, page = judged(monkeypatch)
    assert made.without_unlearned(table, settings) in page
    # The same runs that the fit names.
    of = made.unlearned(table)
    for game in table.loc[of, "game"].unique():
        fit = laws.fit_table(
            table[table["game"] == game], settings.model_copy(update={"bootstrap": 0})
        )
        flag = next(n for n in fit.quoted(game, "L_min")["flags"] if n.startswith("unlearned: "))
        runs = table[of & (table["game"] == game)].groupby(["size", "seed"]).ngroups
        assert flag.startswith(f"unlearned: {runs} of 24 runs")


def test_soft_labels_have_twice_the_return_as_readme_says():
    table = tables.read_table(ROOT / "docs/tables/soft_breakout.csv")
    best = table[table["budget"] == table["budget"].max()]
    means = best.groupby(["algorithm", "size"])[["return_first", "return_second"]].mean()
    # The size chosen by one half of the episodes, judged by the other.
    chosen = means.loc[means.groupby("algorithm")["return_first"].idxmax(), "return_second"]
    cloning, soft = chosen.droplevel("size")[["cloning", "soft"]]
    assert 1.75 <= soft / cloning < 2.5
    assert "on Breakout by twice the return" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_page_of_algorithms_says_what_its_tables_say(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import equal_flops
    import few

    page = (ROOT / "docs/algorithms.md").read_text(encoding="utf-8")
    table = pd.read_csv(ROOT / "docs/tables/few.csv")
    for part in (few.returns(table), few.gains(table), few.losses(table)):
        assert part in page
    assert few.by_play(pd.read_csv(ROOT / "docs/tables/few_play.csv")) in page
    for name in ("algorithms", "algorithms_breakout", "soft_breakout"):
        table = pd.read_csv(ROOT / f"docs/tables/{name}.csv")
        for column in ("dev_expected_loss", "own_loss"):
            assert equal_flops.by_size(table, column) in page
        for algorithm, row in equal_flops.best(table).iterrows():
            said = f"{algorithm} {row['return']:.1f} ± {row['se']:.1f}"
            assert said in " ".join(page.split())
