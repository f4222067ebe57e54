"""Which seed an episode has: two purposes never share one, however many episodes they play.

An episode is a purpose and a number. Its seed has 31 bits, what ALE takes (NLE and Gymnasium take
more): the purpose in the highest three, the number in the other 28. Two purposes are free.
"""

from enum import IntEnum

from ilscaling.errors import GameError

EPISODES = 2**28  # of a purpose


class Purpose(IntEnum):
    """What an episode is played for; the numbers are part of every seed."""

    RECORDING = 0
    EVALUATION = 1
    RANDOM_PLAY = 2
    EXPERT = 3  # how well an expert plays
    CALIBRATION = 4
    LEARNING = 5  # play that an algorithm learns from


def seeds(purpose: Purpose, first: int = 0, *, count: int | None = None, step: int = 1) -> range:
    """Seeds of the episodes first, first + step, ... of a purpose.

    The emulator starts from an episode's seed, and its actions are drawn by a generator that is
    seeded with it (`play.Uniforms`).

    Parameters
    ----------
    purpose
        What the episodes are played for.
    first
        Number of the first of them, from 0 on.
    count
        How many; None for all that there are.
    step
        Distance of their numbers.

    Returns
    -------
    range
        Seeds in [0, 2**31), rising.

    Raises
    ------
    GameError
        If the purpose has fewer episodes.
    """
    last = first if count is None else first + step * (count - 1)
    if not 0 <= first <= last < EPISODES:
        raise GameError(
            f"a purpose has {EPISODES:,} episodes; {first:,} to {last:,} of "
            f"{purpose.name.lower()} are wanted",
            fix="a lower seed, which is the number of the first episode",
        )
    begin = purpose * EPISODES
    stop = EPISODES if count is None else last + 1
    return range(begin + first, begin + stop, step)
