"""Progression of NetHack: read from the screens, and bounded."""

import itertools

import numpy as np
from conftest import ROOT
from typer.testing import CliRunner

from ilscaling import agents, registry
from ilscaling.cli import main
from ilscaling.domains.nethack import progression
from ilscaling.domains.nethack.game import Game
from ilscaling.domains.nethack.section import NetHackEmulator


def screen(status: str) -> np.ndarray:
    blank = np.full((24, 80), ord(" "), np.uint8)
    blank[23, : len(status)] = np.frombuffer(status.encode(), np.uint8)
    return blank


def test_it_is_the_larger_of_two_rising_estimates():
    for table in (progression.DEPTH, progression.EXPERIENCE):
        assert table[0] == 0 and all(a < b < 1 for a, b in itertools.pairwise(table))
    assert (len(progression.DEPTH), len(progression.EXPERIENCE)) == (50, 30)
    assert progression.of(10, 8) == 0.125586 and progression.of(4, 10) == 0.1791
    assert progression.of(99, 1) == max(progression.DEPTH)


def test_the_deepest_and_the_highest_level_of_a_game_count():
    lines = (
        "Dlvl:1  $:0  HP:14(14) Pw:4(4) AC:4  Xp:1/0 T:1",
        "Dlvl:12 $:0  HP:3(30)  Pw:4(4) AC:4  Xp:6/320 T:900",
        "Home 2  $:0  HP:3(30)  Pw:4(4) AC:4  Xp:7/640 T:950",  # no depth is shown there
        "",  # a menu over the status line
        "Dlvl:2  $:0  HP:3(30)  Pw:4(4) AC:4  Xp:5/320 T:999",  # drained, and up again
    )
    assert progression.seen(np.stack([screen(line) for line in lines])) == (12, 7, 0.206129)


def test_nethack_shows_what_is_read():
    game = Game(NetHackEmulator())
    game.start(0)
    assert progression.seen(game.observation["tty_chars"][None]) == (1, 1, 0.0)
    status = bytes(game.observation["tty_chars"][23])
    game.close()
    assert progression._STATUS.search(status)


def test_what_is_not_of_nethack_is_refused(tmp_path):
    said = CliRunner().invoke(main.app, ["progression", str(tmp_path / "none.zarr")])
    assert said.exit_code and "there are no demonstrations" in str(said.exception)


def test_a_folder_is_no_snapshot_and_families_of_a_study_are_known(tmp_path, monkeypatch):
    (tmp_path / "1e+07.safetensors").touch()
    said = CliRunner().invoke(main.app, ["progression", str(tmp_path)])
    assert "no such snapshot" in str(said.exception) and "1e+07" in str(said.exception)
    # What was no snapshot at all was once to be removed.
    said = CliRunner().invoke(main.app, ["progression", str(ROOT / "README.md")])
    assert "no such snapshot" in str(said.exception) and "rm" not in str(said.exception)
    known = []
    monkeypatch.setattr(agents, "load_policy", lambda who: known.extend(registry.loaded()) or 1 / 0)
    study = tmp_path / "study.yaml"
    study.write_text(f"extensions: [{ROOT}/extensions/foraging/mlp.py]")
    CliRunner().invoke(main.app, ["progression", "a.safetensors", "--study", str(study)])
    assert known
