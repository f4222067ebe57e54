"""Figures show what the table and the fits say, and come out the same every time."""

import filecmp
import itertools
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import stores
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from ilscaling import laws, params, store
from ilscaling.domains.nethack import section as nethack_section
from ilscaling.errors import GameError
from ilscaling.show import figures, looks, words
from ilscaling.show.figures import (
    across,
    conditions,
    curves,
    expert,
    forecast,
    forms,
    gallery,
    held_out,
    methods,
    profiles,
    relation,
    replays,
    style,
    terminal,
    validation,
)
from ilscaling.show.figures import laws as law_figure
from ilscaling.show.titles import together
from ilscaling.tables import COLUMNS

SIZES, BUDGETS = (2, 4, 8, 16, 32, 64), (3e10, 1e11, 3e11, 1e12, 3e12)


def study(game="breakout", budgets=BUDGETS, scale=20.0, seed=0, domain="atari") -> pd.DataFrame:
    """A study with parabolas around N ~ C^0.4: a plateau, impossible cells and a failed one."""
    rng, rows = np.random.default_rng(seed), []
    for size in SIZES:
        for budget in budgets:
            N = 400.0 * size**1.5
            row = {
                "game": game,
                "domain": domain,
                "family": "cnn",
                "size": size,
                "seed": 0,
                "budget": budget,
            }
            row |= {"params": int(N), "batch": 64, "rate": 0.002, "action_entropy": 1.1}
            row |= {"expert_return": 5 * scale, "random_return": 0.05 * scale, "key": "k"}
            updates = int(budget / (3500 * N * 64))
            if updates < 1:
                rows.append({**row, "status": "impossible", "reason": "budget below one batch"})
                continue
            best, low = 5e3 * (budget / 3e11) ** 0.4, 0.7 * (budget / 3e11) ** -0.3
            loss = low * np.exp(0.1 * np.log(N / best) ** 2) * np.exp(0.01 * rng.normal())
            loss = min(loss, 1.1 - 0.01 * rng.random())
            row |= {"updates": 200 + updates, "samples": updates * 64, "epochs": 0.5}
            row |= {"flops": budget * 0.99, "dev_loss": loss, "dev_loss_se": 0.01 * loss}
            row |= {"return_mean": scale * loss**-2, "return_se": 0.5, "episodes": 20}
            rows.append({**row, "top1": 0.7, "status": "done", "reason": ""})
    rows[-1] |= {"status": "failed", "reason": "loss is not finite", "dev_loss": np.nan}
    return pd.DataFrame(rows, columns=list(COLUMNS))


def settings_of_nethack() -> pd.DataFrame:
    """Two settings of NetHack whose losses differ, after a game of another domain."""
    sections = [study(domain="atari")]
    for name, level in (("nethack_context_8", 1.0), ("nethack_context_32", 0.8)):
        section = study(name, domain="nethack", scale=200.0)
        sections.append(section.assign(dev_loss=section["dev_loss"] * level, action_entropy=2.0))
    return pd.concat(sections, ignore_index=True)


def played(count: int = 40, seed: int = 0) -> terminal.Play:
    """A made-up game: a few characters change with every key, menus come and go."""
    rng = np.random.default_rng(seed)
    chars = np.full((count, 24, 80), ord(" "), np.uint8)
    colors = np.zeros((count, 24, 80), np.int8)
    for i in range(count):
        chars[i], colors[i] = chars[i - 1], colors[i - 1]
        at = rng.integers(0, 23 * 80, 30)
        chars[i].flat[at] = rng.integers(32, 127, 30)
        colors[i].flat[at] = rng.integers(0, 24, 30)
        status = f"Dlvl:{1 + i // 10} $:0 HP:14(14) T:{1 + i}".ljust(80).encode()
        chars[i, 23] = np.frombuffer(status if i % 7 else b"(end)".ljust(80), np.uint8)
    cursor = rng.integers(0, 24, (count, 2)).astype(np.uint8)
    reward = (rng.random(count) < 0.2).astype(np.float32) * 20
    return terminal.Play(chars, colors, cursor, rng.integers(0, 121, count), reward)


def fitted(table: pd.DataFrame) -> laws.StudyFit:
    """Without resamples, which take time and change no point of a figure."""
    return laws.fit_table(table, params.Laws(bootstrap=0))


