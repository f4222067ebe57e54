"""Foraging: a walker on a small board eats berries, and each grows again somewhere else."""

import gymnasium
import numpy as np
from gymnasium import spaces

from ilscaling.domains.gymnasium.entries import Game

MOVES = ((-1, 0), (1, 0), (0, -1), (0, 1))  # up, down, left, right: rows, columns


class Foraging(gymnasium.Env):
    """Observation uint8 (2, side, side): the walker's cell, the berries. A berry is one point."""

    def __init__(self, side: int = 8, berries: int = 3, steps: int = 200):
        self.side, self.berries, self.steps = side, berries, steps
        self.observation_space = spaces.Box(0, 1, (2, side, side), np.uint8)
        self.action_space = spaces.Discrete(len(MOVES))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)  # seeds self.np_random
        self.board = np.zeros((2, self.side, self.side), np.uint8)
        self.at = tuple(self.np_random.integers(self.side, size=2))
        self.board[0][self.at] = 1
        self.left = self.steps
        for _ in range(self.berries):
            self._grow()
        return self.board.copy(), {}

    def step(self, action):
        self.board[0][self.at] = 0
        self.at = tuple(np.clip(np.add(self.at, MOVES[action]), 0, self.side - 1))
        self.board[0][self.at] = 1
        eaten = int(self.board[1][self.at])
        if eaten:
            self._grow()
            self.board[1][self.at] = 0
        self.left -= 1
        return self.board.copy(), float(eaten), self.left == 0, False, {}

    def _grow(self):
        free = np.argwhere(self.board.sum(0) == 0)
        self.board[1][tuple(free[self.np_random.integers(len(free))])] = 1


def picture(observation: np.ndarray) -> np.ndarray:
    """The board in grey: the walker white, berries lighter than the ground."""
    walker, berries = observation
    return np.where(walker, 255, np.where(berries, 140, 30)).astype(np.uint8)


GAME = Game(
    name="foraging",
    make=Foraging,
    actions=("up", "down", "left", "right"),
    picture=picture,
)
