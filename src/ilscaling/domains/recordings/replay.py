"""A recording is played again, action by action, and compared with what it says."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ilscaling.domains.recordings.episode import Episode
from ilscaling.games.base import VectorGame


@dataclass(frozen=True)
class Emulators:
    """How a game is run to play a recording again.

    Parameters
    ----------
    theirs, ours
        Number of steps -> the emulator's settings: an action of the recording a step, and a step
        of the study's.
    block
        Actions of the recording that are one step of the study's.
    frames
        Emulator frames of an action of the recording.
    seeded
        Whether an episode is a function of its seed, too.
    shown
        Whether a recorded observation of the game's shape is what the game shows, to be compared.
    """

    theirs: Callable
    ours: Callable
    block: int
    frames: int
    seeded: bool
    shown: bool = False


class Moment(NamedTuple):
    """A step of an episode: what was seen before `action` (a field -> array each), the reward, and
    whether the game was over then."""

    observation: dict[str, np.ndarray]
    action: int
    reward: float
    done: bool


def moments(
    episode: Episode, game: VectorGame, block: int, frames: int, shown: bool = False
) -> Iterator[Moment]:
    """Play a recorded episode again.

    A last block that is not whole is played where the game ends within it, and left out elsewhere.

    Parameters
    ----------
    episode
        What was recorded.
    game
        One lane, whose step is `block` actions of the recording.
    block
        Actions that are one step.
    frames
        Emulator frames of an action, to name the frame.
    shown
        Whether recorded observations of the game's shape are compared.

    Yields
    ------
    Moment
        A step after the other.

    Raises
    ------
    StoreError
        For a block of several actions, and where the game gives another reward, ends at another
        place or shows something else than the recording says; it names the frame, counted from 0.
    """
    observation = game.reset(np.array([episode.seed or 0]))
    count = len(episode.action)
    for start in range(0, count, block):
        actions = episode.action[start : start + block]
        rewards = episode.reward[start : start + block]
        frame = start * frames
        if (actions != actions[0]).any():
            raise episode.bad(
                f"frames {frame:,} to {frame + block * frames - 1:,} hold several actions, and a "
                "step of the study plays one",
                f"emulator.frame_skip: {frames}, as the recording",
            )
        if shown and _another(episode, start, observation):
            raise _differs(episode, frame, "what the game shows is not what was recorded")
        step = game.step(actions[:1])
        # A game may cut an episode by itself: that is its end, too, and another would begin.
        done, last = bool(step.done[0]), start + block >= count
        over = done and not step.truncated[0]
        if len(actions) < block and not done:
            return
        wanted, got = np.float32(rewards.sum()), np.float32(step.reward[0])
        if got != wanted:
            raise _differs(episode, frame, f"the game gives {got:g} points, not {wanted:g}")
        if done and not last:
            raise _differs(episode, frame, "the game is over, and the recording goes on")
        if last and episode.ended and not done:
            raise _differs(episode, frame, "the game goes on, and the recording is over")
        if over and episode.ended is False:
            raise _differs(episode, frame, "the game is over, and the recording says it is not")
        yield Moment({k: v[0] for k, v in observation.items()}, int(actions[0]), float(got), over)
        if done:
            return
        observation = step.observation


def recorded(episode: Episode, field: str, shape: tuple, dtype: np.dtype) -> Iterator[Moment]:
    """The steps of an episode as they were recorded, with their observations.

    Parameters
    ----------
    episode
        What was recorded.
    field, shape, dtype
        Of the game's observation.

    Raises
    ------
    StoreError
        For observations that are missing, of another shape or type, or do not fit the type.
    """
    seen = episode.observation
    if seen is None:
        raise episode.bad(
            "it has no observations, and is not played again",
            "replay: true, and of a game of chance the seed of each episode (--field seed=THEIRS)",
        )
    if seen.shape[1:] != shape or not np.can_cast(seen.dtype, dtype, "same_kind"):
        raise episode.bad(
            f"observations are {seen.dtype} {seen.shape[1:]}; the game's are {dtype} {shape}"
        )
    count = len(episode.action)
    for at in range(count):
        over = bool(episode.ended) and at == count - 1
        with np.errstate(over="ignore"):
            values = seen[at].astype(dtype, copy=False)
        kept = np.isfinite(values).all() if dtype.kind == "f" else (values == seen[at]).all()
        if not kept:
            raise episode.bad(
                f"the observation at step {at:,} holds what {dtype} does not, or what is not finite"
            )
        yield Moment({field: values}, int(episode.action[at]), float(episode.reward[at]), over)


def _another(episode: Episode, at: int, observation: dict[str, np.ndarray]) -> bool:
    """Whether the observation that was recorded at a step is of the game's shape, and another."""
    seen, (values, *_) = episode.observation, observation.values()
    if seen is None or seen.dtype.kind not in "biuf" or seen.shape[1:] != values.shape[1:]:
        return False
    return not np.allclose(seen[at], values[0], equal_nan=True)


def _differs(episode: Episode, frame: int, what: str):
    return episode.bad(
        f"played again, it differs at frame {frame:,}: {what}",
        "it was played in another way or version of the game: nothing after that frame is what the "
        "player saw; give its own frame_skip, sticky, noop_max and seeds, or leave it out",
    )
