"""The playing loop, shared by recording and evaluation: episodes by seed over parallel lanes.

An episode is a function of (policy, seed) alone: the emulator is seeded with it and the actions
are drawn from a generator of its own, so neither lane nor neighbours matter. Every seed that is
given is played to its end; taking whichever episodes finish first would favour short ones.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ilscaling.games.base import VectorGame

# (observation {field: (lanes, ...)}, episode int64 (lanes,): its position among the seeds, -1 for
# an idle lane, fresh bool (lanes,): the episode begins here) -> probabilities (lanes, actions).
# A player with a method `taken` is told the actions int64 (lanes,) that were then drawn.
Act = Callable[[dict[str, np.ndarray], np.ndarray, np.ndarray], np.ndarray]


# What the return after so many steps is called among the counts of an episode.
AFTER = "return_after_"


@dataclass(frozen=True)
class Episodes:
    """Whole episodes in the order of their seeds; all arrays (episodes,)."""

    seeds: np.ndarray  # int64
    returns: np.ndarray  # float64, sum of the game's own rewards
    lengths: np.ndarray  # int64, steps
    truncated: np.ndarray  # bool, cut by a limit
    extras: dict[str, np.ndarray] = field(default_factory=dict)  # the game's counts at the end

    @classmethod
    def join(cls, parts: "list[Episodes]") -> "Episodes":
        """All episodes of some parts, one after the other.

        Parameters
        ----------
        parts
            With the same extras; none: no episodes.
        """
        dtypes = {"seeds": np.int64, "returns": float, "lengths": np.int64, "truncated": bool}
        return cls(
            *(
                np.concatenate([np.empty(0, dtype), *(getattr(part, name) for part in parts)])
                for name, dtype in dtypes.items()
            ),
            {
                name: np.concatenate([part.extras[name] for part in parts])
                for name in (parts[0].extras if parts else ())
            },
        )


@dataclass(frozen=True)
class Moment:
    """One step of all lanes; the arrays (lanes, ...) are valid until the next moment.

    `episode` is the position of the lane's episode among the seeds, -1 where a lane is idle: its
    other entries then mean nothing. `observation` is what `action` was chosen on, and drawn from
    `probabilities`.
    """

    episode: np.ndarray  # int64
    seed: np.ndarray  # int64
    observation: dict[str, np.ndarray]  # field -> (lanes, ...)
    action: np.ndarray  # int64
    reward: np.ndarray  # float32
    done: np.ndarray  # bool
    truncated: np.ndarray  # bool
    extras: dict[str, np.ndarray]  # after `action`
    probabilities: np.ndarray  # (lanes, actions): what the player said


class LastFrames:
    """The last observations of each lane of a game with one field.

    Parameters
    ----------
    frames
        How many.
    """

    def __init__(self, frames: int):
        self.frames = frames
        self._stacks: np.ndarray | None = None

    def __call__(self, observation: dict[str, np.ndarray], fresh: np.ndarray) -> np.ndarray:
        """Stacks of what was seen last.

        Parameters
        ----------
        observation
            The one field -> (lanes, ...).
        fresh
            Whether an episode begins, bool (lanes,): its first observation is repeated.

        Returns
        -------
        np.ndarray
            (lanes, frames, ...), the newest last, valid until the next call.
        """
        (screen,) = observation.values()
        if self._stacks is None:
            self._stacks = np.repeat(screen[:, None], self.frames, axis=1)
        self._stacks[:, :-1] = self._stacks[:, 1:]
        self._stacks[:, -1] = screen
        self._stacks[fresh] = screen[fresh, None]
        return self._stacks


class Stacks:
    """A player that sees the last `frames` observations of each lane; see `LastFrames`.

    Parameters
    ----------
    frames
        Observations of a stack.
    act
        (stacks (lanes, frames, ...), such as uint8 (lanes, 4, 84, 84), episode int64 (lanes,)) ->
        probabilities (lanes, actions).
    """

    def __init__(self, frames: int, act: Callable[[np.ndarray, np.ndarray], np.ndarray]):
        self.act, self._last = act, LastFrames(frames)

    def __call__(
        self, observation: dict[str, np.ndarray], episode: np.ndarray, fresh: np.ndarray
    ) -> np.ndarray:
        return self.act(self._last(observation, fresh), episode)


def mixed(probabilities: np.ndarray, noise: float) -> np.ndarray:
    """Probabilities of who plays at random at a share of the steps.

    Parameters
    ----------
    probabilities
        Of who plays at the others, (lanes, actions).
    noise
        The share, in [0, 1].

    Returns
    -------
    np.ndarray
        (lanes, actions): (1 - noise) p + noise / actions.
    """
    if noise == 0:
        return probabilities
    return (1 - noise) * probabilities + noise / probabilities.shape[1]


def draw(probabilities: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Draw actions by inverse CDF.

    Parameters
    ----------
    probabilities
        (lanes, actions); they need not sum to one.
    uniform
        Numbers in [0, 1), (lanes,).

    Returns
    -------
    np.ndarray
        Actions, int64 (lanes,).
    """
    cdf = np.cumsum(probabilities, axis=1, dtype=np.float64)
    drawn = uniform * cdf[:, -1]
    # The last action where rounding leaves none.
    cdf[:, -1] = np.inf
    return (cdf > drawn[:, None]).argmax(axis=1)


