"""Games that a study brings along: the entry GAME."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np


@dataclass(frozen=True)
class Game:
    """A game as a Gymnasium environment with discrete actions and an array to observe.

    Parameters
    ----------
    name
        How the parameters call it.
    make
        make(**emulator.options) -> gymnasium.Env, whose action space is Discrete and whose
        observation space is a Box of one to three axes. Its chance must come from
        `self.np_random` alone: an episode is a function of its reset's seed and of the actions.
    actions
        A meaning for each action; empty: their numbers.
    human_return
        A mark on the figures, in points of the game.
    picture
        Observation -> uint8 (height, width) or (height, width, 3), as the report shows it.
    """

    CALLED: ClassVar = ("make",)

    name: str
    make: Callable[..., Any]
    actions: tuple[str, ...] = ()
    human_return: float | None = None
    picture: Callable[[np.ndarray], np.ndarray] | None = None
