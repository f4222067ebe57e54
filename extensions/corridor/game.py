"""The corridor: a row of blocks, of which one is the walker and one the door."""

import numpy as np

from ilscaling.games.base import GameSpec, Step

SIDE, BLOCK = 36, 4


def spec(game: str) -> GameSpec:
    return GameSpec(game, "corridor", {"screen": ((SIDE, SIDE), np.dtype(np.uint8))}, ("<", ">"))


class Walkers:
    """A corridor a lane; see `ilscaling.games.base.VectorGame`."""

    def __init__(self, game: str, lanes: int, emulator):
        self.spec, self.lanes, self._how = spec(game), lanes, emulator
        self.at, self.door, self._steps = np.zeros((3, lanes), np.int64)

    def reset(self, seeds):
        return self.restart(np.ones(self.lanes, bool), seeds)

    def restart(self, lanes, seeds):
        for lane, seed in zip(np.flatnonzero(lanes), seeds, strict=True):
            places = np.random.default_rng(int(seed)).permutation(self._how.length)
            self.at[lane], self.door[lane], self._steps[lane] = *places[:2], 0
        return self._see()

    def step(self, actions):
        self.at = np.clip(self.at + 2 * np.asarray(actions) - 1, 0, self._how.length - 1)
        self._steps += 1
        there, late = self.at == self.door, self._steps >= self._how.max_steps
        return Step(self._see(), there.astype(np.float32), there | late, late & ~there)

    def _see(self):
        screens = np.zeros((self.lanes, SIDE // BLOCK, SIDE // BLOCK), np.uint8)
        lanes = np.arange(self.lanes)
        screens[lanes, 4, self.door], screens[lanes, 2, self.at] = 128, 255
        return {"screen": np.kron(screens, np.ones((BLOCK, BLOCK), np.uint8))}

    def close(self):
        pass