def drawn(figure: Figure, panel: int) -> set[tuple[float, float]]:
    """All points of a panel's lines and markers, to 6 digits."""
    lines = figure.axes[panel].get_lines()
    return {(float(f"{x:.5e}"), float(f"{y:.5e}")) for line in lines for x, y in line.get_xydata()}


def rounded(pairs) -> set[tuple[float, float]]:
    return {(float(f"{x:.5e}"), float(f"{y:.5e}")) for x, y in pairs}


@pytest.fixture(scope="module")
def table():
    return study()


@pytest.fixture(scope="module")
def folder(table, tmp_path_factory):
    """Profiles drawn once."""
    out = tmp_path_factory.mktemp("figures")
    figures.draw(profiles, profiles.data(table, fitted(table), {"breakout": 30.5}), out)
    return out


def test_drawing_again_gives_equal_bytes(folder, tmp_path):
    (tmp_path / "profiles.csv").write_bytes((folder / "profiles.csv").read_bytes())
    figures.redraw(tmp_path / "profiles.csv")
    for kind in ("png", "svg"):
        assert (tmp_path / f"profiles.{kind}").read_bytes() == (
            folder / f"profiles.{kind}"
        ).read_bytes()
    assert "<dc:date>" not in (folder / "profiles.svg").read_text()


def test_profiles_show_every_measured_cell_and_optimum(table, folder):
    figure = profiles.draw(pd.read_csv(folder / "profiles.csv"))
    done, fit = style.done(table), fitted(table)
    assert drawn(figure, 0) >= rounded(zip(done["params"], done["dev_loss"], strict=True))
    assert drawn(figure, 1) >= rounded(zip(done["params"], done["return_mean"], strict=True))
    used = fit.optima[fit.optima["used"]]
    assert set(used["method"]) == {"grid", "vertex"}
    assert drawn(figure, 0) >= rounded(zip(used["N_opt"], used["L_min"], strict=True))


def test_dollars_in_a_name_are_dollars(table, folder, tmp_path):
    """'$\\undefinedX$' ended a fit in matplotlib's parser."""
    rows = pd.read_csv(folder / "profiles.csv")
    rows.assign(game=r"$\undefinedX$").to_csv(tmp_path / "profiles.csv", index=False)
    figures.redraw(tmp_path / "profiles.csv")
    assert (tmp_path / "profiles.png").exists()


def test_cells_outside_the_fits_are_told_apart(table):
    data = profiles.data(table, fitted(table), {})
    cells = data[(data["kind"] == "cell") & (data["panel"] == "loss")]
    plateau = cells["budget"] == min(BUDGETS)
    assert plateau.any() and not cells.loc[plateau, "used"].any()
    assert cells.loc[~plateau, "used"].all()
    assert f"{plateau.sum()} of {len(cells)} cells" in profiles.caption(data)


def test_laws_show_the_fitted_exponents(table):
    fit = fitted(table)
    figure = law_figure.draw(law_figure.data(fit))
    for panel, law in enumerate(law_figure.PANELS):
        text = " ".join(text.get_text() for text in figure.axes[panel].texts)
        for method in laws.METHODS:
            record = fit.power("breakout", law, method)
            assert words.exponent(record["estimate"]) in text
            line = law_figure.points(fit, "breakout", law)
            ends = [row for row in line if row["kind"] == "line" and row["method"] == method]
            slope = np.log(ends[-1]["y"] / ends[0]["y"]) / np.log(ends[-1]["x"] / ends[0]["x"])
            assert slope == pytest.approx(record["estimate"])


def test_frontier_is_the_lowest_loss_with_so_much_compute():
    flops = np.geomspace(1e9, 1e12, 600)
    runs = [
        pd.DataFrame(
            {"game": "pong", "size": size, "seed": 0, "samples": np.arange(1, 601) * 64}
            | {"flops": flops, "loss": high * (flops / 1e9) ** -slope}
        )
        for size, high, slope in ((2, 1.0, 0.05), (8, 2.0, 0.2))
    ]
    data = curves.data(pd.concat(runs))
    frontier = data[data["kind"] == "frontier"].set_index("flops")["loss"]
    assert frontier.is_monotonic_decreasing
    runs = data[data["kind"] == "run"]
    lowest = runs.groupby("flops")["loss"].min()
    assert frontier.to_numpy() == pytest.approx(lowest.cummin().to_numpy())
    assert set(runs.loc[runs["loss"].isin(frontier), "size"]) == {2, 8}


