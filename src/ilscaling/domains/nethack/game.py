"""One game of NetHack: seeded, replayable, recorded by NLE itself if wanted.

The keyboard is that of the NetHack Challenge: every key of NLE, no prompt is answered for the
player. NLE's Challenge task forbids seeds, so its low-level interface is driven directly.
"""

import _ctypes
import ctypes
import os
from pathlib import Path

import numpy as np
from nle import nethack

from ilscaling.domains.nethack.section import NetHackEmulator
from ilscaling.errors import GameError
from ilscaling.games.base import nearest

# Key code of each action. Three codes stand twice among NLE's actions: the first place counts.
KEYS: tuple[int, ...] = tuple(int(action) for action in nethack.ACTIONS)
ACTIONS: tuple[str, ...] = tuple(
    f"{type(action).__name__}.{action.name}" for action in nethack.ACTIONS
)
SPACE, ESC = 32, 27
QUIT, YES = 0x80 | ord("q"), ord("y")
# Entries of NLE's `program_state` and `internal` observations.
GAME_OVER, IN_MOVE_LOOP = 0, 3
IN_YN, IN_LINE, WAIT_FOR_SPACE = 1, 2, 3
# Entries of `blstats`.
SCORE, DEPTH, TURN = nethack.NLE_BL_SCORE, nethack.NLE_BL_DEPTH, nethack.NLE_BL_TIME
SCREEN = ("tty_chars", "tty_colors", "tty_cursor")
ALWAYS = ("blstats", "program_state", "internal")

# Role -> its races and alignments; race -> its alignments. NetHack would replace what does not fit
# by something else, without a word.
ROLES = {
    "arc": ("hum dwa gno", "law neu"),
    "bar": ("hum orc", "neu cha"),
    "cav": ("hum dwa gno", "law neu"),
    "hea": ("hum gno", "neu"),
    "kni": ("hum", "law"),
    "mon": ("hum", "law neu cha"),
    "pri": ("hum elf", "law neu cha"),
    "ran": ("hum elf gno orc", "neu cha"),
    "rog": ("hum orc", "cha"),
    "sam": ("hum", "law"),
    "tou": ("hum", "neu"),
    "val": ("hum dwa", "law neu"),
    "wiz": ("hum elf gno orc", "neu cha"),
}
RACES = {"hum": "law neu cha", "elf": "cha", "dwa": "law", "gno": "neu", "orc": "cha"}


def roles() -> list[str]:
    """Every role-race-alignment-gender that NetHack has."""
    return [
        f"{role}-{race}-{alignment}-{gender}"
        for role, (races, alignments) in ROLES.items()
        for race in races.split()
        for alignment in alignments.split()
        if alignment in RACES[race].split()
        for gender in (("fem",) if role == "val" else ("mal", "fem"))
    ]


def check_role(role: str) -> None:
    """Raise GameError for a role that NetHack does not have; '@' is one drawn by the seed."""
    if role != "@" and role not in roles():
        raise GameError(
            f"NetHack has no {role!r}",
            where="params: emulator.role",
            fix=f"{nearest(role, roles())}, as role-race-alignment-gender, or '@' for any",
        )


