"""NetHack records what a player plays: whole games in the order of their seeds, kill or no kill."""

import os
import signal
import subprocess
import sys

import pytest
from wanderer import record

from ilscaling.errors import GameError, StoreError
from ilscaling.files import read_json


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    root = tmp_path_factory.mktemp("nld")
    record(root / "job-0")
    record(root / "job-1", range(1, 1000, 2))
    return root


def test_a_recording_is_the_shortest_run_of_seeds(recorded):
    for job in (0, 1):
        made = read_json(recorded / f"job-{job}" / "games.json")
        steps = [game["steps"] for game in made["games"]]
        assert [game["seed"] for game in made["games"]] == list(range(job, 2 * len(steps), 2))
        assert sum(steps) >= 2200 > sum(steps[:-1])


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import wanderer as t
from pathlib import Path

class Mortal(t.Wanderer):
    def act(self, game):
        if self.mortal and game.steps == 100:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().act(game)

def player(seed):
    made = Mortal(seed)
    made.mortal = seed == 4
    return made

t.record(Path(sys.argv[2]), player=player)
"""


def test_a_killed_recording_goes_on_where_it_was(recorded, tmp_path):
    out = tmp_path / "job-0"
    command = [sys.executable, "-c", KILLED, os.path.dirname(__file__), out]
    died = subprocess.run(command, capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL and not out.exists()
    work = tmp_path / ".job-0.work"
    before = (work / "nle.2.ttyrec3.bz2").stat().st_mtime_ns
    # As if the kill had come between NetHack's line for a game and ours, and amid our own.
    with open(work / "nle.xlogfile", "a", encoding="utf-8") as log:
        log.write("version=3.6.7\tttyrecname=nle.4.ttyrec3.bz2\n")
    with open(work / "journal.jsonl", "a", encoding="utf-8") as journal:
        journal.write('{"file": "nle.4')
    games = record(out)
    assert games == read_json(recorded / "job-0" / "games.json")["games"]
    assert {p.name for p in out.iterdir()} == {p.name for p in (recorded / "job-0").iterdir()}
    assert (out / "nle.2.ttyrec3.bz2").stat().st_mtime_ns == before
    lines = (out / "nle.xlogfile").read_text().splitlines()
    assert [line.split("ttyrecname=")[1] for line in lines] == [game["file"] for game in games]
    assert os.listdir(tmp_path) == ["job-0"]


def test_recording_refuses_what_is_in_the_way_and_says_when_seeds_end(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("years")
    with pytest.raises(StoreError, match="in the way"):
        record(tmp_path / "thesis")
    with pytest.raises(GameError, match="ran out"):
        record(tmp_path / "few", seeds=[1], steps=10_000)
    assert not (tmp_path / "few").exists()
