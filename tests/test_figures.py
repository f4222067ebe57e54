"""Figures show what the table and the fits say, and come out the same every time."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from ilscaling import figures, laws, params
from ilscaling.cells import COLUMNS
from ilscaling.figures import curves, profiles, relation, style
from ilscaling.figures import laws as law_figure

SIZES, BUDGETS = (2, 4, 8, 16, 32, 64), (3e10, 1e11, 3e11, 1e12, 3e12)


def study(game="breakout", budgets=BUDGETS, scale=20.0, seed=0) -> pd.DataFrame:
    """A study with parabolas around N ~ C^0.4: a plateau, impossible cells and a failed one."""
    rng, rows = np.random.default_rng(seed), []
    for size in SIZES:
        for budget in budgets:
            N = 400.0 * size**1.5
            row = {"game": game, "family": "cnn", "size": size, "seed": 0, "budget": budget}
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


def fitted(table: pd.DataFrame) -> laws.StudyFit:
    return laws.fit_table(table, params.Laws())


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
def gallery(table, tmp_path_factory):
    """Profiles drawn once."""
    out = tmp_path_factory.mktemp("figures")
    figures.draw(profiles, profiles.data(table, fitted(table), {"breakout": 30.5}), out)
    return out


def test_drawing_again_gives_equal_bytes(gallery, tmp_path):
    (tmp_path / "profiles.csv").write_bytes((gallery / "profiles.csv").read_bytes())
    figures.redraw(tmp_path / "profiles.csv")
    for kind in ("png", "svg"):
        assert (tmp_path / f"profiles.{kind}").read_bytes() == (
            gallery / f"profiles.{kind}"
        ).read_bytes()
    assert "<dc:date>" not in (gallery / "profiles.svg").read_text()


def test_profiles_show_every_measured_cell_and_optimum(table, gallery):
    figure = profiles.draw(pd.read_csv(gallery / "profiles.csv"))
    done, fit = style.done(table), fitted(table)
    assert drawn(figure, 0) >= rounded(zip(done["params"], done["dev_loss"], strict=True))
    assert drawn(figure, 1) >= rounded(zip(done["params"], done["return_mean"], strict=True))
    used = fit.optima[fit.optima["used"]]
    assert set(used["method"]) == {"grid", "vertex"}
    assert drawn(figure, 0) >= rounded(zip(used["N_opt"], used["L_min"], strict=True))


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
            assert style.number(record["estimate"]) in text
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


def test_nothing_measured_draws_nothing(tmp_path):
    table = study().assign(status="failed", dev_loss=np.nan)
    assert figures.draw_all(table, fitted(table), tmp_path) == {}


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
    assert style.power(value) == text
