"""Tables of others: columns by other names, missing ones made up for or refused."""

import re

import numpy as np
import pandas as pd
import pytest

from ilscaling import tables
from ilscaling.errors import FitError

ROWS = pd.DataFrame(
    {
        "n_params": [1e4, 2e4, 1e4, 2e4],
        "tokens": [1e6, 5e5, 2e6, 1e6],
        "val_loss": [1.0, 0.9, 0.8, None],
        "C": [1.00e12, 1.02e12, 2.00e12, 2.05e12],
    }
)
THEIRS = {"params": "n_params", "samples": "tokens", "dev_loss": "val_loss", "flops": "C"}


@pytest.mark.parametrize("name", ["runs.csv", "runs.csv.gz", "runs.parquet"])
def test_anyones_table_is_read(tmp_path, name):
    path = tmp_path / name
    ROWS.to_parquet(path) if name.endswith("parquet") else ROWS.to_csv(path, index=False)
    table = tables.read_table(path, THEIRS)
    assert table["params"].tolist() == [1e4, 2e4, 1e4, 2e4]
    assert np.isnan(table["dev_loss"].iloc[3]) and table["dev_loss"].dtype == "float64"
    assert set(table["game"]) == {"runs"} and set(table["status"]) == {"done"}
    # Two budgets: the geometric means of what lies together.
    low, high = np.sqrt(1.02) * 1e12, np.sqrt(2 * 2.05) * 1e12
    assert table["budget"].tolist() == pytest.approx([low, low, high, high])
    assert table.attrs["notes"] == [
        "no column game: the whole table is taken for runs",
        "runs has no column budget: 2 budgets by gaps of 10% in flops",
    ]


def test_missing_columns_are_guessed_at(tmp_path):
    ROWS.rename(columns={"n_params": "param"}).to_csv(tmp_path / "runs.csv", index=False)
    with pytest.raises(FitError) as error:
        tables.read_table(tmp_path / "runs.csv", {"dev_loss": "val_loss", "flops": "C"})
    assert "columns are missing: params, samples" in str(error.value)
    assert "--column params=param" in error.value.fix
    with pytest.raises(FitError, match="columns are missing: loss"):
        tables.read_table(tmp_path / "runs.csv", {"dev_loss": "loss"})


def test_a_column_of_ours_is_no_guess_for_another(tmp_path):
    """`samples` was once the guess for `params`."""
    own = ROWS.rename(columns={"n_params": "N", "val_loss": "loss", "tokens": "samples"})
    own.to_csv(tmp_path / "runs.csv", index=False)
    with pytest.raises(FitError) as error:
        tables.read_table(tmp_path / "runs.csv")
    typed = re.findall(r"--column (\S+)", error.value.fix)
    assert typed == ["params=N", "dev_loss=loss", "budget=C"]
    assert len(tables.read_table(tmp_path / "runs.csv", tables.mapping(typed))) == len(ROWS)
    nothing = pd.DataFrame({"samples": [1.0], "dev_loss": [1.0], "budget": [1.0], "colour": [1]})
    nothing.to_csv(tmp_path / "runs.csv", index=False)
    with pytest.raises(FitError, match="--column OURS=THEIRS maps yours"):
        tables.read_table(tmp_path / "runs.csv")


def test_flops_without_gaps_are_no_budgets(tmp_path):
    rows = pd.DataFrame({"C": np.geomspace(1e12, 4e12, 40), "n_params": 1e4})
    rows.assign(tokens=1e6, val_loss=1.0).to_csv(tmp_path / "runs.csv", index=False)
    with pytest.raises(FitError, match="do not tell which rows belong to one budget"):
        tables.read_table(tmp_path / "runs.csv", THEIRS)


def test_a_mapping_names_a_column_of_ours():
    assert tables.mapping(["params=n", "run=id"]) == {"params": "n", "run": "id"}
    with pytest.raises(FitError, match="does not map") as error:
        tables.mapping(["parms=n"])
    assert error.value.fix == "--column params=n"
    for twice in (["params=a", "params=b"], ["budget=a", "flops=a"]):
        with pytest.raises(FitError, match="for the second time"):
            tables.mapping(twice)


def test_rows_without_a_game_are_dropped_and_counted(tmp_path):
    rows = ROWS.assign(game=["pong", None, "pong", "pong"])
    rows.to_csv(tmp_path / "runs.csv", index=False)
    table = tables.read_table(tmp_path / "runs.csv", THEIRS)
    assert table["game"].tolist() == ["pong"] * 3
    assert table.attrs["notes"][0] == "dropped 1 of 4 rows: no game"


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "runs.parquet").write_bytes(b"no parquet")
    with pytest.raises(FitError, match="cannot read the table") as error:
        tables.read_table(tmp_path / "runs.parquet")
    assert error.value.where.endswith("runs.parquet")
