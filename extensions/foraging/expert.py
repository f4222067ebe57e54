"""An expert for Foraging: it walks to the nearest berry."""

from pathlib import Path

import numpy as np

from ilscaling.domains.expert import Act, Expert


def player(file: Path | None) -> Act:
    """The controller; `file` is for experts that read one, such as trained weights."""

    def act(observations: np.ndarray, fresh: np.ndarray) -> np.ndarray:
        weights = np.zeros((len(observations), 4))
        for lane, (walker, berries) in enumerate(observations):
            away = np.argwhere(berries) - np.argwhere(walker)
            down, right = away[np.abs(away).sum(1).argmin()]
            # In proportion to what is left to go each way: up, down, left, right.
            weights[lane] = np.maximum([-down, down, -right, right], 0)
        return weights

    return act


EXPERT = Expert(name="nearest", player=player)
