"""The playing loop, shared by recording and evaluation: episodes by seed over parallel lanes.

An episode is a function of (policy, seed) alone: the emulator is seeded with it and the actions
are drawn from a generator of its own, so neither lane nor neighbours matter. Every seed that is
given is played to its end; taking whichever episodes finish first would favour short ones.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ilscaling.games.base import VectorGame

# (stacks uint8 (lanes, frames, 84, 84), episode int64 (lanes,): its position among the seeds, -1
# for an idle lane) -> probabilities (lanes, actions)
Act = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Episodes:
    """Whole episodes in the order of their seeds; all arrays (episodes,)."""

    seeds: np.ndarray  # int64
    returns: np.ndarray  # float64, sum of the game's own rewards
    lengths: np.ndarray  # int64, steps
    truncated: np.ndarray  # bool, cut by the step limit


@dataclass(frozen=True)
class Moment:
    """One step of all lanes; the arrays (lanes, ...) are valid until the next moment.

    `episode` is the position of the lane's episode among the seeds, -1 where a lane is idle: its
    other entries then mean nothing. `screen` is what `action` was chosen on.
    """

    episode: np.ndarray  # int64
    seed: np.ndarray  # int64
    screen: np.ndarray  # uint8 (lanes, 84, 84)
    action: np.ndarray  # int64
    reward: np.ndarray  # float32
    done: np.ndarray  # bool
    truncated: np.ndarray  # bool


def draw(probabilities: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Actions int64 (lanes,) by inverse CDF from (lanes, actions) and (lanes,) in [0, 1)."""
    cdf = np.cumsum(probabilities, axis=1, dtype=np.float64)
    actions = (cdf <= uniform[:, None] * cdf[:, -1:]).sum(axis=1)
    return np.minimum(actions, probabilities.shape[1] - 1)


def uniform(actions: int) -> Act:
    """Uniformly random play."""
    return lambda stacks, episode: np.full((len(stacks), actions), 1 / actions)


def moments(game: VectorGame, act: Act, *, seeds: Iterable[int], frames: int) -> Iterator[Moment]:
    """Play one episode a seed; a free lane takes the next seed, which may depend on the play.

    `act` sees the last `frames` screens of each lane, the newest last; at an episode's start the
    first screen is repeated. It is always called with all lanes, idle ones too: the shape of the
    batch, and with it the arithmetic, does not change when episodes end.
    """
    waiting = iter(seeds)
    lanes = game.lanes
    episode = np.full(lanes, -1)
    seed = np.zeros(lanes, np.int64)
    generators: list[np.random.Generator] = [np.random.default_rng(0)] * lanes
    taken = 0

    def take(lane: int) -> bool:
        nonlocal taken
        following = next(waiting, None)
        if following is None:
            episode[lane] = -1
            return False
        episode[lane], seed[lane] = taken, following
        # The 1 sets this stream apart from others that start from the bare seed.
        generators[lane] = np.random.default_rng([following, 1])
        taken += 1
        return True

    for lane in range(lanes):
        take(lane)
    screen = game.reset(seed)["screen"]
    stacks = np.repeat(screen[:, None], frames, axis=1)
    while (episode >= 0).any():
        # An idle lane draws on from a generator that no episode will use again.
        uniforms = np.array([generator.random() for generator in generators])
        action = draw(act(stacks, episode), uniforms)
        step = game.step(action)
        done = step.done & (episode >= 0)
        yield Moment(episode, seed, screen, action, step.reward, done, step.truncated & done)
        screen = step.observation["screen"]
        stacks[:, :-1] = stacks[:, 1:]
        stacks[:, -1] = screen
        fresh = np.array([over and take(lane) for lane, over in enumerate(done)])
        if fresh.any():
            screen = game.restart(fresh, seed[fresh])["screen"]
            stacks[fresh] = screen[fresh, None]


def rollout(
    game: VectorGame,
    act: Act,
    *,
    seeds: Iterable[int],
    frames: int,
    on_step: Callable[[Moment], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Episodes:
    """Play one whole episode a seed (see `moments`) and return their scores.

    `progress` is called with the number of episodes that just ended, such as a bar's `update`.
    """
    ended: dict[int, tuple[int, float, int, bool]] = {}
    returns = np.zeros(game.lanes)
    lengths = np.zeros(game.lanes, np.int64)
    for moment in moments(game, act, seeds=seeds, frames=frames):
        returns += moment.reward
        lengths += 1
        if on_step is not None:
            on_step(moment)
        for lane in np.flatnonzero(moment.done):
            result = (moment.seed[lane], returns[lane], lengths[lane], moment.truncated[lane])
            ended[int(moment.episode[lane])] = result
            returns[lane] = lengths[lane] = 0
        if progress is not None and moment.done.any():
            progress(int(moment.done.sum()))
    rows = [ended[position] for position in sorted(ended)]
    dtypes = (np.int64, np.float64, np.int64, bool)
    columns = zip(*rows, strict=True) if rows else [()] * len(dtypes)
    return Episodes(*(np.array(c, d) for c, d in zip(columns, dtypes, strict=True)))