def test_an_objective_that_may_be_negative_has_a_linear_axis_and_no_frontier():
    """A study of PPO alone ended in a traceback: its clipped loss has no logarithm."""
    flops = np.geomspace(1e9, 1e12, 60)
    runs = {"size": 4, "seed": 0, "samples": np.arange(1, 61) * 64, "flops": flops}
    rewards = pd.DataFrame({"game": "rewards", **runs, "loss": -0.02 + 0.01 * np.sin(flops)})
    cloned = pd.DataFrame({"game": "cloned", **runs, "loss": (flops / 1e9) ** -0.1})
    figure = curves.draw(curves.data(pd.concat([rewards, cloned])))
    assert [ax.get_yscale() for ax in figure.axes] == ["linear", "log"]
    assert [len(ax.lines) for ax in figure.axes] == [1, 2]


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(study(budgets=(1e12,)), id="one budget, no law"),
        pytest.param(pd.concat([study(), study("pong", scale=-1.0)]), id="two games, one negative"),
        pytest.param(study().assign(return_mean=np.nan), id="no returns"),
        pytest.param(study(scale=0.0), id="all returns zero"),
    ],
)
def test_odd_studies_are_drawn(case):
    fit = fitted(case)
    figures_ = [profiles.draw(profiles.data(case, fit, {})), law_figure.draw(law_figure.data(fit))]
    related = relation.data(case, fit, {})
    figures_ += [relation.draw(related)] if len(related) else []
    for figure in figures_:
        figure.set_layout_engine("none")
        figure.draw_without_rendering()
    games = case["game"].nunique()
    assert len(figures_[0].axes) == 2 * games and len(figures_[1].axes) == 4 * games


# Figures of the fits


@pytest.fixture(scope="module")
def two():
    """Two games with seeds, returns and an expert, fitted."""
    parts = [study(), study("pong", scale=30.0, seed=1)]
    parts += [part.assign(seed=1, dev_loss=part["dev_loss"] * 1.01) for part in parts]
    return laws.fit_table(pd.concat(parts, ignore_index=True), params.Laws(bootstrap=40))


def copies(fit: laws.StudyFit, count: int) -> laws.StudyFit:
    """A study of `count` games, each as the first game of `fit`."""
    first = fit.games[0]
    names = [f"space_invaders_{i}" for i in range(count)]

    def again(rows: pd.DataFrame) -> pd.DataFrame:
        mine = rows[rows["game"] == first]
        return pd.concat([mine.assign(game=name) for name in names], ignore_index=True)

    frames = {k: again(getattr(fit, k)) for k in ("optima", "cells", "validation", "verdicts")}
    fits = [{**f, "game": name} for name in names for f in fit.fits if f["game"] == first]
    return replace(fit, fits=fits, **frames)


def foretold(fit: laws.StudyFit) -> dict:
    """A forecast at 6e12 FLOPs by grid and varpro, and the runs that were then trained."""
    values = {"L_min": 0.25, "N_opt": 2e4, "R_max": 80.0, "R_on_1/L": 75.0}
    ways = (("grid", "power"), ("varpro", "surface"))
    told = [
        {"game": game, "method": method, "form": form, "budget": 6e12, "quantity": quantity}
        | {"estimate": value, "low": value / 1.3, "high": value * 1.3, "level": 0.95, "flags": ""}
        for game in fit.games
        for method, form in ways
        for quantity, value in values.items()
    ]
    real = [
        {"game": fit.games[0], "budget": 6e12, "flops": 5.9e12, "status": "done", "seed": 0}
        | {"dev_loss": 0.26, "dev_loss_se": 0.01, "return_mean": 70.0, "return_se": None},
        {"game": fit.games[-1], "budget": 6e12, "status": "failed", "reason": "not finite"},
    ]
    known = {"predictions": pd.DataFrame(told), "realised": pd.DataFrame(real)}
    return {**known, "proposals": []}


def measured(fit: laws.StudyFit) -> laws.StudyFit:
    """With a mean across games, whatever the budgets of the games."""
    rows = {"budget": [1e11, 1e12], "games": 2, "runs": 4, "iqm": [0.2, 0.6], "level": 0.95}
    rows |= {"low": [0.1, 0.5], "high": [0.3, 0.9], "scale": "R / expert", "reason": ""}
    return replace(fit, across=pd.DataFrame({**rows, "interval": "stratified bootstrap"}))


