"""Quality control names the rows that make a number worth less, and is silent about sound ones."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from simulated import DESIGNS, study
from test_laws_trust import table_of

from ilscaling import laws
from ilscaling.params import Laws
from ilscaling.show import rows

PLAIN = next(design for design in DESIGNS if design.name == "plain")


def flags(table):
    """The flags of the quoted exponent, and what the fit's notes say."""
    fit = laws.fit_table(table, Laws(bootstrap=30), validate=False)
    return fit.quoted("pong", "N_opt")["flags"], fit.notes


def codes(flags_):
    return [flag.partition(":")[0] for flag in flags_]


CHECKS = {"one_data", "near_sizes", "flat", "off_centre", "outlying", "unlearned"}


def test_sound_rows_raise_no_flag():
    for seed in range(3):
        assert not CHECKS & set(codes(flags(table_of(study(PLAIN, seed)))[0]))


def test_a_run_that_is_off_as_a_whole_is_named():
    table = table_of(study(PLAIN, 0))
    table.loc[table["run"] == 5, "dev_loss"] *= 1.4
    raised, notes = flags(table)
    flag = next(flag for flag in raised if flag.startswith("outlying: "))
    first = table[table["run"] == 5].iloc[0]
    assert f"{first['params']:,.0f} parameters (loss {first['dev_loss']:.4g} at" in flag
    assert any("pong: the run of" in note for note in notes)


def test_a_run_that_learned_nothing_is_named():
    table = table_of(study(PLAIN, 0)).assign(action_entropy=50.0)
    dead = table["run"] == 5
    early = table["budget"] == table["budget"].min()
    table.loc[early, "action_entropy"] = table.loc[early, "dev_loss"]
    assert "unlearned" not in codes(flags(table)[0])
    table.loc[dead, "dev_loss"] = 49.0
    flag = next(flag for flag in flags(table)[0] if flag.startswith("unlearned: "))
    last = table[dead].sort_values("budget").iloc[-1]
    assert flag.startswith(f"unlearned: 1 of {table['run'].nunique()} runs end where")
    assert f"{last['params']:,.0f} parameters (loss 49 at {last['flops']:.4g} FLOPs)" in flag


def test_sizes_that_are_one_and_profiles_without_an_optimum_are_named():
    table = table_of(study(PLAIN, 1))
    sizes = np.sort(table["params"].unique())
    table["params"] = table["params"].replace(sizes[4], 1.01 * sizes[3])
    last = table["budget"] == table["budget"].max()
    table.loc[last, "dev_loss"] = table.loc[last, "dev_loss"].min()
    raised = flags(table)[0]
    assert f"{sizes[3]:,.0f} and {1.01 * sizes[3]:,.0f} parameters" in "".join(raised)
    assert f"flat: at {table['budget'].max():.4g} FLOPs" in "".join(raised)


def test_an_optimum_beside_the_middle_of_its_cells_is_named():
    runs = study(replace(PLAIN, noise=(1e-3, 1e-3, 1e-3)), 2)
    third = np.sort(np.unique(runs.N))[2]
    cut = table_of(runs.where(third < runs.N))
    assert "off_centre" in codes(flags(cut)[0])


def test_a_row_says_each_note_once():
    table = table_of(study(PLAIN, 1))
    sizes = np.sort(table["params"].unique())
    table["params"] = table["params"].replace(sizes[4], 1.01 * sizes[3])
    fit = laws.fit_table(table, Laws(bootstrap=0), validate=False)
    notes = [row["notes"] for row in rows.exponents(fit, "pong")]
    assert any("one size" in "".join(of_row) for of_row in notes)
    assert [len(of_row) for of_row in notes] == [len(set(of_row)) for of_row in notes]


def test_one_amount_of_data_is_told():
    table = table_of(study(PLAIN, 3))
    fit = laws.fit_table(
        table.assign(samples=1e6, flops=6e6 * table["params"], budget=6e6 * table["params"]),
        Laws(bootstrap=0),
        validate=False,
    )
    assert any("every row saw 1e+06 samples" in note for note in fit.notes)


@pytest.mark.parametrize("rows", [0, 2])
def test_few_rows_are_no_error(rows):
    table = table_of(study(PLAIN, 0)).head(max(rows, 1))
    laws.fit_table(table.assign(dev_loss=table["dev_loss"] if rows else np.nan), Laws(bootstrap=0))
