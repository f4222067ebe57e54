"""NetHack is a function of (role, seed, keys): in any process, on any day, beside other games."""

import _ctypes
import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from nle import nethack

from ilscaling import games
from ilscaling.domains.nethack import game as module
from ilscaling.domains.nethack.game import ACTIONS, KEYS, Game, birthday, roles
from ilscaling.domains.nethack.section import NetHackEmulator
from ilscaling.errors import GameError
from ilscaling.games import play
from ilscaling.games.score import summary

# SHA-256 of all screens of `replay`. A new constant means that NLE plays another game: what was
# recorded stays valid, but is not made again by its seeds.
GOLDEN = {
    ("mon-hum-neu-mal", 3): "910612f01e8186ce7965aec5fda92b72f33c39fce74e89ef403a0ac5ac06a799",
    ("mon-hum-neu-mal", 8): "e81dcdfe5be435c3d0693e84d10767eb9b622764e8c96821f4f4b2df914b7019",
    ("@", 3): "767cd931255c2d9f5b498e4f93d4fb7f0bc4ccc57e5b58d179365bc90e1bd3c4",
}
OPTIONS = NetHackEmulator(max_steps=150, no_progress=60)


def keys(seed: int):
    """Keys of a wild player, without those that quit or save."""
    rng = np.random.default_rng([seed, 7])
    calm = np.array([key for key in KEYS if chr(key) not in "S#" and key != module.QUIT])
    while True:
        yield int(rng.choice(calm if rng.random() < 0.2 else calm[:16]))


def replay(role: str, seed: int, steps: int = 400) -> str:
    """Digest of all screens of a game, over the starts of an earlier one."""
    game = Game(NetHackEmulator(role=role, no_progress=10_000))
    seen = hashlib.sha256()
    try:
        game.start(seed + 1)
        game.press(ord("s"))
        game.start(seed)
        for _, key in zip(range(steps), keys(seed), strict=False):
            for name in module.SCREEN:
                seen.update(game.observation[name].tobytes())
            if game.over:
                break
            game.press(key)
    finally:
        game.close()
    return seen.hexdigest()


@pytest.mark.parametrize(("role", "seed"), GOLDEN)
def test_replayed_play_has_the_golden_hash(role, seed):
    assert replay(role, seed) == GOLDEN[role, seed]


SHIFT = """
#include <sys/time.h>
#include <time.h>
static struct timespec now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += SECONDS;
    return t;
}
time_t time(time_t *out) { time_t s = now().tv_sec; if (out) *out = s; return s; }
int gettimeofday(struct timeval *out, void *zone) {
    struct timespec t = now();
    out->tv_sec = t.tv_sec;
    out->tv_usec = t.tv_nsec / 1000;
    return 0;
}
"""


@pytest.mark.skipif(not (shutil.which("cc") and sys.platform == "linux"), reason="needs cc")
def test_another_date_changes_nothing(tmp_path):
    """Half a month on it is another moon, and a Friday the 13th is near."""
    (tmp_path / "shift.c").write_text(SHIFT)
    library = tmp_path / "shift.so"
    command = ["cc", "-shared", "-fPIC", f"-DSECONDS={15 * 86_400 + 43_200 + 1}"]
    subprocess.run([*command, "-o", library, tmp_path / "shift.c"], check=True)
    code = (
        "import json, sys, time; sys.path.insert(0, sys.argv[1]); import test_nethack as t;"
        "print(json.dumps([time.time(), [t.replay(*k) for k in t.GOLDEN], t.born(5)]))"
    )
    there = {**os.environ, "LD_PRELOAD": str(library), "TZ": "Pacific/Kiritimati"}
    answers = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", code, os.path.dirname(__file__)],
                env=env,
                check=True,
                capture_output=True,
            ).stdout
        )
        for env in (there, {**os.environ})
    ]
    assert answers[0][1:] == answers[1][1:] == [list(GOLDEN.values()), birthday(5)]


