"""Play that goes on between updates: lanes of a domain's game, and what they did.

No game can save its state, but an episode is a function of its seed and the actions. So the seed
of each lane's episode and its actions so far are the lanes' state, and `Lanes.restore` plays them
again: exact for every game, at the cost of at most one episode a lane.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ilscaling.errors import GameError
from ilscaling.games import VectorGame
from ilscaling.games.play import LastFrames, Uniforms, draw

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Rollout:
    """Steps of all lanes in their order.

    Parameters
    ----------
    stacks
        What was seen before each step, and after the last: (steps + 1, lanes, frames, ...). Where
        an episode has ended it is the next one's start.
    action, reward, done, truncated
        (steps, lanes), as `games.Step` has them.
    probabilities
        What the actions were drawn from, float64 (steps, lanes, actions).
    returns, lengths
        Of the episodes that ended, in the order in which they did.
    """

    stacks: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    done: np.ndarray
    truncated: np.ndarray
    probabilities: np.ndarray
    returns: list[float]
    lengths: list[int]


class Lanes:
    """Episodes side by side, one after the other in each lane.

    Parameters
    ----------
    game
        Closed by `close`.
    frames
        Observations of a stack.
    seed_of
        Number of an episode, from 0 on in the order in which they begin -> its seed.
    """

    def __init__(self, game: VectorGame, frames: int, seed_of: Callable[[int], int]):
        self.game, self.seed_of, self.close = game, seed_of, game.close
        self.begun = 0  # episodes
        self.seed = np.zeros(game.lanes, np.int64)
        self.length = np.zeros(game.lanes, np.int64)
        self.score = np.zeros(game.lanes)
        self.taken = np.zeros((game.lanes, 64), np.uint8)  # actions of the episodes so far
        self._last, self._uniforms = LastFrames(frames), Uniforms(game.lanes)

    def begin(self) -> None:
        """Start an episode in every lane."""
        every = np.ones(self.game.lanes, bool)
        self._take(every)
        self._show(self.game.reset(self.seed), every)

    def _take(self, lanes: np.ndarray) -> None:
        """Give lanes (bool mask) their next episodes."""
        for lane in np.flatnonzero(lanes):
            self.seed[lane] = self.seed_of(self.begun)
            self._uniforms.begin(lane, self.seed[lane])
            self.begun += 1
        self.length[lanes], self.score[lanes] = 0, 0

    def _show(self, observation: Arrays, fresh: np.ndarray) -> None:
        self.stacks = self._last(observation, fresh)

    def play(self, steps: int, act: Callable[[np.ndarray], np.ndarray]) -> Rollout:
        """Play on for so many steps a lane.

        Parameters
        ----------
        steps
            Of each lane.
        act
            Stacks (lanes, frames, ...) -> probabilities float64 (lanes, actions).
        """
        shape = (steps, self.game.lanes)
        stacks = np.empty((steps + 1, *self.stacks.shape), self.stacks.dtype)
        probabilities = np.empty((*shape, len(self.game.spec.actions)))
        action, reward = np.empty(shape, np.int64), np.empty(shape, np.float32)
        done, truncated = np.empty(shape, bool), np.empty(shape, bool)
        returns, lengths = [], []
        for at in range(steps):
            stacks[at] = self.stacks
            probabilities[at] = act(self.stacks)
            action[at] = draw(probabilities[at], self._uniforms())
            self._note(action[at])
            step = self.game.step(action[at])
            reward[at], done[at] = step.reward, step.done
            truncated[at] = step.truncated & step.done
            self.score += step.reward
            for lane in np.flatnonzero(step.done):
                returns.append(float(self.score[lane]))
                lengths.append(int(self.length[lane]))
            observation = step.observation
            if step.done.any():
                self._take(step.done)
                observation = self.game.restart(step.done, self.seed[step.done])
            self._show(observation, step.done)
        stacks[steps] = self.stacks
        return Rollout(stacks, action, reward, done, truncated, probabilities, returns, lengths)

    def _note(self, action: np.ndarray) -> None:
        if self.length.max() == self.taken.shape[1]:
            self.taken = np.concatenate([self.taken, np.zeros_like(self.taken)], axis=1)
        self.taken[np.arange(len(action)), self.length] = action
        self.length += 1

    def save(self) -> Arrays:
        """What `restore` goes on from."""
        return {
            "begun": np.array([self.begun]),
            "seed": self.seed.copy(),
            "length": self.length.copy(),
            "taken": self.taken[:, : max(1, self.length.max())].copy(),
            "stacks": self.stacks.copy(),
        }

    def restore(self, state: Arrays) -> None:
        """Stand where `save` was called.

        The lanes' episodes are played again, side by side, so that all reach their step together.

        Parameters
        ----------
        state
            What `save` gave.

        Raises
        ------
        GameError
            Where an episode comes to another end.
        """
        self.begun, self.seed = int(state["begun"].item()), state["seed"].copy()
        length, self.taken = state["length"], state["taken"].copy()
        self.length, self.score = length.copy(), np.zeros(len(length))
        waiting = length.max() - length  # steps before a lane's episode begins
        observation = self.game.reset(self.seed)
        for at in range(length.max() + 1):
            fresh = waiting == at
            if fresh.any() and at:
                observation = self.game.restart(fresh, self.seed[fresh])
            for lane in np.flatnonzero(fresh):
                self._uniforms.begin(lane, self.seed[lane])
            self._show(observation, fresh)
            if at == length.max():
                break
            self._uniforms()
            playing = waiting <= at
            step = self.game.step(
                np.where(playing, self.taken[np.arange(len(length)), at - waiting], 0)
            )
            self.score += np.where(playing, step.reward, 0)
            observation = step.observation
        if not np.array_equal(
            self.stacks, state["stacks"], equal_nan=self.stacks.dtype.kind == "f"
        ):
            raise GameError(
                f"an episode of {self.game.spec.name!r} that was played again came to another end: "
                "training cannot go on from its saved state",
                where=f"seeds {', '.join(map(str, self.seed))}",
                fix="let every episode be a function of its seed and the actions, or train the run "
                "anew in an empty folder",
            )
