"""Several episodes of a level side by side, in one process."""

import numpy as np

from ilscaling.domains.babyai import levels
from ilscaling.domains.babyai.levels import NOTHING, OBSERVATION
from ilscaling.domains.babyai.section import Emulator
from ilscaling.games.base import Step


class Vector:
    """Episodes of a level; see `ilscaling.games.base.VectorGame`.

    An episode ends when its mission is done or failed, after the level's own number of steps or
    after `emulator.max_steps`. It is a function of its seed and of the actions.

    Parameters
    ----------
    level
        Its name.
    lanes
        How many.
    emulator
        The section `emulator`.

    Raises
    ------
    GameError
        For a level that the bot cannot play.
    """

    def __init__(self, level: str, lanes: int, emulator: Emulator):
        self.spec, self.lanes = levels.spec(level), lanes
        self._emulator = emulator
        self._envs = [levels.make(level) for _ in range(lanes)]
        self._seen = {n: np.zeros((lanes, *s), t) for n, (s, t) in OBSERVATION.items()}
        self._steps = np.zeros(lanes, np.int64)
        self._over = np.ones(lanes, bool)

    def reset(self, seeds: np.ndarray) -> dict[str, np.ndarray]:
        """Start one episode a lane."""
        return self.restart(np.ones(self.lanes, bool), seeds)

    def restart(self, lanes: np.ndarray, seeds: np.ndarray) -> dict[str, np.ndarray]:
        """Start new episodes in some lanes.

        Parameters
        ----------
        lanes
            Which, bool (lanes,).
        seeds
            One for each of these, int (chosen lanes,).

        Returns
        -------
        dict
            Field of `OBSERVATION` -> (lanes, ...), of all lanes.
        """
        seen = self._seen
        for lane, seed in zip(np.flatnonzero(lanes), np.asarray(seeds), strict=True):
            observation = levels.begin(self._envs[lane], seed)
            seen["mission"][lane] = levels.tokens(observation["mission"])
            seen["episode_seed"][lane], seen["before"][lane] = seed, NOTHING
            self._look(lane, observation)
            self._steps[lane], self._over[lane] = 0, False
        return self._fields()

    def step(self, actions: np.ndarray) -> Step:
        """Play one action a lane; a lane whose episode is over stays as it is."""
        reward = np.zeros(self.lanes, np.float32)
        truncated = np.zeros(self.lanes, bool)
        for lane in np.flatnonzero(~self._over):
            action = int(actions[lane])
            observation, points, ended, late, _ = self._envs[lane].step(action)
            self._seen["before"][lane] = action
            self._look(lane, observation)
            self._steps[lane] += 1
            if points > 0:
                reward[lane] = 1 if self._emulator.reward == "success" else points
            truncated[lane] = not ended and self._steps[lane] >= self._emulator.max_steps
            self._over[lane] = ended or late or truncated[lane]
            # The level's own limit is a rule of the game: the mission has failed.
            truncated[lane] &= not late
        return Step(self._fields(), reward, self._over.copy(), truncated)

    def _look(self, lane: int, observation: dict) -> None:
        self._seen["view"][lane] = observation["image"]
        self._seen["direction"][lane] = observation["direction"]

    def _fields(self) -> dict[str, np.ndarray]:
        return {name: values.copy() for name, values in self._seen.items()}

    def close(self) -> None:
        for env in self._envs:
            env.close()


def picture(view: np.ndarray, side: int = 12) -> np.ndarray:
    """A view as MiniGrid draws it; the player looks up from the middle of the last row.

    Parameters
    ----------
    view
        uint8 (7, 7, 3).
    side
        Pixels of a cell.

    Returns
    -------
    np.ndarray
        uint8 (7 side, 7 side, 3).
    """
    from minigrid.core.grid import Grid

    grid, visible = Grid.decode(view)
    return grid.render(side, (3, 6), 3, highlight_mask=visible)
