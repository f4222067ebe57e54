"""Levels by name, and what is seen of them."""

import contextlib
import io
import re
from functools import cache

import numpy as np

from ilscaling.domains.babyai.section import Emulator
from ilscaling.errors import GameError
from ilscaling.games.base import GameSpec, nearest

# The words of all missions; a mission is their numbers, from 1 on, and zeros after its end.
WORDS = (
    "a", "after", "and", "ball", "behind", "blue", "box", "door", "front", "go", "green", "grey",
    "in", "key", "left", "next", "object", "of", "on", "open", "pick", "purple", "put", "red",
    "right", "the", "then", "to", "up", "yellow", "you", "your",
)  # fmt: skip
NUMBER = {word: number for number, word in enumerate(WORDS, start=1)}
SLOTS = 48  # words of a mission at most; the longest of BossLevel has 37
ACTIONS = ("left", "right", "forward", "pickup", "drop", "toggle", "done")
NOTHING = len(ACTIONS)  # the action before an episode's first step
# `episode` and `before` are for who must follow the game: policies see the first three.
OBSERVATION: dict[str, tuple[tuple[int, ...], np.dtype]] = {
    "view": ((7, 7, 3), np.dtype(np.uint8)),
    "direction": ((), np.dtype(np.uint8)),
    "mission": ((SLOTS,), np.dtype(np.uint8)),
    "episode_seed": ((), np.dtype(np.int64)),
    "before": ((), np.dtype(np.uint8)),
}
# What the bot's authors say that it cannot do.
BEYOND = ("PutNextS5N2Carrying", "PutNextS6N3Carrying", "PutNextS7N4Carrying", "KeyInBox")


def spec(level: str, emulator: Emulator | None = None) -> GameSpec:
    """Specification of a level.

    Parameters
    ----------
    level
        Its name, such as 'GoToLocal'.
    emulator
        How it is run, on which nothing here depends.

    Raises
    ------
    GameError
        As of `identifier`.
    """
    identifier(level)
    return GameSpec(name=level, domain="babyai", observation=OBSERVATION, actions=ACTIONS)


@cache
def identifier(level: str) -> str:
    """The name of a level in Gymnasium's registry.

    Parameters
    ----------
    level
        As the parameters call it: without 'BabyAI-' and the version.

    Raises
    ------
    GameError
        For a level that MiniGrid does not have, one without a mission that the bot can read
        (`instrs`), and one that the bot cannot do.
    """
    import gymnasium

    _registered()
    names = {m[1]: m[0] for i in gymnasium.registry if (m := re.fullmatch(r"BabyAI-(.+)-v\d+", i))}
    where = f"params: game: {level}"
    if level in names:
        if level in BEYOND:
            others = [name for name in names if name not in BEYOND]
            raise GameError(
                f"the BabyAI bot cannot do the missions of {level}",
                where=where,
                fix=f"another level, such as {nearest(level, others)}",
            )
        return names[level]
    others = [i for i in gymnasium.registry if re.fullmatch(rf"(MiniGrid-)?{level}(-v\d+)?", i)]
    if others:
        raise GameError(
            f"{others[0]} has no instructions (`instrs`) that the BabyAI bot could follow, so "
            "nobody would play its demonstrations",
            where=where,
            fix=f"a level of BabyAI, such as {nearest(level, list(names))}",
        )
    raise GameError(
        f"MiniGrid has no level {level!r} of BabyAI",
        where=where,
        fix=f"did you mean {nearest(level, list(names))}?",
    )


def make(level: str):
    """One environment of a level, bare of wrappers."""
    import gymnasium

    return gymnasium.make(identifier(level), disable_env_checker=True).unwrapped


def begin(env, seed: int) -> dict:
    """Start the episode of a seed; MiniGrid prints what it rejects on its way.

    Returns
    -------
    dict
        What is seen.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        observation, _ = env.reset(seed=int(seed))
    return observation


def tokens(mission: str) -> np.ndarray:
    """A mission as numbers of words.

    Parameters
    ----------
    mission
        In words.

    Returns
    -------
    np.ndarray
        uint8 (SLOTS,), zeros after its end.

    Raises
    ------
    GameError
        For an unknown word, or too many of them.
    """
    words = re.findall("[a-z]+", mission.lower())
    unknown = sorted(set(words) - set(NUMBER))
    if unknown or len(words) > SLOTS:
        raise GameError(
            f"a mission of {len(words)} words, of which these are unknown: {unknown}",
            where=f"the mission {mission!r}",
            fix=f"a level whose missions have the words of BabyAI, {SLOTS} at most",
        )
    numbers = np.zeros(SLOTS, np.uint8)
    numbers[: len(words)] = [NUMBER[word] for word in words]
    return numbers


def sentence(numbers: np.ndarray) -> str:
    """A mission in words again, without its commas.

    Parameters
    ----------
    numbers
        As `tokens` gives them.
    """
    return " ".join(WORDS[number - 1] for number in numbers if number)


def _registered() -> None:
    """Have MiniGrid's environments in Gymnasium's registry."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # pygame greets
            import minigrid  # noqa: F401
    except ImportError as error:
        raise GameError(
            f"BabyAI needs the package minigrid: {error}",
            where="params: domain: babyai",
            fix="pip install '.[study]'   or   pip install minigrid==3.2.0",
        ) from None
