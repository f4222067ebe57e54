"""Atari games as PPO plays them: stacks of 4, a lost life reported as done."""

import itertools

import numpy as np

from ilscaling.domains.atari.game import SCREEN, emulator
from ilscaling.domains.atari.policy import STACK
from ilscaling.domains.atari.section import Emulator


class Group:
    """Some of the lanes, whose emulators run from `send` until `latest`.

    Parameters
    ----------
    game
        Name of a ROM that ale-py ships.
    options
        The section `emulator`.
    lanes
        Which they are.
    seeds
        Of their first games; each goes on from there.
    threads
        CPU threads that step them.
    returns
        Gets the unclipped scores of whole games.
    """

    def __init__(
        self, game: str, options: Emulator, lanes: slice, seeds: list[int], threads: int, returns
    ):
        count = len(seeds)
        self.lanes, self.returns = lanes, returns
        self._env = emulator(
            game, count, options, threads=threads, stack_num=STACK, life_loss_info=True
        )
        self.close = self._env.close
        self._score = np.zeros(count)
        self._final = None
        screens, info = self._env.reset(seed=np.array(seeds, np.int64))
        self._lives = info["lives"].copy()
        nothing = np.zeros(count, bool)
        self._latest = (screens, self._score.copy(), nothing, nothing)

    def send(self, action: np.ndarray) -> None:
        """Step all lanes.

        Parameters
        ----------
        action
            int64 (lanes,).
        """
        self._latest = None
        self._env.send(action)

    def latest(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Of the step that was sent last: stacks uint8 (lanes, 4, 84, 84), points, whether a life
        or game is over, and whether our limit ended it; valid until the next."""
        if self._latest is None:
            screens, points, terminated, truncated, info = self._env.recv()
            self._latest = (screens, points, terminated | truncated, truncated & ~terminated)
            self._final = info.get("final_obs")
            self._count(points, terminated | truncated, info["lives"])
        return self._latest

    def final(self, lanes: np.ndarray) -> np.ndarray:
        """Last stacks of the games that ended with the latest step.

        Parameters
        ----------
        lanes
            Which, bool (lanes,).

        Returns
        -------
        np.ndarray
            uint8 (ended lanes, 4, 84, 84).
        """
        return np.ascontiguousarray(self._final[lanes])

    def _count(self, points: np.ndarray, done: np.ndarray, lives: np.ndarray) -> None:
        self._score += points
        # Lives come back only with a new game; a lost life goes on with the same one.
        for lane in np.flatnonzero(done & (lives >= self._lives)):
            self.returns.append(float(self._score[lane]))
            self._score[lane] = 0
        self._lives = lives.copy()


class AtariLanes:
    """All lanes, in two groups where emulators have threads beside that of the networks.

    One group then steps while actions of the other are chosen. `returns` holds the unclipped scores
    of whole games.

    Parameters
    ----------
    game
        Name of a ROM that ale-py ships.
    options
        The section `emulator`.
    seeds
        One a lane, of its first game.
    threads
        CPU threads.
    """

    shape = (STACK, *SCREEN)

    def __init__(self, game: str, options: Emulator, seeds: list[int], *, threads: int):
        self.returns: list[float] = []
        count = len(seeds)
        parts = 2 if threads > 1 and count > 1 else 1
        edges = [round(count * part / parts) for part in range(parts + 1)]
        self.groups = [
            Group(game, options, slice(a, b), seeds[a:b], max(1, threads // parts), self.returns)
            for a, b in itertools.pairwise(edges)
        ]

    def close(self) -> None:
        for group in self.groups:
            group.close()
