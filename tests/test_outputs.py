"""People's own files: no verb writes over what it reads, or over what others made."""

import os
import threading
from pathlib import Path
from typing import get_type_hints

import planted_table
import pytest
import typer
from typer.testing import CliRunner

from ilscaling import parameter_files
from ilscaling.cli import outputs
from ilscaling.cli.main import VERBS, app
from ilscaling.errors import FitError, IlscalingError, WorkflowError

ROOT = Path(__file__).resolve().parent.parent
FEW = ("--bootstrap", "0")
FIT = ("fit", "--no-validate", "--no-figures", *FEW)
# Verbs that write a file, and the option that names it.
WRITERS = [
    (("forecast", "runs.csv", "--budget", "1e14", *FEW), "--out"),
    (("relations", "runs.csv", *FEW), "--out"),
    ((*FIT, "runs.csv", "--out", "laws"), "--metrics"),
    (("plan", "--params", "params.yaml"), "--csv"),
]


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


@pytest.mark.parametrize(("words", "option"), WRITERS)
def test_the_parameters_that_are_read_are_not_written_over(folder, words, option):
    mine = folder / "mine.yaml"
    mine.write_bytes((ROOT / "params.yaml").read_bytes())
    words = [word for word in words if word not in ("--params", "params.yaml")]
    with pytest.raises(WorkflowError, match="write over what it reads"):
        ran(*words, "--params", "mine.yaml", option, "mine.yaml")
    assert mine.read_bytes() == (ROOT / "params.yaml").read_bytes()


WITH_OUTPUT = {
    name: verb
    for name, verb in typer.main.get_command(app).commands.items()
    if {option.name for option in verb.params} & set(outputs.WRITTEN)
}


def words_of(name: str, file: str) -> list[str]:
    """A verb with one file for all that it reads and writes."""
    words = [name]
    for option in WITH_OUTPUT[name].params:
        numeric = get_type_hints(VERBS[name])[option.name] in (int, float)
        value = "1" if numeric else file
        if option.param_type_name == "argument":
            words.append(value)
        elif option.required or option.name in (*outputs.WRITTEN, "expert", "path"):
            words += [option.opts[0], value]
    return words


@pytest.mark.parametrize("name", WITH_OUTPUT)
def test_no_verb_writes_over_any_file_that_it_is_given(folder, name):
    """`record --expert E --out E` replaced the expert by the recording."""
    words = words_of(name, "mine.safetensors")
    mine = folder / "mine.safetensors"
    mine.write_bytes(b"mine")
    with pytest.raises(WorkflowError, match="write over what it reads"):
        ran(*words)
    # Nor the record beside it.
    (folder / "mine.json").write_text("{}", encoding="utf-8")
    if "out" in {option.name for option in WITH_OUTPUT[name].params}:
        words[words.index("--out") + 1] = "mine.json"
        with pytest.raises(WorkflowError, match="write over what it reads"):
            ran(*words)
    assert mine.read_bytes() == b"mine" and (folder / "mine.json").read_text("utf-8") == "{}"


@pytest.mark.parametrize("name", sorted(WITH_OUTPUT.keys() - set(outputs.FOLDERS)))
def test_a_folder_in_the_place_of_a_file_is_told_before_the_work(folder, name):
    words = words_of(name, "mine.safetensors")
    words[words.index("--out" if "--out" in words else "--csv") + 1] = "."
    with pytest.raises(WorkflowError, match="a file is wanted, this is a folder"):
        ran(*words)


def test_the_same_command_again_writes_over_its_own_file_beside_the_table(folder):
    """`runs.json` is no record of runs.csv."""
    for _ in range(2):
        assert ran(*FIT, "runs.csv", "--out", "laws", "--metrics", "runs.json") == 0


def test_a_pipe_stays_a_pipe(folder):
    os.mkfifo("pipe")
    with pytest.raises(WorkflowError, match="a device or a pipe"):
        ran("forecast", "runs.csv", "--budget", "1e14", *FEW, "--out", "pipe")
    assert (folder / "pipe").is_fifo()


