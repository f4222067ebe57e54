"""What every game offers: a specification, and lanes that are stepped together."""

import difflib
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class GameSpec:
    """What a policy sees and may do.

    Parameters
    ----------
    observation
        Field -> (shape of one step, dtype).
    actions
        Meaning of each action index.
    human_return
        A published score of a human player, in points of the game.
    """

    name: str
    domain: str
    observation: dict[str, tuple[tuple[int, ...], np.dtype]]
    actions: tuple[str, ...]
    human_return: float | None = None

    def attributes(self, emulator) -> dict:
        """What a recording says of the game it is of, run in that way; ready for JSON."""
        return {
            "game": self.name,
            "domain": self.domain,
            "actions": list(self.actions),
            "emulator": emulator.model_dump(),
        }


@dataclass
class Step:
    """Result of one step of all lanes.

    Parameters
    ----------
    observation
        Field -> (lanes, ...).
    reward
        Points of the game, float32 (lanes,).
    done, truncated
        bool (lanes,). `truncated`: done by a limit of ours alone.
    extras
        Name -> (lanes,): what else the game counts, such as the depth reached so far.
    """

    observation: dict[str, np.ndarray]
    reward: np.ndarray
    done: np.ndarray
    truncated: np.ndarray
    extras: dict[str, np.ndarray] = field(default_factory=dict)


class VectorGame(Protocol):
    """Independent episodes side by side, one a lane.

    A lane that is done must be restarted before its next step counts; seeds make every episode a
    pure function of (seed, actions).

    Attributes
    ----------
    spec
        What is played.
    lanes
        How many episodes.
    """

    spec: GameSpec
    lanes: int

    def reset(self, seeds: np.ndarray) -> dict[str, np.ndarray]:
        """Start one episode a lane.

        Parameters
        ----------
        seeds
            int (lanes,).

        Returns
        -------
        dict
            Field -> (lanes, ...), what is seen before the first step.
        """
        ...

    def restart(self, lanes: np.ndarray, seeds: np.ndarray) -> dict[str, np.ndarray]:
        """Start new episodes in some lanes; the others stay where they are.

        Parameters
        ----------
        lanes
            Which, bool (lanes,).
        seeds
            One for each of these, int (chosen lanes,).

        Returns
        -------
        dict
            Field -> (lanes, ...), what is seen in all lanes.
        """
        ...

    def step(self, actions: np.ndarray) -> Step:
        """Play one action a lane.

        Parameters
        ----------
        actions
            Indices into `spec.actions`, int64 (lanes,).
        """
        ...

    def close(self) -> None: ...


def nearest(word: str, words: list[str]) -> str:
    """The known word that looks most like `word`.

    Parameters
    ----------
    word
        What somebody has typed.
    words
        What is known, at least one; the first of them if none is like it at all.
    """
    return (difflib.get_close_matches(word, words, n=1, cutoff=0.0) or [words[0]])[0]
