"""Tables of others: read as people have them, or refused with the value that stands in the way."""

import bz2
import csv
import gzip
import io
import json
import lzma
import re
import resource
import shlex
import tarfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import planted_table
import pyarrow
import pyarrow.feather
import pytest
from typer.testing import CliRunner

from ilscaling import tables
from ilscaling.cli.main import app
from ilscaling.errors import FitError
from ilscaling.tables import naming, numerals, source

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
    assert "--column params=param --column samples=tokens" in error.value.fix
    with pytest.raises(FitError, match="columns are missing: loss"):
        tables.read_table(tmp_path / "runs.csv", {"dev_loss": "loss"})


def test_a_column_of_ours_is_no_guess_for_another(tmp_path):
    """`samples` was once the guess for `params`."""
    own = ROWS.rename(columns={"n_params": "N", "val_loss": "loss", "tokens": "samples"})
    own.to_csv(tmp_path / "runs.csv", index=False)
    with pytest.raises(FitError) as error:
        tables.read_table(tmp_path / "runs.csv")
    typed = re.findall(r"--column (\S+)", error.value.fix)
    assert typed == ["params=N", "dev_loss=loss", "flops=C"]
    assert len(tables.read_table(tmp_path / "runs.csv", tables.mapping(typed))) == len(ROWS)
    nothing = pd.DataFrame({"samples": [1.0], "dev_loss": [1.0], "budget": [1.0], "colour": [1]})
    nothing.to_csv(tmp_path / "runs.csv", index=False)
    with pytest.raises(FitError, match="--column OURS=THEIRS"):
        tables.read_table(tmp_path / "runs.csv")


def test_flops_without_gaps_are_no_budgets(tmp_path):
    rows = pd.DataFrame({"C": np.geomspace(1e12, 4e12, 40), "n_params": 1e4})
    rows.assign(tokens=1e6, val_loss=1.0).to_csv(tmp_path / "runs.csv", index=False)
    table = tables.read_table(tmp_path / "runs.csv", THEIRS)
    assert table["budget"].isna().all()
    assert "no gaps in flops that would tell budgets" in table.attrs["notes"][1]


def test_a_mapping_names_a_column_of_ours():
    assert tables.mapping(["params=n", "run=id"]) == {"params": "n", "run": "id"}
    with pytest.raises(FitError, match="does not map") as error:
        tables.mapping(["parms=n"])
    assert error.value.fix == "--column params=n"
    # A word of others for a column of ours means that one, not the name that looks most like it.
    with pytest.raises(FitError) as error:
        tables.mapping(["loss=val"])
    assert error.value.fix == "--column dev_loss=val"
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
    (tmp_path / "runs.parquet").write_bytes(b"PAR1, but no parquet")
    with pytest.raises(FitError, match="cannot read the table") as error:
        tables.read_table(tmp_path / "runs.parquet")
    assert error.value.where.endswith("runs.parquet")


PLAIN = "params,samples,dev_loss,budget\n35000000,1e9,1014.4,1e18\n70000000,5e8,2.5,1e18\n"


def same(table):
    """Whether a table is that of PLAIN."""
    assert table["params"].tolist() == [35e6, 70e6]
    assert table["samples"].tolist() == [1e9, 5e8]
    assert table["dev_loss"].tolist() == [1014.4, 2.5]
    assert table["budget"].tolist() == [1e18, 1e18]


def packed_zip(data: bytes, *names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, data)
    return out.getvalue()


