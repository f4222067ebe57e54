"""Atari games whose last step shows the screen after it, not the first of the next game."""

import numpy as np

from ilscaling.domains.atari.game import Vector
from ilscaling.games.base import Step


class FinalScreens(Vector):
    """As `atari.game.Vector`, for whoever keeps the final observation; nobody else wants it."""

    def step(self, actions: np.ndarray) -> Step:
        """Play one action a lane; of a lane that is done, its final screen is observed."""
        screens, reward, terminated, truncated, info = self._env.step(np.asarray(actions, np.int64))
        self._screen = screens[:, 0].copy()
        done = np.asarray(terminated | truncated, bool)
        if done.any():
            self._screen[done] = info["final_obs"][done, 0]
        return Step(
            observation={"screen": self._screen.copy()},
            reward=np.asarray(reward, np.float32),
            done=done,
            truncated=np.asarray(truncated, bool),
        )
