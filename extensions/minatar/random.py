"""Random play of MinAtar's games: what a policy that learns from rewards begins beside."""

from pathlib import Path

import numpy as np

from ilscaling.domains.expert import Act, Expert

# Channels of a game's board -> its minimal actions. Breakout has as many channels as Asterix; it
# has an expert that plays well.
ACTIONS = {4: 5, 6: 4, 7: 3, 10: 6}


def player(file: Path | None) -> Act:
    """Equal weights; it reads no file. Observations uint8 (lanes, 10, 10, channels)."""

    def act(observations: np.ndarray, fresh: np.ndarray) -> np.ndarray:
        return np.ones((len(observations), ACTIONS[observations.shape[-1]]))

    return act


EXPERT = Expert(name="minatar_random", player=player)
