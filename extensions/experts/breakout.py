"""An expert for Atari's Breakout: it keeps the paddle under the ball."""

from pathlib import Path

import numpy as np

from ilscaling.domains.expert import Act, Expert

NOOP, FIRE, RIGHT, LEFT = range(4)
FIELD, PADDLE = slice(40, 76), 77  # rows of the screen (84x84): where the ball flies, the paddle


def player(file: Path | None) -> Act:
    """The controller; it sees the last two screens, uint8 (lanes, 2, 84, 84)."""

    def act(stacks: np.ndarray, fresh: np.ndarray) -> np.ndarray:
        weights = np.zeros((len(stacks), 4))
        for lane, (before, now) in enumerate(stacks):
            ball = np.flatnonzero((now > before)[FIELD, 6:78].any(0))
            paddle = np.flatnonzero(now[PADDLE, 6:78])
            if not len(ball) or not len(paddle):
                weights[lane] = [0.5, 0.5, 0, 0]  # a new ball is waiting, or it is high up
                continue
            off = ball.mean() - paddle.mean()
            weights[lane, NOOP if abs(off) < 2 else RIGHT if off > 0 else LEFT] = 1
        return weights

    return act


EXPERT = Expert(name="tracker", player=player, frames=2)
