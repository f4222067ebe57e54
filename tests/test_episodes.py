"""Held-out episodes that are told apart: intervals hold what others of them would say."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ilscaling import laws
from ilscaling.errors import FitError
from ilscaling.laws import episodes
from ilscaling.laws.more_seeds import precision
from ilscaling.measuring.loss import PARTS, apart
from ilscaling.params import Laws
from ilscaling.store.ratio import ratio

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
from simulated import DESIGNS, G, study  # noqa: E402

(TWELVE,) = (design for design in DESIGNS if design.name == "twelve held-out episodes")


def table_of(runs) -> pd.DataFrame:
    """A results table of a simulated study, with its held-out episodes."""
    columns = {"budget": runs.budget, "flops": runs.C, "params": runs.N, "samples": runs.D}
    steps = runs.dev.steps
    texts = [
        " ".join(f"{n}:{x:.6g}" for n, x in zip(steps, row, strict=True)) for row in runs.dev.losses
    ]
    return pd.DataFrame(
        {"game": "pong", **columns, "dev_loss": runs.L, "run": runs.run, "dev_losses": texts}
    )


def test_a_mean_over_drawn_episodes_scatters_as_its_standard_error_says():
    random = np.random.default_rng(0)
    steps = random.integers(100, 5_000, 16)
    losses = 0.5 * np.exp(0.3 * random.standard_normal(16))
    of = episodes.Episodes(steps, losses[None])
    drawn = np.log(of.drawn(20_000, random)[:, 0])
    known = ratio(losses * steps, steps)
    assert of.mean[0] == pytest.approx(known.mean)
    assert drawn.std() == pytest.approx(known.se / known.mean, rel=0.1)
    # All rows are measured on the same ones.
    both = episodes.Episodes(steps, np.stack([losses, 3 * losses, np.full(16, np.nan)]))
    small, large, none = both.drawn(50, random).T
    assert small == pytest.approx(large) and (none == 1).all()


def test_intervals_hold_the_truth_that_other_episodes_would_tell():
    """Losses of twelve episodes: over runs alone half of the intervals of the loss's exponent are
    beside the truth (docs/coverage.md, benchmarks/covering.py)."""
    held, wider = 0, []
    for seed in range(8):
        table = table_of(study(TWELVE, seed))
        fits = [
            laws.fit_table(rows, Laws(bootstrap=60), validate=False)
            for rows in (table, table.drop(columns="dev_losses"))
        ]
        told, untold = (fit.quoted("pong", "L_min") for fit in fits)
        assert told["estimate"] == untold["estimate"]
        held += told["ci_low"] <= -G <= told["ci_high"]
        wider.append(np.diff([of[end] for of in (told, untold) for end in ("ci_low", "ci_high")]))
        wider[-1] = wider[-1][0] / wider[-1][2]
    assert held >= 6 and np.median(wider) > 2
    assert any("16 runs and 12 dev episodes" in note for note in fits[0].notes)
    assert not any("episodes" in note for note in fits[1].notes)


def test_more_seeds_do_not_buy_what_held_out_episodes_add():
    table = table_of(study(TWELVE, 0))
    told = precision(table, Laws(), seeds=(1, 8), studies=60).set_index("seeds")["half"]
    runs = precision(table.drop(columns="dev_losses"), Laws(), seeds=(1, 8), studies=60)
    untold = runs.set_index("seeds")["half"]
    assert untold[8] < 0.6 * untold[1]
    assert told[8] > 1.5 * untold[8]
    # What they add is the same with any number of seeds.
    added = np.sqrt(told**2 - untold**2)
    assert added[8] == pytest.approx(added[1], rel=0.5)


def test_a_table_says_its_episodes_or_nothing_is_drawn():
    table = table_of(study(TWELVE, 0))
    assert episodes.read(table, "dev").losses.shape == (len(table), 12)
    assert episodes.read(table, "test") is None
    changes = {
        "a row without them": table["dev_losses"].where(table.index != 3),
        "other episodes": table["dev_losses"].where(table.index != 3, "10:0.5 20:0.6"),
        "one": f"100:{table['dev_loss'].iloc[0]}",
    }
    for name, texts in changes.items():
        assert episodes.read(table.assign(dev_losses=texts), "dev") is None, name
    # Not those behind the loss, as of somebody who has put another in its place.
    assert episodes.read(table.assign(dev_loss=0.9 * table["dev_loss"]), "dev") is None
    # A row without a loss needs none.
    some = table.assign(dev_loss=table["dev_loss"].where(table.index != 3))
    assert np.isnan(episodes.read(some, "dev").losses[3]).all()


@pytest.mark.parametrize("text", ["0.5 0.6", "10:x", "10:0.5:3", "0:0.5 20:0.6", "10:nan 20:0.6"])
def test_a_text_that_is_no_list_of_episodes_is_refused(text):
    table = table_of(study(TWELVE, 0))
    table.loc[5, "dev_losses"] = text
    with pytest.raises(FitError, match="no list of steps and losses") as error:
        laws.fit_table(table, Laws(bootstrap=0), validate=False)
    assert error.value.where == "column dev_losses"


@pytest.mark.parametrize("count", [1, 7, PARTS, 3 * PARTS + 1])
def test_many_episodes_are_written_down_in_groups(count):
    random = np.random.default_rng(count)
    sizes = random.integers(1, 400, count)
    sums = sizes * random.uniform(0.1, 2.0, count)
    parts = apart(sums, sizes)
    assert len(parts) == min(count, PARTS)
    steps, losses = np.array(parts).T
    assert steps.sum() == sizes.sum()
    assert steps @ losses / steps.sum() == pytest.approx(sums.sum() / sizes.sum(), rel=1e-5)


def test_subsets_of_runs_keep_their_own_episodes():
    runs = study(replace(TWELVE, missing=0.3), 1)
    part = runs.where(runs.position < 4)
    assert part.dev.mean == pytest.approx(part.L)


def test_an_episode_that_is_much_of_the_loss_is_named():
    """One game of eleven of NetHack's was half of the dev loss, and decided an exponent."""
    runs = study(TWELVE, 2)
    settings = Laws(bootstrap=0)
    assert not heavy(laws.fit_table(table_of(runs), settings, validate=False))
    losses = runs.dev.losses.copy()
    losses[:, 4] *= 12
    dev = replace(runs.dev, losses=losses)
    table = table_of(replace(runs, dev=dev, L=dev.mean))
    (said,) = heavy(laws.fit_table(table, settings, validate=False))
    share = np.median(dev.steps[4] * losses[:, 4] / (losses @ dev.steps))
    assert f"one of 12 dev episodes, {dev.steps[4]:,.0f} of {dev.steps.sum():,.0f} steps" in said
    assert int(re.search(r"is (\d+)% of the loss", said)[1]) / 100 == pytest.approx(share, abs=0.05)


def heavy(fit) -> list[str]:
    return [f for f in fit.quoted("pong", "L_min")["flags"] if f.startswith("heavy_episode: ")]