class Uniforms:
    """Numbers in [0, 1) for each lane, each from a stream of its own.

    Parameters
    ----------
    lanes
        How many; `begin` gives each its stream.
    """

    AHEAD = 64  # that are drawn together, in less than the time of two single ones

    def __init__(self, lanes: int):
        self._lanes = np.arange(lanes)
        self._generators = [np.random.default_rng(0)] * lanes
        self._drawn = np.zeros((lanes, self.AHEAD))
        self._next = np.full(lanes, self.AHEAD)

    def begin(self, lane: int, seed: int) -> None:
        """Let a lane go on with the stream of an episode's seed."""
        # The 1 sets this stream apart from others that start from the bare seed.
        self._generators[lane] = np.random.default_rng([seed, 1])
        self._next[lane] = self.AHEAD

    def __call__(self) -> np.ndarray:
        """The next of every lane, float64 (lanes,)."""
        for lane in np.flatnonzero(self._next == self.AHEAD):
            self._generators[lane].random(out=self._drawn[lane])
            self._next[lane] = 0
        following = self._drawn[self._lanes, self._next]
        self._next += 1
        return following


def uniform(actions: int) -> Act:
    """Uniformly random play.

    Parameters
    ----------
    actions
        How many the game has.
    """
    return lambda observation, episode, fresh: np.full((len(episode), actions), 1 / actions)


def moments(game: VectorGame, act: Act, *, seeds: Iterable[int]) -> Iterator[Moment]:
    """Play one episode a seed; a free lane takes the next seed, which may depend on the play.

    `act` is always called with all lanes, idle ones too: the shape of the batch, and with it the
    arithmetic, does not change when episodes end.

    Parameters
    ----------
    game
        Whose lanes are played; not closed here.
    act
        Who plays.
    seeds
        One an episode, taken when a lane is free.

    Yields
    ------
    Moment
        Every step, until all episodes have ended.
    """
    waiting = iter(seeds)
    lanes = game.lanes
    episode = np.full(lanes, -1)
    seed = np.zeros(lanes, np.int64)
    uniforms = Uniforms(lanes)
    taken = 0
    tell = getattr(act, "taken", None)

    def take(lane: int) -> bool:
        nonlocal taken
        following = next(waiting, None)
        if following is None:
            episode[lane] = -1
            return False
        episode[lane], seed[lane] = taken, following
        uniforms.begin(lane, following)
        taken += 1
        return True

    fresh = np.array([take(lane) for lane in range(lanes)])
    observation = game.reset(seed)
    while (episode >= 0).any():
        # An idle lane draws on from a stream that no episode will use again.
        probabilities = act(observation, episode, fresh)
        action = draw(probabilities, uniforms())
        if tell is not None:
            tell(action)
        step = game.step(action)
        done = step.done & (episode >= 0)
        truncated = step.truncated & done
        yield Moment(
            episode, seed, observation, action, step.reward, done, truncated, step.extras,
            probabilities,
        )  # fmt: skip
        observation = step.observation
        fresh = np.zeros(lanes, bool)
        for lane in np.flatnonzero(done):
            fresh[lane] = take(lane)
        if fresh.any():
            observation = game.restart(fresh, seed[fresh])


def ended(
    game: VectorGame,
    act: Act,
    *,
    seeds: Iterable[int],
    on_step: Callable[[Moment], None] | None = None,
    horizons: Sequence[int] = (),
) -> Iterator[tuple[int, Episodes]]:
    """Play one whole episode a seed (see `moments`), and give each as soon as it has ended.

    Parameters
    ----------
    game
        Whose lanes are played; not closed here.
    act
        Who plays.
    seeds
        One an episode.
    on_step
        Is called with every moment.
    horizons
        Steps from an episode's start. Of each, the extra `return_after_<steps>` is the return up to
        there, or all of it of an episode that has ended before.

    Yields
    ------
    tuple
        The episode's position among the seeds, and its scores, alone in an `Episodes`.
    """
    returns = np.zeros(game.lanes)
    after = {steps: np.zeros(game.lanes) for steps in horizons}
    lengths = np.zeros(game.lanes, np.int64)
    for moment in moments(game, act, seeds=seeds):
        returns += moment.reward
        lengths += 1
        for steps, sums in after.items():
            sums += np.where(lengths <= steps, moment.reward, 0.0)
        if on_step is not None:
            on_step(moment)
        for lane in np.flatnonzero(moment.done):
            scores = (moment.seed, returns, lengths, moment.truncated)
            counts = moment.extras | {f"{AFTER}{steps}": sums for steps, sums in after.items()}
            extras = {name: values[[lane]] for name, values in counts.items()}
            yield int(moment.episode[lane]), Episodes(*(s[[lane]] for s in scores), extras)
            for sums in (returns, lengths, *after.values()):
                sums[lane] = 0


def rollout(
    game: VectorGame,
    act: Act,
    *,
    seeds: Iterable[int],
    on_step: Callable[[Moment], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Episodes:
    """Play one whole episode a seed (see `moments`) and return their scores.

    Parameters
    ----------
    game
        Whose lanes are played; not closed here.
    act
        Who plays.
    seeds
        One an episode.
    on_step
        Is called with every moment.
    progress
        Is called with the number of episodes that just ended, such as a bar's `update`.

    Returns
    -------
    Episodes
        In the order of the seeds.
    """
    played: dict[int, Episodes] = {}
    for position, episode in ended(game, act, seeds=seeds, on_step=on_step):
        played[position] = episode
        if progress is not None:
            progress(1)
    return Episodes.join([played[position] for position in sorted(played)])
