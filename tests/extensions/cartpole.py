"""CartPole, whose known return is 500, and a controller that reaches it."""

import gymnasium
import numpy as np

from ilscaling.domains.expert import Expert
from ilscaling.domains.gymnasium.entries import Game


def player(file):
    """Pushes to the side to which the pole falls."""

    def act(observations, fresh):
        place, speed, angle, turning = observations.T
        right = angle + 0.5 * turning + 0.02 * place + 0.05 * speed > 0
        return np.stack([~right, right], 1).astype(float)

    return act


GAME = Game("cartpole", lambda **_: gymnasium.make("CartPole-v1"), actions=("left", "right"))
EXPERT = Expert(name="balancer", player=player)