def packed_tar(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        entry = tarfile.TarInfo("runs.csv")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def columnar(kind: str) -> bytes:
    out = io.BytesIO()
    table = pd.read_csv(io.StringIO(PLAIN))
    table.to_parquet(out) if kind == "parquet" else table.to_feather(out)
    return out.getvalue()


def as_json(**how) -> bytes:
    return pd.read_csv(io.StringIO(PLAIN)).to_json(**how).encode()


WRITTEN = {
    "thousands": PLAIN.replace("1014.4", '"1,014.4"').encode(),
    "suffixes": PLAIN.replace("35000000,1e9", "35M,1B").replace("70000000", "70 M").encode(),
    "powers": PLAIN.replace("1e9", "10^9").replace("5e8", "5x10^8").encode(),
    "units": PLAIN.replace("1e9", "1B tokens").replace("1e18\n7", "1 EFLOPs\n7").encode(),
    "underscores": PLAIN.replace("35000000", "35_000_000").encode(),
    "blanks": PLAIN.replace(",", " , ").replace("35000000", "35 000 000").encode(),
    "semicolons": PLAIN.replace(",", ";").encode(),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "bars": PLAIN.replace(",", "|").encode(),
    "spaces": PLAIN.replace(",", "  ").encode(),
    "decimal commas": PLAIN.replace(",", ";")
    .replace("1014.4", "1.014,4")
    .replace("2.5", "2,5")
    .replace("35000000", "35.000.000")
    .encode(),
    "a mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16 without a mark": PLAIN.encode("utf-16-le"),
    "Windows": PLAIN.replace("budget", "budget,n\xf6te").replace("1e18", "1e18,\xe4").encode("cp1252"),  # noqa: E501
    "old Mac lines": PLAIN.replace("\n", "\r").encode(),
    "Excel's line": b"sep=;\n" + PLAIN.replace(",", ";").encode(),
    "comments": b"# exported today, by hand\n\n" + PLAIN.encode(),
    "a title": b"Results of March\n" + PLAIN.encode(),
    "a separator at each end": PLAIN.replace("\n", ",\n").replace("budget,", "budget", 1).encode(),
    "names of rows": PLAIN.replace("\n3", "\na,3").replace("\n7", "\nb,7").encode(),
    "JSON records": as_json(orient="records"),
    "JSON lines": as_json(orient="records", lines=True),
    "JSON columns": as_json(),
    "JSON split": as_json(orient="split"),
    "JSON in an object": json.dumps({"runs": json.loads(as_json(orient="records"))}).encode(),
    "gzip": gzip.compress(PLAIN.encode()),
    "bzip2": bz2.compress(PLAIN.encode()),
    "xz": lzma.compress(PLAIN.encode()),
    "zip": packed_zip(PLAIN.encode(), "runs.csv", "__MACOSX/._runs.csv"),
    "tar": packed_tar(PLAIN.encode()),
    "Parquet": columnar("parquet"),
    "Feather": columnar("feather"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("suffix", [".csv", ".gz"])
def test_tables_are_read_as_people_have_them(tmp_path, name, suffix):
    """Whatever the suffix says."""
    (tmp_path / f"runs{suffix}").write_bytes(WRITTEN[name])
    same(tables.read_table(tmp_path / f"runs{suffix}"))


def test_a_value_that_was_interpreted_is_noted(tmp_path):
    (tmp_path / "runs.csv").write_bytes(WRITTEN["thousands"])
    notes = tables.read_table(tmp_path / "runs.csv").attrs["notes"]
    assert "column dev_loss: '1,014.4' is read as 1014.4" in notes


@pytest.mark.parametrize(
    ("old", "new", "value"),
    [
        ("1014.4", "crashed", "'crashed' in column dev_loss, row 1"),
        ("2.5", "2.5 +- 0.1", "'2.5 +- 0.1' in column dev_loss, row 2"),
        ("35000000", "35X", "'35X' in column params"),
        ("35000000", "2026-01-01", "'2026-01-01' in column params"),
        ("1014.4", '"1,01,4.4"', "'1,01,4.4'"),
        ("1014.4,", '"1,5",', "'1,5'"),
        ("1e18\n", "1e18,7,8\n", "Expected 4 fields|more fields"),
    ],
)
def test_a_value_that_is_no_number_is_quoted(tmp_path, old, new, value):
    (tmp_path / "runs.csv").write_text(PLAIN.replace(old, new, 1))
    with pytest.raises(FitError, match=value.replace("+", "[+]")):
        tables.read_table(tmp_path / "runs.csv")


def test_commas_that_could_mean_two_things_are_refused(tmp_path):
    text = PLAIN.replace(",", ";").replace("1014.4", "1,014").replace("2.5", "2.514")
    (tmp_path / "runs.csv").write_text(text)
    with pytest.raises(FitError, match=r"'1,014' in column dev_loss can be read in two ways"):
        tables.read_table(tmp_path / "runs.csv")
    # Unquoted decimal commas shift the fields.
    (tmp_path / "runs.csv").write_text("params,samples,dev_loss,budget\n35,1,2,5,1\n70,1,2,6,1\n")
    with pytest.raises(FitError, match="more fields than the header"):
        tables.read_table(tmp_path / "runs.csv")


LOSSES = "3.412,3.120,2.913,2.714,2.514,2.401"


def table_of(tmp_path, losses: str, header: str = "params,samples,dev_loss,budget", **columns):
    """A comma-separated table with these losses, quoted where they hold a comma, and others."""
    held = next(csv.reader([losses]))
    given = {"params": "35000000", "samples": "1e9", "budget": "1e18"} | columns
    lines = [header]
    for loss in held:
        fields = [given["params"], given["samples"], loss, given["budget"]]
        lines.append(",".join(f'"{f}"' if "," in f else f for f in fields))
    (tmp_path / "runs.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path / "runs.csv"


@pytest.mark.parametrize(
    "losses", [LOSSES.replace("2.714", '"2,71"'), LOSSES.replace("2.714", '"2,714"')]
)
def test_one_mark_of_another_kind_does_not_move_the_others(tmp_path, losses):
    """One retyped cell made every other loss a thousand times as large."""
    with pytest.raises(FitError, match="is the comma or the dot its decimal mark"):
        tables.read_table(table_of(tmp_path, losses))


def test_thousands_among_decimals_are_read_where_they_fit(tmp_path):
    table = tables.read_table(table_of(tmp_path, LOSSES, samples="1,014"))
    assert table["samples"].tolist() == [1014.0] * 6
    text = PLAIN.replace("budget", "budget,return_mean").replace("1e18\n3", "1e18,812.5\n3")
    text = text.replace("1e18\n7", "1e18,812.5\n7").removesuffix("\n") + ',"1,014"\n'
    (tmp_path / "runs.csv").write_text(text)
    assert tables.read_table(tmp_path / "runs.csv")["return_mean"].tolist() == [812.5, 1014.0]


def test_a_power_of_ten_has_no_thousands(tmp_path):
    """'1.000e+18' became 1e21 beside losses with decimal commas, without a word."""
    text = "params;samples;dev_loss;flops\n" + "".join(
        f"35000000;{d}000000;{loss};{c:.3e}\n".replace("2,500", "2,5")
        for d, loss, c in ((7, "3,4000", 1e18), (5, "2,5", 2.514e18))
    )
    (tmp_path / "runs.csv").write_text(text)
    assert tables.read_table(tmp_path / "runs.csv")["flops"].tolist() == [1e18, 2.514e18]
    # Thousands in one column say nothing of a loss.
    text = PLAIN.replace(",", ";").replace("35000000", "35.000.000").replace("1014.4", "3.412")
    (tmp_path / "runs.csv").write_text(text.replace("2.5", "2.514"))
    with pytest.raises(FitError, match="column dev_loss can be read in two ways"):
        tables.read_table(tmp_path / "runs.csv")


@pytest.mark.parametrize(
    ("ours", "theirs", "factor"),
    [
        ("params", "params (M)", 1e6),
        ("params", "n_params_millions", 1e6),
        ("samples", "tokensB", 1e9),
        ("flops", "compute [GFLOPs]", 1e9),
        ("flops", "PF-days", 8.64e19),
        ("flops", "PFdays", 8.64e19),
        ("flops", "EF-days", 8.64e22),
        ("flops", "exaFLOPs", 1e18),
        ("flops", "petaflops", 1e15),
        ("flops", "GigaFLOPs", 1e9),
        ("budget", "compute (exaFLOP)", 1e18),
        ("flops", "FLOPs (exa)", 1e18),
        ("flops", "FLOPs x1e18", 1e18),
        ("params", "params (x10^6)", 1e6),
        ("params", "params_mil", 1e6),
        ("params", "Mparams", 1e6),
        ("params", "kparams", 1e3),
        ("params", "params/1M", 1e6),
        ("params", "million params", 1e6),
        ("params", "num_params", 1.0),
        ("samples", "training_tokens", 1.0),
        ("flops", "total_flops", 1.0),
        ("params", "model", 1.0),
        ("flops", "EFLOP", 1e18),
        ("flops", "FLOPs (1e18)", 1e18),
        ("budget", "compute (PF-days)", 8.64e19),
        ("params", "N", 1),
        ("samples", "D", 1),
        ("params", "params (non-embedding)", 1),
        ("flops", "training FLOPs", 1),
        ("params", "param_count", 1),
    ],
)
def test_a_unit_in_a_name_counts(ours, theirs, factor):
    assert naming.factor(ours, theirs) == factor


def test_a_unit_in_a_header_is_offered_and_applied(tmp_path):
    """The remedy, typed as printed, gave budgets that were 1e15 times too small."""
    path = table_of(tmp_path, LOSSES, "params (M),tokens (B),loss,GFLOPs", params="35", samples="1")
    with pytest.raises(FitError, match="columns are missing") as error:
        tables.read_table(path)
    words = shlex.split(error.value.fix.partition("   (")[0])
    table = tables.read_table(path, naming.mapping(words[1::2]))
    assert (table["params"] == 35e6).all() and (table["samples"] == 1e9).all()
    assert (table["flops"] == 1e27).all()
    assert "column params: 'params (M)' counts in units of 1e+06" in table.attrs["notes"]
    path.write_text(path.read_text().replace("35,", "35M,"))
    with pytest.raises(FitError, match="says its unit, and so does its value '35M'"):
        tables.read_table(path, {"params": "params (M)"})


def test_columns_that_few_fits_read_are_read_like_others(tmp_path):
    """Standard errors with decimal commas went missing without a word."""
    (tmp_path / "runs.csv").write_text(
        "params;samples;dev_loss;budget;dev_loss_se;dev_kl\n"
        "35000000;1000000000;3,4;1E+18;0,01;none\n70000000;500000000;2,5;1E+18;1;twice\n"
    )
    table = tables.read_table(tmp_path / "runs.csv")
    assert table["dev_loss_se"].tolist() == [0.01, 1.0] and table["dev_kl"].isna().all()
    assert any("'twice'" in note and "taken for missing" in note for note in table.attrs["notes"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (PLAIN.replace("budget", "budget,dev_loss").replace("1e18", "1e18,9"), "called dev_loss"),
        (PLAIN.replace(",", " ").replace("2.5 5e8", "2.5").replace("5e8 ", ""), "line 3 has 3"),
        (PLAIN.replace("1014.4", "True").replace("2.5", "False"), "'True' in column dev_loss"),
        (PLAIN.replace("2.5", "2500m"), "'2500m' in column dev_loss"),
        (PLAIN.replace("2.5", "2500 mnats"), "'2500 mnats' in column dev_loss"),
    ],
)
def test_what_would_be_read_as_something_else_is_refused(tmp_path, text, says):
    (tmp_path / "runs.csv").write_text(text)
    with pytest.raises(FitError, match=says):
        tables.read_table(tmp_path / "runs.csv")


def arrow(rows: int, compression: str) -> bytes:
    """Feather of so many rows of texts."""
    sink = io.BytesIO()
    texts = pyarrow.array(["x" * 1000] * rows, pyarrow.large_string())
    table = pyarrow.table({"budget": np.zeros(rows), "game": texts})
    pyarrow.feather.write_feather(table, sink, compression=compression, chunksize=rows)
    return sink.getvalue()


DAMAGED = {
    "cut gzip": gzip.compress(PLAIN.encode() * 50)[:-20],
    "cut bzip2": bz2.compress(PLAIN.encode() * 50)[:-9],
    "cut xz": lzma.compress(PLAIN.encode() * 50)[:-9],
    "cut zip": packed_zip(PLAIN.encode() * 50, "runs.csv")[:-30],
    "cut Parquet": columnar("parquet")[:-9],
    "cut Feather": columnar("feather")[:-9],
    "two files": packed_zip(PLAIN.encode(), "a.csv", "b.csv"),
    "a workbook": packed_zip(b"", "[Content_Types].xml", "xl/workbook.xml"),
    "a pickle": b"\x80\x04\x95.",
    "a pointer": b"version https://git-lfs.github.com/spec/v1\n",
    "a page": b"<!DOCTYPE html><html>404</html>",
    "bytes": bytes(range(256)),
    "nothing": b"",
    "a header": b"params,samples,dev_loss,budget\n",
    "deep JSON": b"[" * 100_000,
    "a number": b"[1, 2, 3]",
    # The length of a text leads beyond the file.
    "bad lengths": arrow(3, "uncompressed").replace(
        np.array([1000, 2000]).tobytes(), np.array([1000, 2**40]).tobytes()
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_no_table_is_refused_and_named(tmp_path, name):
    (tmp_path / "runs.csv").write_bytes(DAMAGED[name])
    with pytest.raises(FitError) as error:
        tables.read_table(tmp_path / "runs.csv")
    assert error.value.where.endswith("runs.csv")


@pytest.mark.parametrize(
    "bomb",
    [gzip.compress(bytes(10 * 2**20)), arrow(10_000, "zstd"), arrow(10_000, "lz4")],
    ids=["gzip", "Feather by zstd", "Feather by lz4"],
)
def test_a_bomb_is_refused_before_it_takes_memory(tmp_path, monkeypatch, bomb):
    assert len(bomb) < 2**20
    monkeypatch.setattr(source, "LARGEST", 2**20)
    (tmp_path / "runs.csv").write_bytes(bomb)
    with pytest.raises(FitError, match="larger than 1 MB when unpacked"):
        tables.read_table(tmp_path / "runs.csv")
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("params", "log10_params"), ("flops", "log FLOPs"), ("samples", "tokens (ln)"),
        ("flops", "exaflop count"), ("samples", "tokens per 1e6 used"), ("flops", "days"),
        ("flops", "GPU hours"),
    ],
)  # fmt: skip
def test_a_name_that_says_another_quantity_is_refused(ours, theirs):
    with pytest.raises(FitError, match=r"unit|logarithms"):
        naming.factor(ours, theirs)


def test_neither_logarithms_nor_a_loss_in_training_are_suggested():
    table = pd.DataFrame({"log10_params": [4.0, 5], "tokens": [1e6, 2e6], "train_loss": [2.0, 1]})
    said = naming.missing(["params", "samples", "dev_loss"], table, Path("runs.csv")).fix
    assert "samples=tokens" in said
    assert "=log10_params" not in said and "=train_loss" not in said


@pytest.mark.parametrize(
    ("text", "value"),
    [("10¹¹", 1e11), ("3·10¹¹", 3e11), ("10⁻²", 0.01), ("3x1018", 3e18), ("10-12", None),
     ("10-20", None), ("1" * 100_000 + "x", None), ("10^" + "1" * 5000, None),
     ("10^0x" * 1500, None)],
)  # fmt: skip
def test_powers_are_read_and_what_is_no_number_is_refused_at_once(text, value):
    start = time.process_time()
    assert numerals.number(text) == (value if value is None else pytest.approx(value))
    assert time.process_time() - start < 1


def test_tables_of_notebooks_are_read_as_they_are_indexed():
    rows = ROWS.rename(columns={"n_params": "params", "tokens": "samples", "val_loss": "dev_loss"})
    rows = rows.rename(columns={"C": "flops"}).assign(tags=[["a"], ["b"], [], ["a"]])
    expected = tables.standard(rows)
    twice = tables.standard(rows.set_index(pd.Index([0, 1, 0, 1])))
    pd.testing.assert_frame_equal(twice, expected)
    named = rows.assign(game="pong").set_index("game")
    assert tables.standard(named)["game"].unique().tolist() == ["pong"]


def test_status_is_taken_in_the_words_of_others(tmp_path):
    words = ["finished", "COMPLETED", "crashed", "running", "done", " Success "]
    rows = pd.DataFrame({"params": 1e4, "samples": 1e6, "dev_loss": 1.0, "budget": 1e12}, range(6))
    rows.assign(status=words).to_csv(tmp_path / "runs.csv", index=False)
    table = tables.read_table(tmp_path / "runs.csv")
    assert table["status"].tolist() == ["done", "done", "failed", "running", "done", "done"]
    assert any("finished" in note and "taken for done" in note for note in table.attrs["notes"])


def test_samples_and_flops_are_made_of_each_other_on_request(tmp_path):
    path = tmp_path / "runs.csv"
    rows = pd.DataFrame({"N": ["10k", "20k"], "loss": [1.0, 0.9], "C": [6e12, 6.1e12]})
    rows.to_csv(path, index=False)
    names = {"params": "N", "dev_loss": "loss", "flops": "C"}
    with pytest.raises(FitError, match="columns are missing: samples") as error:
        tables.read_table(path, names)
    assert "--assume-6nd" in error.value.fix
    table = tables.read_table(path, names, assume_6nd=True)
    assert table["samples"].tolist() == pytest.approx([1e8, 6.1e12 / 12e4])
    ROWS.drop(columns="C").to_csv(path, index=False)
    names = {ours: theirs for ours, theirs in THEIRS.items() if ours != "flops"}
    table = tables.read_table(path, names, assume_6nd=True)
    assert table["flops"].tolist() == pytest.approx([6e10, 6e10, 12e10, 12e10])


def test_hints_name_columns_that_make_sense(tmp_path):
    path = tmp_path / "runs.csv"
    rows = {"Model Size": [1, 2], "Training Tokens": [1, 2], "depth": [1, 2], "eval/loss": [1, 2]}
    pd.DataFrame({**rows, "Training FLOP": [1e9, 2e9], "name": ["a", "b"]}).to_csv(path)
    with pytest.raises(FitError) as error:
        tables.read_table(path)
    hint = error.value.fix.partition("   (")[0]
    assert hint == (
        "--column 'params=Model Size' --column 'samples=Training Tokens' "
        "--column dev_loss=eval/loss --column 'flops=Training FLOP'"
    )


def test_logarithms_are_no_budgets(tmp_path):
    rows = pd.DataFrame({"budget": [18.0, 19.0, 20.0, 21.0], "dev_loss": 1.0})
    rows["params"], rows["samples"] = 1e8 * 10 ** (rows["budget"] / 2 - 9), 1e10
    rows["samples"] *= 10 ** (rows["budget"] / 2 - 9)
    rows.to_csv(tmp_path / "runs.csv", index=False)
    with pytest.raises(FitError, match="looks like logarithms"):
        tables.read_table(tmp_path / "runs.csv")


def test_a_size_that_is_a_name_is_no_dial(tmp_path):
    rows = pd.read_csv(io.StringIO(PLAIN))
    rows.assign(size=["190M", "1B"]).to_csv(tmp_path / "runs.csv", index=False)
    assert tables.read_table(tmp_path / "runs.csv")["size"].tolist() == [190e6, 1e9]
    rows.assign(size=["small", "1B"]).to_csv(tmp_path / "runs.csv", index=False)
    table = tables.read_table(tmp_path / "runs.csv")
    assert "size" not in table and any("'small'" in note for note in table.attrs["notes"])


def test_nothing_is_said_of_returns_where_a_table_has_none(tmp_path, monkeypatch):
    """'left out: 12 of 12 budgets' stood below laws of returns that nobody had asked for."""
    monkeypatch.chdir(tmp_path)
    planted_table.table().to_csv("runs.csv", index=False)
    few = ["--bootstrap", "0"]
    verbs = (
        ["fit", "runs.csv", "--out", "laws", "--no-validate", "--no-figures", *few],
        ["forecast", "runs.csv", "--budget", "1e14", *few],
    )
    fitted, forecast = (CliRunner().invoke(app, verb) for verb in verbs)
    assert fitted.exit_code == forecast.exit_code == 0
    assert "N ~ C^" in fitted.stdout and "return" not in fitted.stdout
    assert "fitting 49 rows" in fitted.stderr
    few = forecast.stdout
    every = CliRunner().invoke(app, [*verbs[1], "--every"]).stdout
    for shown in (few, every):
        assert "parameters" in shown and "return" not in shown.replace("returns", "")
    assert "--every" in few and "chinchilla" not in few and "chinchilla" in every
    assert max(map(len, (row for row in every.splitlines() if row[:2] != "  "))) <= 100
