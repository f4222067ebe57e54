"""People's own files: no verb writes over what it reads, or over what others made."""

from pathlib import Path

import planted_table
import pytest
from typer.testing import CliRunner

from ilscaling.cli import outputs
from ilscaling.cli.main import app
from ilscaling.errors import WorkflowError

FEW = ("--bootstrap", "0")
FIT = ("fit", "--no-validate", "--no-figures", *FEW)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    planted_table.table().to_csv("runs.csv", index=False)
    return tmp_path


def ran(*words: str) -> int:
    return CliRunner().invoke(app, words, catch_exceptions=False).exit_code


def test_a_fit_leaves_files_of_other_origin_and_writes_over_its_own(folder):
    mine = folder / "mine"
    mine.mkdir()
    (folder / "runs.csv").rename(mine / "cells.csv")
    (mine / "notes.txt").write_text("my notes", encoding="utf-8")
    before = (mine / "cells.csv").read_bytes()
    with pytest.raises(WorkflowError, match=r"not of an earlier fit: notes.txt, cells.csv") as told:
        ran(*FIT, "mine/cells.csv", "--out", "mine")
    assert (mine / "cells.csv").read_bytes() == before
    assert (mine / "notes.txt").read_text(encoding="utf-8") == "my notes"
    # As the error says; and once more.
    for _ in range(2):
        assert ran(*FIT, "mine/cells.csv", *told.value.fix.split()) == 0
    # Its own tables are no less somebody's input.
    with pytest.raises(WorkflowError, match="this would write over"):
        ran(*FIT, "mine/laws/cells.csv", "--out", "mine/laws")


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("forecast", "runs.csv", "--budget", "1e14", *FEW), "--out"),
        (("relations", "runs.csv", *FEW), "--out"),
        ((*FIT, "runs.csv", "--out", "laws"), "--metrics"),
        (("plan", "--params", "params.yaml"), "--csv"),
    ],
)
def test_a_file_that_is_read_is_not_written_over(folder, words, option):
    root = Path(__file__).resolve().parent.parent
    (folder / "params.yaml").write_bytes((root / "params.yaml").read_bytes())
    name = "params.yaml" if words[0] == "plan" else "runs.csv"
    before = (folder / name).read_bytes()
    with pytest.raises(WorkflowError, match="write over what it reads") as told:
        ran(*words, option, f"./{name}")
    assert (folder / name).read_bytes() == before
    assert told.value.fix.startswith(f"{option} ") and "_new" in told.value.fix


def test_an_account_of_recordings_is_not_replaced_by_anothers(folder):
    outputs.refuse_neighbour(Path("demos.zarr"))
    Path("demos.zarr").mkdir()
    Path("ingest.json").write_text("{}", encoding="utf-8")
    outputs.refuse_neighbour(Path("demos.zarr"))
    with pytest.raises(WorkflowError, match=r"ingest\.json of demos\.zarr") as told:
        outputs.refuse_neighbour(Path("others.zarr"))
    outputs.refuse_neighbour(Path(told.value.fix.split()[1]))
