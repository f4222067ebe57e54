"""The fits against the numbers published for the released tables (arXiv 2307.09423)."""

from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from ilscaling import laws, tables
from ilscaling.params import Laws

PUBLISHED = Path(__file__).parents[1] / ".." / "shared" / "published"
pytestmark = pytest.mark.skipif(
    not PUBLISHED.exists(), reason="the released tables are not at ../shared/published"
)
# As the paper fits: nominal budgets, every budget whatever the number of its sizes.
AS_PUBLISHED = Laws(flops="nominal", min_sizes=1, bootstrap=0, window=None)
fitted = partial(laws.fit_table, validate=False)


def nethack() -> pd.DataFrame:
    return tables.read_table(PUBLISHED / "nethack.csv")


def atari() -> pd.DataFrame:
    """Losses of cells, and their returns by seed: further rows without a loss."""
    return tables.read_table(PUBLISHED / "atari.csv")


def window(table: pd.DataFrame, game: str, low: float, high: float) -> pd.DataFrame:
    return table[(table["game"] == game) & table["budget"].between(0.99 * low, 1.01 * high)]


def test_nethack_over_all_budgets():
    fit = fitted(nethack(), AS_PUBLISHED)
    size, loss = (fit.power("NetHack", law, "grid") for law in ("N_opt", "L_min"))
    assert [round(size[k], 3) for k in ("estimate", "ci_low", "ci_high")] == [0.605, 0.546, 0.664]
    assert round(loss["estimate"], 3) == -0.172
    assert "edge: 13 of 22 optima at the smallest or largest size" in size["flags"]
    assert any(flag.startswith("seeds:") for flag in size["flags"])
    assert "averaged 65 of 142 cells of NetHack over up to 2 runs" in fit.notes
    assert (
        "kept 207 rows of NetHack unchecked for 'fewer than 100 updates': no updates" in fit.notes
    )


@pytest.mark.parametrize(
    ("table", "game", "low", "high", "a", "b"),
    [
        (nethack, "NetHack", 1e15, 5e18, 0.6109, 0.3890),
        (atari, "BattleZone", 2e14, 1e18, 0.5845, 0.5104),
        (atari, "Breakout", 2e14, 5e17, 0.7417, 0.4577),
    ],
)
def test_published_exponents_on_their_windows(table, game, low, high, a, b):
    fit = fitted(window(table(), game, low, high), AS_PUBLISHED)
    found = [round(fit.power(game, law, "grid")["estimate"], 4) for law in ("N_opt", "D_opt")]
    assert found == [a, b]


def test_atari_over_all_budgets():
    fit = fitted(atari(), AS_PUBLISHED)
    found = {game: round(fit.power(game, "N_opt", "grid")["estimate"], 3) for game in fit.games}
    assert found == {"BattleZone": 0.413, "Boxing": 0.428, "Breakout": 0.727, "Qbert": 0.548}
    assert "dropped 25 rows of Breakout: dev_loss missing or not positive" in fit.notes


def test_budgets_with_two_sizes_are_left_out_by_default():
    fit = fitted(nethack(), Laws(flops="nominal", bootstrap=0))
    flags = fit.power("NetHack", "N_opt", "grid")["flags"]
    two = "left_out: 5 of 22 budgets (sizes 6e+18, 7e+18, 8e+18, 9e+18, 1e+19)"
    assert two in flags