class Game:
    """One NetHack process; `start` a game by seed, then `press` keys until `over`.

    A game is a function of (role, seed, keys): neither the clock nor the date enters.

    Parameters
    ----------
    options
        The section `emulator`.
    fields
        NLE's observations that are wanted.
    recording
        A file named `*.ttyrec3.bz2`, in an existing folder, in which NLE records the first game
        that is started, complete when the game is closed; its line goes to `nle.xlogfile` beside
        it.

    Attributes
    ----------
    observation
        NLE's own buffers by name, overwritten by the next key: copy what is kept.
    steps
        Keys pressed.
    score
        Points so far.
    deepest
        Level reached.
    turn
        NetHack's T.
    truncated
        Cut by a limit.
    opening
        Keys that NetHack's greeting took before the first step.

    Raises
    ------
    GameError
        For an unknown role.
    """

    def __init__(
        self,
        options: NetHackEmulator,
        *,
        fields: tuple[str, ...] = SCREEN,
        recording: str | Path | None = None,
    ):
        check_role(options.role)
        self.options = options
        names = tuple(dict.fromkeys((*fields, *ALWAYS)))
        self._recording = None if recording is None else str(recording)
        where = {"ttyrec": None, "scoreprefix": None}
        if recording is not None:
            where = {
                "ttyrec": self._recording,
                "scoreprefix": str(Path(recording).with_name("nle.")),
            }
        self._nle = nethack.Nethack(
            observation_keys=names,
            playername=f"Agent-{options.role}",
            fix_moon_phase=True,
            **where,
        )
        self._step = self._nle._pynethack.step
        self._done = self._nle._pynethack.done
        self.observation: dict[str, np.ndarray] = dict(self._nle._obs_buffers)
        self._state = self.observation["program_state"]
        self._internal = self.observation["internal"]
        self._stats = self.observation["blstats"]
        self.over, self.truncated = True, False

    def start(self, seed: int) -> None:
        """Begin the game of `seed`."""
        self._nle.set_initial_seeds(seed, seed, False)
        # NLE names the file in its log only if it is named here again.
        self._nle.reset(self._recording)
        self._recording = None
        self._pin_birthday(seed)
        self.over = self.truncated = False
        self.steps = self.opening = self._still = 0
        while not self._state[IN_MOVE_LOOP]:
            if self._done() or self.opening == 100:
                raise GameError(
                    f"NetHack did not start a game with seed {seed}",
                    where=f"params: emulator.role: {self.options.role}",
                )
            self._step(SPACE)
            self.opening += 1
        self.score, self.turn = int(self._stats[SCORE]), int(self._stats[TURN])
        self.deepest = int(self._stats[DEPTH])

    def press(self, key: int) -> int:
        """Send one key; sets `over`, and `truncated` by the limits.

        Prompts are the player's to answer, but for those after the game's end. The last key of
        a game gains nothing: NetHack no longer shows a score that could be compared.

        Parameters
        ----------
        key
            Its code.

        Returns
        -------
        int
            Points gained.
        """
        self._step(key)
        self.steps += 1
        if self._state[GAME_OVER] or self._done():
            self._finish()
            return 0
        score, turn = int(self._stats[SCORE]), int(self._stats[TURN])
        gained, self.score = score - self.score, score
        self.deepest = max(self.deepest, int(self._stats[DEPTH]))
        self._still = self._still + 1 if turn == self.turn else 0
        self.turn = turn
        if self.steps >= self.options.max_steps or self._still >= self.options.no_progress:
            self.truncated = True
            self._quit()
        return gained

    def _quit(self) -> None:
        """End the game properly, so that NetHack writes its line of the xlogfile."""
        for _ in range(100):
            # A search within a menu, of which no flag tells, takes three: text, search, menu.
            for key in (ESC, ESC, ESC, QUIT, YES):
                if self._done() or self._state[GAME_OVER]:
                    return self._finish()
                if key != YES or self._internal[IN_YN]:
                    self._step(key)
        raise GameError("NetHack does not let this game be cut", where=f"turn {self.turn}")

    def _finish(self) -> None:
        """Leave what NetHack shows after the end of a game."""
        for _ in range(1000):
            if self._done():
                self.over = True
                return
            self._step(SPACE if self._internal[WAIT_FOR_SPACE] else ESC)
        raise GameError("NetHack does not end this game", where=f"turn {self.turn}")

    def _pin_birthday(self, seed: int) -> None:
        """Set the game's date of birth, from which NetHack names shopkeepers and picks ants.

        `fix_moon_phase` leaves it to the clock. The library's handle is given back at once: a
        library that is held would keep one game's state for the next.
        """
        library = ctypes.CDLL(self._nle.dlpath, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
        ctypes.c_long.in_dll(library, "ubirthday").value = birthday(seed)
        _ctypes.dlclose(library._handle)

    def close(self) -> None:
        self._nle.close()


def birthday(seed: int) -> int:
    """A date of birth in seconds; NetHack looks at it modulo 3, and over 257 modulo 5 and 13."""
    return 1_000_000_000 + 257 * seed
