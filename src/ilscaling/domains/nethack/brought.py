"""An expert that a study brings along presses NetHack's keys, and NLE records it."""

from collections.abc import Callable

import numpy as np

from ilscaling import registry
from ilscaling.domains import brought
from ilscaling.domains.nethack.game import KEYS, SCREEN, Game
from ilscaling.domains.nethack.section import NetHackExpert
from ilscaling.domains.nethack.vector import observed, spec
from ilscaling.games import play

FIELDS = (*SCREEN, "inv_glyphs")  # what NLE must show


class Pressing:
    """One game's player: draws keys by the expert's probabilities, as `games.play.moments` draws.

    Parameters
    ----------
    act
        The expert.
    seed
        Of the game, by whose stream keys are drawn.
    says_distribution
        Whether the expert says its distribution: `probabilities` are then those of the last key,
        (actions,).
    """

    def __init__(self, act: play.Act, seed: int, says_distribution: bool = True):
        self._act, self._fresh = act, np.ones(1, bool)
        self._says = says_distribution
        self.probabilities: np.ndarray | None = None
        self._uniforms = play.Uniforms(1)
        self._uniforms.begin(0, seed)

    def act(self, game: Game) -> int:
        """Code of the key to press."""
        observation = {name: values[None].copy() for name, values in observed(game).items()}
        probabilities = self._act(observation, np.zeros(1, np.int64), self._fresh)
        self._fresh = np.zeros(1, bool)
        if self._says:
            self.probabilities = probabilities[0]
        return KEYS[int(play.draw(probabilities, self._uniforms())[0])]


def players(asked: NetHackExpert) -> Callable[[int], Pressing]:
    """A player for each game's seed, for `recording.record_games`."""
    act = brought.player(asked, spec("nethack"))
    says = registry.get("EXPERT", asked.name).says_distribution
    return lambda seed: Pressing(act, seed, says)
