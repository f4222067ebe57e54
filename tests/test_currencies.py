"""The figure of algorithms at equal cost."""

import numpy as np
import pandas as pd
import pytest

from ilscaling.show.figures import currencies, draw


def table() -> pd.DataFrame:
    """Two algorithms of one game, and a game with one; size 8 is better at both budgets by the
    first half of its episodes, and size 4 by the second."""
    rows = []
    for game, algorithm, labels in (
        ("foraging", "cloning", 0), ("foraging__rounds", "rounds", 100), ("other", "cloning", 0),
        ("foraging__play", "play", 0),
    ):  # fmt: skip
        for budget in (1e9, 1e10):
            for size in (4, 8):
                for seed in (0, 1):
                    rows.append({
                        "game": game, "algorithm": algorithm, "family": "mlp", "size": size,
                        "seed": seed, "budget": budget, "flops": 0.9 * budget, "status": "done",
                        "dev_loss": 1.0, "return_first": 10.0 + size,
                        "return_second": 20.0 + seed - size + np.log10(budget),
                        "env_steps": 300 * (algorithm == "play") + labels,
                        "expert_labels": labels, "unique_samples": 200.0 + labels,
                        "expert_return": 30.0, "random_return": 1.0,
                    })  # fmt: skip
    return pd.DataFrame(rows)


def test_return_on_every_currency_by_the_half_that_did_not_choose(tmp_path):
    data = currencies.data(table())
    assert set(data["game"]) == {"foraging"} and set(data["size"]) == {8}
    assert data["return"].unique() == pytest.approx([21.5, 22.5])
    assert data["se"].unique() == pytest.approx([0.5])
    paid = {key: rows["cost"].tolist() for key, rows in data.groupby(["algorithm", "currency"])}
    assert paid["rounds", "flops"] == pytest.approx([0.9e9, 0.9e10])
    assert paid["cloning", "labels"] == paid["cloning", "steps"] == [200, 200]
    assert paid["rounds", "labels"] == [300, 300] and paid["play", "steps"] == [300, 300]
    assert ("play", "labels") not in paid  # from rewards: nobody was asked
    entry = draw(currencies, data, tmp_path)
    assert "standard errors over seeds" in entry["caption"]
    assert (tmp_path / "currencies.png").stat().st_size > 5_000


def test_nothing_to_compare_draws_nothing():
    alone = table().query("game == 'other'")
    assert currencies.data(alone).empty
    assert currencies.data(table().drop(columns="return_first")).empty
    failed = table().assign(status="failed", dev_loss=np.nan)
    assert currencies.data(failed).empty