def test_figures_and_report_leave_what_is_there(folder):
    (folder / "laws.png").write_bytes(b"mine")
    with pytest.raises(WorkflowError, match="may write over") as told:
        ran("figures", "runs.csv", "--out", ".")
    assert (folder / "laws.png").read_bytes() == b"mine" and "figures" in told.value.fix
    before = (folder / "runs.csv").read_bytes()
    with pytest.raises(WorkflowError, match="write over what it reads"):
        ran("report", "runs.csv", "--figures", "figures", "--out", "runs.csv")
    assert (folder / "runs.csv").read_bytes() == before
    (folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    theirs = planted_table.table().drop(columns=["family", "size"], errors="ignore")
    theirs.to_csv("theirs.csv", index=False)
    with pytest.raises(FitError, match="a table of ours") as told:
        ran("report", "theirs.csv", "--figures", "figures", "--out", "report.html")
    assert told.value.fix == "ilscaling fit theirs.csv --out laws"


def test_a_report_of_a_shipped_table_draws_its_own_figures(folder):
    words = ["report", str(ROOT / "docs/tables/lot.csv"), "--params", str(ROOT / "params.yaml")]
    words += ["--study", str(ROOT / "studies/lot.yaml"), "--out", "lot.html"]
    (folder / "lot_files").mkdir()
    (folder / "lot_files/thesis.tex").write_text("mine", encoding="utf-8")
    with pytest.raises(WorkflowError, match="may write over"):
        ran(*words)
    (folder / "lot_files/thesis.tex").unlink()
    with pytest.raises(FitError, match="no forecast of a study") as told:
        ran(*words, "--forecast", str(ROOT / "results/lot/metrics.json"))
    assert told.value.where.endswith("metrics.json") and not (folder / "lot.html").exists()
    # As it is, and over its own.
    for _ in range(2):
        assert ran(*words) == 0
    page = (folder / "lot.html").read_text(encoding="utf-8")
    drawn = {path.name for path in (folder / "lot_files").iterdir()}
    assert {"figures.json", "profiles.svg"} <= drawn and 'href="lot_files/profiles.csv"' in page


def test_a_folder_of_others_is_not_removed_for_a_recording(tmp_path):
    from ilscaling.domains.babyai.record import _is_free

    (tmp_path / "mine").mkdir()
    assert _is_free(tmp_path / "mine") and _is_free(tmp_path / "new")
    (tmp_path / "mine/thesis.tex").touch()
    assert not _is_free(tmp_path / "mine") and not _is_free(tmp_path / "mine/thesis.tex")


@pytest.mark.parametrize(("words", "option"), WRITERS)
def test_a_file_that_is_read_is_not_written_over(folder, words, option):
    (folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    name = "params.yaml" if words[0] == "plan" else "runs.csv"
    before = (folder / name).read_bytes()
    with pytest.raises(WorkflowError, match="write over what it reads") as told:
        ran(*words, option, f"./{name}")
    assert (folder / name).read_bytes() == before
    assert told.value.fix.startswith(f"{option} ") and "_new" in told.value.fix


def test_an_account_of_recordings_is_not_replaced_by_anothers(folder):
    outputs.refuse_neighbour(Path("demos.zarr"))
    Path("demos.zarr").mkdir()
    Path("ingest.json").write_text('{"my": "notes"}', encoding="utf-8")
    with pytest.raises(WorkflowError, match=r"ingest\.json of another origin"):
        outputs.refuse_neighbour(Path("demos.zarr"))
    Path("ingest.json").write_text('{"splits": {}}', encoding="utf-8")
    outputs.refuse_neighbour(Path("demos.zarr"))
    with pytest.raises(WorkflowError, match=r"ingest\.json of demos\.zarr") as told:
        outputs.refuse_neighbour(Path("others.zarr"))
    outputs.refuse_neighbour(Path(told.value.fix.split()[1]))


def test_nobody_is_told_to_remove_what_is_not_ours(folder):
    """`verify FOLDER`, and a typing error, printed 'rm -r' of it."""
    good = folder / "good/demos.zarr"
    good.mkdir(parents=True)
    (good / "zarr.json").write_text(
        '{"attributes": {"format": "ilscaling-demos-2"}}', encoding="utf-8"
    )
    (folder / "notes").mkdir()
    (folder / "notes/zarr.json").write_text("[]", encoding="utf-8")
    (folder / "mine.png").write_bytes(b"\x89PNG")
    (folder / "mine.json").write_text('{"my": "notes"}', encoding="utf-8")
    (folder / "mine.safetensors").write_bytes(bytes(64))
    for words, says in (
        (("verify", "good"), "ilscaling verify good/demos.zarr"),
        (("verify", "absent.zarr"), "ls ."),
        (("verify", "mine.png"), "ls -d data"),
        (("verify", "notes"), "ls notes"),
        (("play", "absent.zarr"), "ls ."),
        (("progression", "absent.zarr"), "ls ."),
        (("export", "absent.zarr", "--minari", "out"), "ls ."),
        (("play", "mine.safetensors", "--params", str(ROOT / "params.yaml")), "play --list"),
    ):
        with pytest.raises(IlscalingError) as told:
            ran(*words)
        assert says in told.value.fix and "rm " not in told.value.fix, words


def test_a_name_that_nobody_gave_is_a_free_one(folder):
    assert outputs.free(Path("a.gif")) == Path("a.gif")
    for name in ("a.gif", "a-2.gif"):
        Path(name).touch()
    assert outputs.free(Path("a.gif")) == Path("a-3.gif")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("plan", "--gpus", "7"), "--gpus says nothing without --device"),
        (("plan", "--mfu", "0.5"), "--mfu says nothing"),
        (("plan", "--table", "runs.csv"), "--table says nothing without --precision"),
        (("plan", "--csv", "."), "a file is wanted"),
        (("play", "x.zarr", "--seconds", "inf"), "no length or speed"),
        (("ingest", "--npz", "x.npz", "--out", "."), "a store has a name"),
        (("fit", "runs.csv", "--out", "o", "--level", "95"), "less than 1"),
    ],
)
def test_an_option_that_means_nothing_is_refused(folder, words, says):
    more = ("--params", str(ROOT / "params.yaml"))
    with pytest.raises(IlscalingError, match=says) as told:
        ran(*words, *more)
    assert told.value.fix


def test_a_pipe_without_a_writer_is_refused(folder, monkeypatch):
    os.mkfifo("pipe.png")
    with pytest.raises(WorkflowError, match="neither a file nor a folder"):
        ran("why", "pipe.png", "--params", str(ROOT / "params.yaml"))
    monkeypatch.setattr(parameter_files, "WAIT", 0.1)
    with pytest.raises(IlscalingError, match="nothing was written"):
        parameter_files.read_mapping("pipe.png")
    writer = threading.Thread(target=Path("pipe.png").write_text, args=("laws: {}\n",))
    writer.start()
    monkeypatch.setattr(parameter_files, "WAIT", 20.0)
    assert parameter_files.read_mapping("pipe.png") == {"laws": {}}
    writer.join()
