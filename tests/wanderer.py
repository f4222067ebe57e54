"""A player of NetHack whose games are recorded in tests: quick, and known to the last key."""

from pathlib import Path

import numpy as np

from ilscaling.domains.nethack.game import Game
from ilscaling.domains.nethack.recording import record_games
from ilscaling.domains.nethack.section import NetHackEmulator

OPTIONS = NetHackEmulator(max_steps=700)
FIELDS = ("tty_chars", "tty_colors", "tty_cursor")


class Wanderer:
    """Walks, searches and fights at random, and answers prompts; `seen`: what it acted on."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self.seen: list[tuple] = []

    def act(self, game: Game) -> int:
        asked = game.observation["internal"][1:4].any()
        keys = b"\x1b  ynaq\r" if asked else b"hjklyubnhjklyubnHJKLYUBNs>>>Fqz,i"
        key = int(self.rng.choice(list(keys)))
        screen = [game.observation[name].copy() for name in (*FIELDS, "inv_glyphs")]
        self.seen.append((*screen, key, game.score))
        return key


def record(out: Path, seeds=range(0, 1000, 2), steps: int = 2200, player=Wanderer):
    return record_games(OPTIONS, seeds=seeds, steps=steps, out=out, player=player, name="wanderer")