def born(seed: int) -> int:
    """The date of birth that NetHack itself holds, once a game of `seed` has begun.

    It names shopkeepers and picks the ants of a nest; few games of a test would show either.
    """
    game = Game(OPTIONS)
    game.start(seed)
    library = ctypes.CDLL(game._nle.dlpath, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
    found = ctypes.c_long.in_dll(library, "ubirthday").value
    _ctypes.dlclose(library._handle)
    game.close()
    return found


def test_a_drawn_role_comes_from_the_seed():
    def greetings(seeds):
        game = Game(NetHackEmulator(role="@"))
        found = []
        for seed in seeds:
            game.start(seed)
            found.append(bytes(game.observation["tty_chars"][22, :30]))
        game.close()
        return found

    seen = greetings(range(6))
    assert greetings(range(5, -1, -1)) == seen[::-1]
    assert len(set(seen)) > 2


def test_rewards_add_up_to_the_score_and_limits_cut():
    game = Game(OPTIONS)
    cut = 0
    for seed in range(4):
        game.start(seed)
        gains = []
        for key in keys(seed):
            gains.append(game.press(key))
            if game.over:
                break
        assert sum(gains) == game.score and gains[-1] >= 0
        assert game.steps == len(gains) <= OPTIONS.max_steps
        cut += game.truncated
    assert cut
    game.start(9)
    while not game.over:
        game.press(module.ESC)
    assert game.truncated and game.steps == OPTIONS.no_progress and game.turn == 1
    game.close()


# The search in a menu tells nobody that it waits for a line; ESC there first clears the text.
@pytest.mark.parametrize("prompt", ["", "i:abc", "E-x", "#pra", "?", "z", "Ca", "r?", "100s"])
def test_a_game_can_be_cut_in_any_prompt(tmp_path, prompt):
    game = Game(
        NetHackEmulator(max_steps=len(prompt) + 1), recording=tmp_path / "nle.0.ttyrec3.bz2"
    )
    game.start(1)
    for key in prompt + "s":
        game.press(ord(key))
    game.close()
    assert game.over and game.truncated
    assert "death=quit" in (tmp_path / "nle.xlogfile").read_text()


@pytest.mark.parametrize("role", ["mok-hum-neu-mal", "mon-elf-neu-mal", "val-hum-neu-mal", "monk"])
def test_a_role_that_nethack_does_not_have_is_refused(role):
    options = NetHackEmulator.model_construct(role=role, max_steps=10, no_progress=10)
    with pytest.raises(GameError, match=role) as refusal:
        games.make("nethack", "nethack", 1, options)
    assert refusal.value.fix.split(",")[0] in roles()


def rolled(lanes: int, seeds: list[int]):
    """Digest by seed, and the episodes, of a player that depends on what it sees."""
    game = games.make("nethack", "any name", lanes, OPTIONS)
    seen = {seed: hashlib.sha256() for seed in seeds}
    calls = []

    class Player:
        def __call__(self, observation, episode, fresh):
            calls.append(fresh.copy())
            self.marks = observation["tty_cursor"].astype(int).sum(1) % 8
            return np.where(np.arange(len(ACTIONS)) < 16, 1, 0.01) + np.eye(121)[self.marks]

        def taken(self, action):
            self.last = action

    player = Player()

    def look(moment):
        assert (player.last == moment.action).all()
        for lane in np.flatnonzero(moment.episode >= 0):
            fields = [moment.observation[name][lane] for name in sorted(moment.observation)]
            fields += [moment.action[lane], moment.reward[lane], moment.extras["turns"][lane]]
            seen[int(moment.seed[lane])].update(b"".join(np.asarray(f).tobytes() for f in fields))

    try:
        episodes = play.rollout(game, player, seeds=seeds, on_step=look)
    finally:
        game.close()
    assert sum(f.sum() for f in calls) == len(seeds) and calls[0].all()
    return {seed: h.hexdigest() for seed, h in seen.items()}, episodes


def test_lanes_do_not_change_the_games():
    alone, first = rolled(1, [4, 5, 6])
    beside, second = rolled(2, [6, 5, 4])
    assert alone == beside and len(set(alone.values())) == 3
    for name in ("returns", "lengths", "truncated"):
        assert list(getattr(first, name)) == list(getattr(second, name))[::-1]
    found = summary(first)
    assert found["turns_mean"] == first.extras["turns"].mean() > 1
    assert found["depth_max"] >= found["depth_mean"] >= 1


def test_actions_are_nle_s_and_observations_as_declared():
    assert tuple(int(a) for a in nethack.ACTIONS) == KEYS and len(ACTIONS) == 121
    game = games.make("nethack", "nethack", 2, OPTIONS)
    seen = game.reset(np.array([1, 2]))
    game.close()
    for name, (shape, dtype) in game.spec.observation.items():
        assert seen[name].shape == (2, *shape) and seen[name].dtype == dtype
    assert b"Monk" in seen["tty_chars"][0].tobytes()
    assert (seen["inventory"][0] != nethack.NO_GLYPH).sum() > 5
