"""Files of parameters that are ambiguous, without bound or no parameters at all."""

from pathlib import Path

import pytest
import snakemake.utils
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ilscaling import params
from ilscaling.errors import ParamsError
from ilscaling.parameter_files import read_mapping
from ilscaling.pipeline import session

ROOT = Path(__file__).resolve().parent.parent

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)
BAD = {
    "twice": (b"laws:\n  level: 0.9\n  seed: 0\n  level: 0.95\n", r"'level' .* lines 2 and 4"),
    "twice at the top": (b"laws: {}\nlaws: {}\n", r"'laws' .* lines 1 and 2"),
    "twice in a flow": (b"laws: {level: 0.9, seed: 1,\n level: 0.8}\n", "lines 1 and 2"),
    "aliases": (BOMB.encode(), "more than 100,000 values"),
    "cycle": (b"a: &a [*a]\n", "holds itself"),
    "merged cycle": (b"a: &a\n  b: *a\n", "holds itself"),
    "deep": (b"a: " + b"[" * 3000 + b"]" * 3000, "more than 50 levels"),
    "latin": ("# Übung\nlaws: {}\n".encode("latin1"), "not UTF-8: byte 2 is 0xdc"),
    "utf-16": ("laws: {}\n".encode("utf-16"), "not UTF-8"),
    "list": (b"- 1\n", "not list"),
    "empty": (b"", "not NoneType"),
    "date": (b"a: 2026-02-30\n", "cannot read"),
    "list as a key": (b"? [1, 2]\n: 3\n", "not YAML|cannot read"),
    "broken": (b"laws: {level: [\n", "not YAML"),
    "control": (b"a: \x00\n", "not YAML"),
    "octal": (b"sizes: [4,\n 010]\n", "010 is octal, or a time.*\n.*line 2"),
    "sexagesimal": (b"seeds: [1:30, 2]\n", "1:30 is octal, or a time"),
    "a time": (b"train_steps: 22:00:00\n", "another number than it seems"),
    "tag": (b"a: !!python/object/apply:os.getcwd []\n", "not YAML"),
}


@pytest.mark.parametrize("base", ["[1, 2]", "{a: b}", "3", "null", "breakout", "nosuch"])
def test_a_game_is_like_another_by_its_name_alone(tmp_path, base):
    path = tmp_path / "study.yaml"
    path.write_text(f"games: {{breakout: {{like: {base}}}}}\n")
    with pytest.raises(ParamsError, match=r"breakout\.like: .* is (no game of the|like itself)"):
        params.read(ROOT / "params.yaml", path)


def test_files_that_snakemake_has_read_are_held_to_the_same(tmp_path):
    """Snakemake takes the last of two equal keys, and aliases without end."""
    for name in ("twice", "aliases"):
        path = tmp_path / f"{name}.yaml"
        path.write_bytes(BAD[name][0])
        with pytest.raises(ParamsError, match=BAD[name][1]) as error:
            session.of_pipeline({}, [str(path)], ROOT, dry=True)
        assert str(path) in error.value.where


def test_plan_and_pipeline_lay_the_same_files_over_one_another(tmp_path):
    """The study that is named lies under an overlay of one's own, whoever reads it."""
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "study: wsd\nlaws: {seed: 5}\ngames: {nethack_wsd: null, breakout__wsd: null}\n"
    )
    merged = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for part in ({"study": "wsd"}, {"laws": {"seed": 5}}):
        merged = params.overlay(merged, part)
    both = params.read(ROOT / "params.yaml", mine)
    assert "breakout__wsd" in params.read(ROOT / "params.yaml", ROOT / "studies/wsd.yaml").games
    assert both.laws.seed == 5 and both.games.keys() == {"breakout", "nethack"}
    assert params.check(session.merged(merged, [str(mine)], ROOT)) == both
    # What is typed lies over all files; a name that is typed brings its study.
    typed = params.overlay(merged, {"laws": {"seed": 6}})
    assert session.merged(typed, [str(mine)], ROOT)["laws"]["seed"] == 6
    plain = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    by_name = session.merged({**plain, "study": "wsd"}, [], ROOT)
    assert params.check(by_name) == params.read(ROOT / "params.yaml", ROOT / "studies/wsd.yaml")


def test_a_study_is_no_parameter_file():
    """It was planned with built-in values where it says nothing."""
    with pytest.raises(ParamsError, match="is given as one") as error:
        params.read(ROOT / "studies/reference.yaml")
    assert error.value.fix.startswith("--study ")


def test_a_game_is_like_one_that_an_overlay_has_removed(tmp_path):
    """One game of a study: the rest is removed, and with it what the one starts from."""
    study, part = tmp_path / "study.yaml", tmp_path / "part.yaml"
    study.write_text(
        "study: twins\ngames: {breakout: {train: {ema: 0.25}}, nethack: null,"
        " twin: {like: breakout, train: {precision: float32}}, other: {like: gone}}\n"
    )
    part.write_text("games: {breakout: null, other: null}\n")
    by_plan = params.read(ROOT / "params.yaml", study, part)
    assert by_plan.games.keys() == {"twin"}
    assert (by_plan.games["twin"].train.ema, by_plan.games["twin"].train.precision) == (
        0.25,
        "float32",
    )
    config = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for file in (study, part):  # as Snakemake does, which keeps what is null
        snakemake.utils.update_config(config, yaml.safe_load(file.read_text()))
    files = [str(study), str(part)]
    assert params.check(session.merged(config, files, ROOT)) == by_plan


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_meant_is_refused_with_its_place(tmp_path, name):
    text, message = BAD[name]
    path = tmp_path / "study.yaml"
    path.write_bytes(text)
    with pytest.raises(ParamsError, match=message) as error:
        params.read(path)
    assert str(path) in error.value.where


def test_a_large_file_a_folder_and_an_absent_one_are_refused(tmp_path):
    path = tmp_path / "large.yaml"
    path.write_bytes(b"# " + b"x" * 1_000_000)
    for target in (path, tmp_path, tmp_path / "absent.yaml"):
        with pytest.raises(ParamsError, match=r"more than 1,000,000|cannot read parameters"):
            read_mapping(target)


def test_anchors_merges_and_a_byte_order_mark_are_read(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: &a {x: 1, y: 2}\nb: *a\nc: {<<: *a, y: 3}\n")
    assert read_mapping(path) == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 2},
        "c": {"x": 1, "y": 3},
    }


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_mapping_or_an_error_of_ours(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    try:
        assert isinstance(read_mapping(path), dict)
    except ParamsError as error:
        assert str(path) in error.where


@settings(deadline=None)
@given(
    st.recursive(
        st.integers() | st.text(max_size=5),
        lambda inner: st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=20,
    )
)
def test_what_yaml_writes_is_read_as_it_was(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "written.yaml"
    path.write_text(yaml.safe_dump({"top": values}), encoding="utf-8")
    assert read_mapping(path) == {"top": values}
