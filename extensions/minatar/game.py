"""MinAtar's five games (Young & Tian 2019): `emulator.options: {game: breakout}` chooses one.

Asterix, Breakout, Freeway, Seaquest and Space Invaders on a board of 10 x 10, with sticky actions
of their own.
"""

import numpy as np

from ilscaling.domains.gymnasium.entries import Game

# A channel of the board each; black where nothing is.
COLOURS = np.array(
    [[0, 0, 0], [230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [0, 114, 178],
     [213, 94, 0], [204, 121, 167], [255, 255, 255], [150, 150, 150], [90, 90, 90]], np.uint8
)  # fmt: skip


def make(game: str = "breakout", sticky: float = 0.1):
    """The environment; `emulator.options` are its arguments. Observation (10, 10, channels)."""
    from minatar.gym import BaseEnv

    class Board(BaseEnv):
        def reset(self, seed=None, options=None):
            # An episode would begin with the last action of the one before.
            self.game.last_action = 0
            return super().reset(seed=seed, options=options)

    return Board(game, use_minimal_action_set=True, sticky_action_prob=sticky)


def picture(board: np.ndarray) -> np.ndarray:
    """A board as an image, each cell 8 x 8 pixels in the colour of its last channel."""
    place = np.arange(1, board.shape[-1] + 1)
    return COLOURS[(board * place).max(-1)].repeat(8, 0).repeat(8, 1)


GAME = Game(name="minatar", make=make, picture=picture)