def shown(figure: Figure) -> list:
    """Everything drawn: points to 6 digits, texts."""
    parts = []
    for panel, ax in enumerate(figure.axes):
        parts.append(sorted(drawn(figure, panel)))
        texts = [*ax.texts, ax.title, ax._left_title, *ax.get_xticklabels(), *ax.get_yticklabels()]
        parts.append([text.get_text() for text in texts])
    return parts


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of texts, but for the marks of axes, that cover each other; and those that leave the
    figure, with an empty second."""
    figure.draw_without_rendering()
    axes = [ax for ax in figure.axes if ax.get_visible()]
    texts = [t for ax in axes for t in (*ax.texts, ax.title, ax._left_title)]
    texts += [label for ax in axes for label in (ax.xaxis.label, ax.yaxis.label)]
    boxes = [(t.get_text(), t.get_window_extent()) for t in texts if t.get_text()]
    width, height = figure.bbox.size
    wrong = [
        (a, b) for (a, p), (b, q) in itertools.combinations(boxes, 2)
        if min(p.x1, q.x1) - max(p.x0, q.x0) > 1 and min(p.y1, q.y1) - max(p.y0, q.y0) > 1
    ]  # fmt: skip
    out = [
        (a, "") for a, p in boxes if min(p.x0, p.y0) < -1 or p.x1 > width + 1 or p.y1 > height + 1
    ]
    return wrong + out


OF_FITS = (methods, forms, held_out, validation, across)


@pytest.mark.parametrize("module", [*OF_FITS, forecast], ids=lambda module: module.NAME)
def test_figures_of_fits_are_drawn_from_their_csv(module, two, tmp_path):
    data = module.data(two, foretold(two)) if module is forecast else module.data(measured(two))
    data.to_csv(tmp_path / "data.csv", index=False)
    figure = module.draw(pd.read_csv(tmp_path / "data.csv"))
    assert shown(figure) == shown(module.draw(data))
    assert not overlapping(figure)
    caption = module.caption(data)
    assert "nan" not in caption and "None" not in caption


def test_every_exponent_stands_in_the_forest(two):
    data = methods.data(two)
    figure = methods.draw(data)
    ways = looks.ways_of(data[data["game"] == "breakout"])
    for panel, law in enumerate(looks.LAWS):
        points = {x for x, _ in drawn(figure, panel)}
        low, high = figure.axes[panel].get_xlim()
        for method, form in ways:
            for f in two.fits:
                key = (f["game"], f["law"], f["method"], f["form"], f["parameter"])
                wanted = f["estimate"] is not None and low < f["estimate"] < high
                its = (form, law) != ("surface", "R_on_1/L")
                if key == ("breakout", law, method, form, "exponent") and wanted and its:
                    assert float(f"{f['estimate']:.5e}") in points


def test_what_could_not_be_fitted_says_why(two):
    gone = {"estimate": None, "ci_low": None, "ci_high": None}
    flags = ["left_out: 1 of 6 budgets", "not_fitted: 1 point, a line needs two"]
    fits = [{**f, **gone, "flags": flags} if f["law"] == "N_opt" else f for f in two.fits]
    figure = methods.draw(methods.data(replace(two, fits=fits)))
    texts = [text.get_text() for text in figure.axes[1].texts]
    assert texts and all("1 point, a line" in text.replace("\n", " ") for text in texts)


def test_predictions_of_the_held_out_budget_are_marked_by_whether_they_held(two):
    data = held_out.data(two)
    assert set(data["budget"]) == {max(BUDGETS)} and data["held_out"].all()
    figure = held_out.draw(data)
    hollow = [
        line
        for ax in figure.axes
        for line in ax.get_lines()
        if line.get_marker() != "None" and line.get_markerfacecolor() == "white"
    ]
    assert len(hollow) == (data["covered"].astype(str) == "False").sum()
    panel = data[(data["game"] == "breakout") & (data["law"] == "L_min")]
    points = {x for x, _ in drawn(figure, 0)}
    for column in ("predicted", "measured"):
        assert {x for x, _ in rounded((x, 0) for x in panel[column])} <= points


def test_rolling_predictions_count_what_held(two):
    data = validation.data(two)
    assert len(data) and (data["origin"] < data["budget"]).all()
    texts = " ".join(t.get_text() for t in validation.draw(data).axes[0].texts)
    mine = data[(data["game"] == "breakout") & (data["law"] == "L_min")]
    grid = mine[(mine["method"] == "grid") & (mine["form"] == "power")]
    held = (grid["covered"].astype(str) == "True").sum()
    assert (
        f"{words.off(np.sqrt((grid['error'] ** 2).mean()), signed=False)}  {held}/{len(grid)}"
        in texts
    )


@pytest.mark.parametrize(("module", "count"), [(forms, 9), (held_out, 4)])
def test_many_games_fit_on_a_figure(module, count, two):
    data = module.data(copies(two, count))
    assert data["game"].nunique() == count
    assert not overlapping(module.draw(data))


def test_a_study_too_small_for_statistics_is_drawn_as_far_as_it_goes():
    fit = fitted(study(budgets=(1e12,)))
    assert all(module.data(fit).empty for module in OF_FITS)
    short = fitted(study(budgets=(3e11, 1e12)))
    for module in (methods, forms):
        assert not overlapping(module.draw(module.data(short)))
    assert forecast.data(short, {**foretold(short), "predictions": pd.DataFrame()}).empty


def test_a_forecast_of_returns_below_zero_is_drawn_with_what_is_quoted_in_bold():
    table = study()
    table[["return_mean", "return_first", "return_second"]] -= 200.0
    fit = fitted(table)
    assert fit.power("breakout", "R_max")["line"] is None
    told = foretold(fit)
    said = {"game": "breakout", "method": "relation", "form": "sigmoid", "budget": 6e12}
    said |= {"quantity": "R_max", "estimate": -105.0, "quoted": True}
    predictions = told["predictions"]
    predictions = predictions[~predictions["quantity"].str.startswith("R")].assign(quoted=False)
    told["predictions"] = pd.concat([predictions, pd.DataFrame([said])])
    told["realised"]["return_mean"] = -110.0
    data = forecast.data(fit, told)
    figure = forecast.draw(data)
    returns, ways = figure.axes[2:4]
    assert returns.get_yscale() == ways.get_yscale() == "linear"
    low, high = returns.get_ylim()
    best = data[(data["panel"] == "return") & (data["kind"] == "optimum")]
    assert len(best) == len(BUDGETS) and best["y"].between(low, high).all()
    assert low < -110.0 and high > -105.0 and ways.get_ylim() == (low, high)
    assert (0.0, -105.0) in drawn(figure, 3)
    assert [(t.get_text(), t.get_fontweight()) for t in ways.get_xticklabels()] == [
        ("sigmoid", "bold")
    ]
    assert not overlapping(figure)


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        ("too few budgets (5) to compare", "too few budgets to compare"),
        (
            "the pure power law is rejected toward saturation beyond 1.5e+14 FLOPs: delta AIC 42, "
            "extrapolation error .033 against .161; 3 of 9 optima are at the grid's edge",
            "power law rejected: saturation beyond $1.5\\times10^{14}$ FLOPs",
        ),
        (
            "undecided: AIC prefers saturation (delta AIC 3), no",
            "undecided: AIC prefers saturation",
        ),
    ],
)
def test_verdicts_are_shortened_for_a_panel(verdict, text):
    assert forms.short(verdict) == text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (0.0, "0.0 %"),
        (np.log(1.04), "+4.0 %"),
        (np.log(0.9), "\N{MINUS SIGN}10 %"),
        (np.log(3), "\N{MULTIPLICATION SIGN}3"),
        (-np.log(3), "÷3"),
        (np.nan, ""),
    ],
)
def test_errors_are_written_as_people_do(error, text):
    assert words.off(error) == text


def test_nothing_measured_draws_nothing(tmp_path):
    table = study().assign(status="failed", dev_loss=np.nan)
    assert figures.draw_all(table, fitted(table), tmp_path) == {}
    # What the workflow promises is there nevertheless, and says why it is empty.
    figures.placeholder(tmp_path / "profiles", "no cell enters the fits")
    assert "no cell enters" in (tmp_path / "profiles.svg").read_text(encoding="utf-8")
    assert (tmp_path / "profiles.png").stat().st_size > 1000


@settings(max_examples=30, deadline=None)
@given(low=st.floats(1e-3, 1e9), decades=st.floats(0.0, 9.0), most=st.integers(3, 8))
def test_log_axes_have_two_to_so_many_labels(low, decades, most):
    ax = Figure().subplots()
    style.log_axis(ax.xaxis, low, low * 10**decades, most=most)
    left, right = ax.get_xlim()
    shown = [tick for tick in ax.xaxis.get_majorticklocs() if left <= tick <= right]
    assert 2 <= len(shown) <= most


@pytest.mark.parametrize(
    ("value", "text"), [(1e12, "$10^{12}$"), (3e10, "$3\\times10^{10}$"), (99999.0, "$10^{5}$")]
)
def test_powers_are_written_as_people_do(value, text):
    assert words.power(value) == text


def test_settings_of_one_game_are_compared_with_their_exponents():
    table = settings_of_nethack()
    fit = fitted(table)
    data = conditions.data(table, fit)
    assert list(dict.fromkeys(data["game"])) == ["nethack_context_8", "nethack_context_32"]
    figure = conditions.draw(data)
    done = style.done(table[table["domain"] == "nethack"])
    best = done.groupby(["game", "budget"])["dev_loss"].min()
    assert {y for _, y in drawn(figure, 0)} >= {y for _, y in rounded((1, y) for y in best)}
    legend = " ".join(text.get_text() for text in figure.axes[1].get_legend().get_texts())
    for game in data["game"].unique():
        for law in conditions.PANELS:
            assert words.exponent(fit.power(game, law, "grid")["estimate"]) in legend
    assert "context 8" in legend


def test_different_games_are_not_settings_of_one():
    table = pd.concat([study(), study("pong"), study("nethack", domain="nethack")])
    assert conditions.data(table, fitted(table)).empty


def test_games_come_in_the_order_of_the_fits(tmp_path, monkeypatch):
    # Drawing takes seconds and has no say in the order.
    monkeypatch.setattr(figures, "redraw", lambda csv: None)
    table = settings_of_nethack()
    order = ["nethack_context_8", "breakout", "nethack_context_32"]
    fit = laws.fit_table(table, params.Laws(), games=order)
    figures.draw_all(table, fit, tmp_path)
    for name in ("profiles", "laws", "return_on_loss"):
        assert list(dict.fromkeys(pd.read_csv(tmp_path / f"{name}.csv")["game"])) == order
    assert "conditions" in json.loads((tmp_path / "figures.json").read_text())


def test_figures_are_the_same_to_the_byte_whatever_draws_them(tmp_path):
    table = study(budgets=(3e11, 1e12)).drop(columns=["return_mean", "return_se"])
    fit = laws.fit_table(table, params.Laws(bootstrap=0))
    figures.draw_all(table, fit, tmp_path / "one")
    figures.draw_all(table, fit, tmp_path / "two", processes=2)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(files) > 6
    assert filecmp.cmpfiles(tmp_path / "one", tmp_path / "two", files, shallow=False)[0] == files


def test_shared_demonstrations_are_drawn_once():
    rows = pd.DataFrame({"split": ["train"] * 9 + ["dev"] * 3, "return": np.arange(12.0)})
    names = ["nethack_context_8", "breakout", "nethack_context_32"]
    shift = {"breakout": 5.0}
    returns = pd.concat(
        rows.assign(game=name, **{"return": rows["return"] + shift.get(name, 0.0)})
        for name in names
    )
    data = expert.data(returns, {}, dict.fromkeys(names, 1.0))
    assert data[data["kind"] == "episode"].groupby("game").size().to_dict() == {
        "nethack_context_8": 12,
        "breakout": 12,
    }
    figure = expert.draw(data)
    assert figure.axes[0].get_title("left") == together(["nethack_context_8", "nethack_context_32"])


def decoded(game: dict) -> tuple[np.ndarray, np.ndarray]:
    """Characters and colours (T, 24, 80) of a game in a replay file, as its reader makes them."""
    text, ink = np.full(24 * 80, ord(" "), np.uint8), np.zeros(24 * 80, np.int8)
    screens = []
    for runs in game["screens"]:
        for place, piece, paint in zip(runs[::3], runs[1::3], runs[2::3], strict=True):
            to = slice(place, place + len(piece))
            text[to] = list(piece.encode("latin-1"))
            ink[to] = [int(digit, 32) for digit in paint] * (len(piece) if len(paint) == 1 else 1)
        screens.append((text.copy(), ink.copy()))
    return tuple(np.array(part).reshape(-1, 24, 80) for part in zip(*screens, strict=True))


def test_a_replay_file_holds_every_screen(tmp_path):
    play = played()
    replays.write(tmp_path / "a.json", {"expert": play, "agent": played(5, seed=1)})
    replays.write(tmp_path / "b.json", {"expert": play, "agent": played(5, seed=1)})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    games = json.loads((tmp_path / "a.json").read_text())["games"]
    assert [game["name"] for game in games] == ["expert", "agent"]
    text, ink = decoded(games[0])
    assert np.array_equal(text, play.chars)
    visible = (play.chars != ord(" ")) | (play.colors >= terminal.INVERSE)
    assert np.array_equal(ink[visible], play.colors[visible])
    assert games[0]["scores"] == play.scores[:-1].tolist()
    # Behind a menu the level and turn last seen stand.
    assert games[0]["turns"][13:16] == [14, 14, 16] and games[0]["levels"][21] == 3


def test_a_replay_keeps_its_limit_and_says_what_it_shows(tmp_path):
    play = played(200)
    replays.write(tmp_path / "a.json", {"expert": play}, frames=100, limit=9000)
    (game,) = json.loads((tmp_path / "a.json").read_text())["games"]
    first, count = game["first"], len(game["screens"])
    assert len(json.dumps(game["screens"], separators=(",", ":"))) < 9000 and 2 < count < 100
    assert game["about"].startswith(f"Keys {first} to {first + count - 1} of 200")
    assert np.array_equal(decoded(game)[0], play.chars[first - 1 :][:count])


@settings(max_examples=50, deadline=None)
@given(gains=st.lists(st.integers(-5, 50), min_size=1, max_size=30), data=st.data())
def test_the_stretch_is_the_first_of_the_most_rewarding(gains, data):
    length = data.draw(st.integers(1, len(gains)))
    empty = np.zeros((len(gains), 24, 80), np.uint8)
    play = terminal.Play(empty, empty, empty, np.zeros(len(gains)), np.array(gains, np.float32))
    sums = [sum(gains[i : i + length]) for i in range(len(gains) - length + 1)]
    assert replays.stretch(play, length) == sums.index(max(sums))


def test_nethack_plays_again_from_seed_and_actions():
    from ilscaling.domains.nethack.game import KEYS, Game

    options, keys = nethack_section.NetHackEmulator(), b"hjklyubns" * 12
    game = Game(options)
    game.start(7)
    seen, gained = [], []
    for key in keys:
        seen.append(game.observation["tty_chars"].copy())
        gained.append(game.press(key))
    game.close()
    play = terminal.replay(options, 7, [KEYS.index(key) for key in keys])
    assert np.array_equal(play.chars, seen) and play.reward.tolist() == gained
    assert play.status()[1][-1] > 1
    with pytest.raises(GameError, match="ended at key"):
        short = options.model_copy(update={"max_steps": 20})
        terminal.replay(short, 7, [KEYS.index(key) for key in keys])


def test_pictures_are_chosen_by_domain(tmp_path):
    play = played()
    names = {"tty_chars": "chars", "tty_colors": "colors", "tty_cursor": "cursor"}
    steps = {name: getattr(play, of) for name, of in names.items()}
    steps |= {"action": play.action.astype(np.uint8), "reward": play.reward}
    fields = {name: (array.shape[1:], array.dtype) for name, array in steps.items()}
    about = {"domain": "nethack", "game": "nethack", "actions": ["k"] * 121}
    with store.create(
        tmp_path / "demos.zarr", fields, about, chunk_steps=16, shard_steps=32
    ) as writer:
        table = {"seed": [0], "steps": np.array([40]), "return": [1.0], "truncated": [False]}
        stores.fill(writer, dev=(table, [steps]))
    again = terminal.recorded(tmp_path / "demos.zarr")
    assert np.array_equal(again.chars, play.chars) and np.array_equal(again.scores, play.scores)
    drawn = gallery.pictures(tmp_path / "demos.zarr", tmp_path, "nethack")
    assert drawn == gallery.paths("nethack", tmp_path, "nethack")
    content = {path: path.read_bytes() for path in drawn.values()}
    gallery.pictures(tmp_path / "demos.zarr", tmp_path, "nethack")
    assert content == {path: path.read_bytes() for path in drawn.values()}
    assert len(gallery.paths("atari", tmp_path, "breakout")) == 2
