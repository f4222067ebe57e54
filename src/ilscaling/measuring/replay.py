"""One game of a player, small enough for its record: it plays again from seed and actions."""

import base64
import zlib

import numpy as np

from ilscaling.games.play import Episodes, Moment

# Steps of a game that are kept: a game of our bot has a few thousand.
STEPS = 20_000


class Replays:
    """Collects the actions of chosen episodes while they are played; see `games.play.rollout`.

    Parameters
    ----------
    episodes
        Their positions among those that are played.
    """

    def __init__(self, episodes: list[int]):
        self.actions: dict[int, bytearray] = {number: bytearray() for number in episodes}

    def on_step(self, moment: Moment) -> None:
        """Note the actions of a moment."""
        for lane, number in enumerate(moment.episode.tolist()):
            kept = self.actions.get(number)
            if kept is not None and len(kept) < STEPS:
                kept.append(moment.action[lane])

    def record(self, number: int, played: Episodes, position: int) -> dict:
        """What a record keeps of an episode.

        Parameters
        ----------
        number
            Of the episode, as it was chosen.
        played, position
            Where its scores are.

        Returns
        -------
        dict
            Seed, score, depth (None where the game has none) and actions; see `actions`.
        """
        depth = played.extras.get("depth")
        return {
            "seed": int(played.seeds[position]),
            "actions": base64.b64encode(zlib.compress(self.actions[number], 9)).decode(),
            "score": float(played.returns[position]),
            "depth": None if depth is None else int(depth[position]),
        }


def actions(replay: dict) -> np.ndarray:
    """The first actions of a replay.

    Parameters
    ----------
    replay
        As `Replays.record` gives it.

    Returns
    -------
    np.ndarray
        Indices of actions, uint8 (steps,), at most 20,000.
    """
    return np.frombuffer(zlib.decompress(base64.b64decode(replay["actions"])), np.uint8)
