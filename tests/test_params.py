"""params.yaml, its types and its schema agree, and bad values are refused with a remedy."""

import json
from pathlib import Path

import pytest
import yaml

from ilscaling import params
from ilscaling.errors import ParamsError

ROOT = Path(__file__).resolve().parent.parent
STUDIES = sorted((ROOT / "studies").glob("*.yaml"))


def default() -> dict:
    return yaml.safe_load((ROOT / "params.yaml").read_text())


def changed(path: str, value: object) -> dict:
    values = default()
    *parents, last = path.split(".")
    section = values
    for part in parents:
        section = section[part]
    section[last] = value
    return values


def test_default_study_is_valid_and_complete():
    read = params.read(ROOT / "params.yaml")
    # Every key stands in the file, so that a reader sees (and dvc -S can set) all of them.
    assert read.model_dump(mode="json") == params.check(default()).model_dump(mode="json")
    written = default()
    assert set(written["laws"]) == set(params.Laws.model_fields)
    for name, game in written["games"].items():
        section = type(read.games[name])
        assert set(game) == set(section.model_fields)
        for name in ("emulator", "expert", "demonstrations", "grid", "train", "evaluation"):
            model = section.model_fields[name].annotation
            assert set(game[name]) == set(model.model_fields), name


def test_every_key_of_the_default_study_is_explained():
    for line in (ROOT / "params.yaml").read_text().splitlines():
        key = line.strip().split(":")[0]
        if line.strip() and not line.strip().startswith("#") and line.rstrip()[-1] != ":":
            assert "#" in line, f"no comment beside {key!r}"


def test_schema_on_disk_is_that_of_the_model():
    on_disk = json.loads((ROOT / "workflow/schemas/params.schema.json").read_text())
    assert on_disk == params.schema(), (
        "out of date: ilscaling params --schema > workflow/schemas/params.schema.json"
    )


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.stem)
def test_studies_are_valid_overlays(study):
    params.read(ROOT / "params.yaml", study)


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("games.breakout.train.rat", 1.0, "did you mean 'rate'"),
        ("lawz", {}, "did you mean 'laws'"),
        ("games.breakout.grid.budgets", ["1e11"], "is a string: write 1.0e+11"),
        ("games.breakout.grid.budgets", ["1.5e11"], "is a string: write 1.5e+11"),
        ("games.breakout.train.rate", {"value": "1e-3"}, "is a string: write 1.0e-3"),
        ("games.breakout.grid.budgets", [2.0e11, 1.0e11], "must rise"),
        ("games.breakout.grid.sizes", [4, 4], "twice"),
        ("games.breakout.emulator.sticky", 1.5, "less than 1"),
        ("games.breakout.train.threads", True, "from 1 to 4096, or auto, not True"),
        ("games.breakout.demonstrations.chunk_steps", 100, "multiple of chunk_steps"),
        ("games.breakout.domain", "arcade", "atari, nethack"),
        ("games.nethack.train.contex", 4, "did you mean 'context'"),
        ("games.nethack.train.context", 24, "power of two"),
        ("games.nethack.train.batch", {"value": 16.0}, "less than one stretch"),
        ("games.nethack.emulator.role", "monk", "match pattern"),
        ("games.nethack", {"like": "nethak"}, "no game of the study"),
        ("games.nethack", {"like": "nethack"}, "like itself"),
        ("games", {}, "at least 1"),
    ],
)
def test_a_bad_value_names_its_key_and_the_remedy(path, value, says):
    with pytest.raises(ParamsError) as caught:
        params.check(changed(path, value))
    text = str(caught.value)
    assert path.split(".")[-1] in text or path.split(".")[-2] in text
    assert says in text


def test_an_endless_delta_of_hubers_loss_is_a_number_that_a_key_can_hold():
    assert params.check(changed("laws.huber", float("inf"))).laws.huber == params.LEAST_SQUARES


def test_an_overlay_changes_only_what_it_names_and_null_removes_a_game():
    base = default()
    merged = params.overlay(base, {"games": {"breakout": {"train": {"ema": 0.1}}}})
    assert merged["games"]["breakout"]["train"]["ema"] == 0.1
    merged["games"]["breakout"]["train"]["ema"] = base["games"]["breakout"]["train"]["ema"]
    assert merged == base
    assert set(params.overlay(base, {"games": {"breakout": None}})["games"]) == {"nethack"}


def test_a_misspelt_game_is_not_silently_kept():
    """A study may be laid over any parameters, so a game that is not there may be removed."""
    base = params.overlay(default(), {"games": {"nethack": None}})
    assert params.overlay(base, {"games": {"nethack": None, "breakout__low": None}}) == base
    with pytest.raises(ParamsError, match="no game 'brekout' to remove; did you mean 'breakout'"):
        params.overlay(base, {"games": {"brekout": None}})


def test_a_game_may_start_from_another():
    values = default()
    values["games"]["nethack_short"] = {"like": "nethack", "train": {"context": 8}}
    games = params.check(values).games
    assert games["nethack_short"].train.context == 8
    same = games["nethack_short"].model_dump(exclude={"train"})
    assert same == games["nethack"].model_dump(exclude={"train"})


def test_size_rules():
    train = params.Train(
        batch=params.Rule(value=32, at=16, power=1.0), rate=params.Rule(value=0.01, power=-0.5)
    )
    assert [train.batch_of(size) for size in (4, 16, 60)] == [8, 32, 128]
    assert train.rate(64) == pytest.approx(0.005)
