"""Experts that a study brings along, for the games of any domain: the entry EXPERT."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from ilscaling.params import Fraction, Model, Name, Temperature

# (observation, fresh bool (lanes,): an episode begins) -> weights (lanes, actions), not negative,
# proportional to the probabilities of the actions. See `Expert.frames` for the observation.
Act = Callable[[Any, np.ndarray], np.ndarray]


class Asked(Model):
    """How an expert is asked: the parameters of whoever plays demonstrations."""

    name: Name | None = Field(None, description="an extension's expert; null: the domain's own")
    file: str | None = Field(None, description="what it reads, such as weights; null: nothing")
    temperature: Temperature = Field(
        1.0, description="1 samples its probabilities, 0 plays its best action"
    )
    noise: Fraction = Field(0.0, description="share of steps at which it plays at random")


@dataclass(frozen=True)
class Expert:
    """Who plays the demonstrations of a game.

    Parameters
    ----------
    name
        How the parameters call it: `expert.name`.
    player
        player(file) -> Act, with the path of `expert.file` or None. What it answers for a lane
        must depend on that lane's episode alone.
    frames
        None: it sees the observation, an array (lanes, ...) of a game with one field, else
        {field: (lanes, ...)}. A number: the last so many of a game with one field, (lanes, frames,
        ...), the newest last; an episode's first is repeated.
    says_distribution
        Whether the weights are those that its actions are drawn by; they are then stored with
        each step. False for an expert that has chosen an action by chance of its own and answers
        a weight for that one alone.
    record
        record(emulator, seeds, steps, out, file): for experts that play in a program of their own,
        which records them. Writes at `out` what the domain's own recording would write, whole
        episodes of the first of `seeds` with `steps` steps together. Then `player` does not play.
    follows
        Whether `player` also answers in a game that another plays: it goes by what it sees, and
        not by what it has answered before. Algorithms that ask the expert refuse one that does not.
    """

    CALLED: ClassVar = ("player",)

    name: str
    player: Callable[[Path | None], Act]
    frames: int | None = None
    says_distribution: bool = True
    record: Callable[[Any, Iterable[int], int, Path, Path | None], None] | None = None
    follows: bool = True
