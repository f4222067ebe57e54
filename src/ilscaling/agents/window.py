"""An episode in the window that Gymnasium opens for its game."""

import time

import gymnasium
import numpy as np

from ilscaling import registry
from ilscaling.agents.episode import PlayedEpisode
from ilscaling.errors import GameError
from ilscaling.params import Section


def show_in_window(
    episode: PlayedEpisode, section: Section, *, per_second: float | None = None
) -> float:
    """Play the actions of an episode again, in the game's own window.

    Parameters
    ----------
    episode
        What was played.
    section
        The section that it was played in.
    per_second
        Steps a second; None: as fast as the game's own window shows them.

    Returns
    -------
    float
        Points, which are those of the episode.

    Raises
    ------
    GameError
        For a game that Gymnasium does not render.
    """
    env = _rendered(episode, section)
    points = 0.0
    try:
        env.reset(seed=int(episode.seed))
        for action in episode.action:
            _, reward, terminated, truncated, _ = env.step(int(action))
            points += float(reward)
            if per_second:
                time.sleep(1 / per_second)
            if terminated or truncated:
                break
    finally:
        env.close()
    return float(np.float64(points))


def _rendered(episode: PlayedEpisode, section: Section) -> gymnasium.Env:
    """The game's environment with a window of its own."""
    refusal = GameError(
        f"no window shows {episode.game}",
        where=episode.game,
        fix="--out FILE.gif   or, of a game of your own, a `make` that passes render_mode on to a"
        " Gymnasium environment",
    )
    if episode.game not in registry.names("GAME"):
        raise refusal
    entry, options = registry.get("GAME", episode.game), section.emulator.options
    try:
        env = entry.make(**{**options, "render_mode": "human"})
    except TypeError:
        raise refusal from None
    except gymnasium.error.Error as error:
        raise GameError(
            f"no window shows {episode.game}: {error}", where=episode.game, fix="--out FILE.gif"
        ) from None
    return env
