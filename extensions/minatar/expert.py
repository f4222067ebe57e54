"""An expert of MinAtar's Breakout: it goes where the ball will come down.

The ball moves one cell a step on a diagonal and leaves a trail, which tells its course. It turns at
the sides, at the top, at bricks and at the paddle, so the board says where it will be.
"""

from pathlib import Path

import numpy as np

from ilscaling.domains.expert import Act, Expert

SIDE, LAST = 10, 8  # columns; the row from which the paddle sends the ball back
STAY, LEFT, RIGHT = range(3)  # MinAtar's minimal actions
PADDLE, BALL, TRAIL, BRICK = range(4)  # channels of the board


def course(ball: np.ndarray, trail: np.ndarray, paddle: int) -> tuple[int, int]:
    """Rows and columns a step of a ball at (row, column) that was at (row, column) before."""
    (row, column), (before, aside) = ball, trail
    across = int(np.sign(column - aside))
    if across == 0:  # it has just turned at a side, or begins there
        across = 1 if column == 0 else -1
    if row == before and row == LAST:
        # Sent back by the paddle: the way it came, where the paddle is where it has come to.
        return -1, across if paddle == aside else -across
    # On the row of before it has turned at a brick above.
    return (-1 if row < before else 1), across


def landing(board: np.ndarray) -> int:
    """The column in which the ball will be when the paddle must be there."""
    paddle, ball, trail = (np.argwhere(board[..., n])[0] for n in (PADDLE, BALL, TRAIL))
    down, across = course(ball, trail, paddle[1])
    row, column = (int(place) for place in ball)
    bricks = board[..., BRICK].astype(bool)
    for _ in range(4 * SIDE):
        if row >= LAST and down > 0:
            break
        there, aside = row + down, column + across
        if not 0 <= aside < SIDE:
            aside, across = column, -across
        if there < 0:
            there, down = 0, 1
        elif bricks[there, aside]:
            bricks[there, aside], there, down = False, row, -down
        row, column = there, aside
    return column


def player(file: Path | None) -> Act:
    """The controller; it reads no file. Observations uint8 (lanes, 10, 10, channels)."""

    def act(observations: np.ndarray, fresh: np.ndarray) -> np.ndarray:
        weights = np.zeros((len(observations), 3))
        for lane, board in enumerate(observations):
            aside = landing(board) - np.argwhere(board[..., PADDLE])[0, 1]
            weights[lane, STAY if aside == 0 else RIGHT if aside > 0 else LEFT] = 1
        return weights

    return act


EXPERT = Expert(name="minatar_tracker", player=player)
