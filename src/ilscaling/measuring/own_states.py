"""What a policy is worth on the states that it meets itself, where the expert can be asked."""

from __future__ import annotations

import dataclasses

import numpy as np

from ilscaling.games.play import Act, Episodes, Moment
from ilscaling.store.ratio import Estimate, ratio

# In an episode's counts: the sum over its steps.
SUM = "own_loss"
LEAST = np.finfo(np.float64).tiny


class OwnStates:
    """Asks the expert at each step of the evaluation's episodes.

    The expected cross-entropy in nats of the expert's action there, -sum_a p(a) ln q(a): the
    expected dev loss on another distribution of states, that of the policy's play (Ross and
    Bagnell 2010). q is what the policy plays, at temperature 1.

    Parameters
    ----------
    expert
        Observations -> probabilities p (lanes, actions).
    """

    def __init__(self, expert: Act):
        self.expert = expert
        self._sums: dict[int, float] = {}

    def on_step(self, moment: Moment) -> None:
        # A position that is new here begins an episode, whatever its lane.
        fresh = np.array([number not in self._sums for number in moment.episode.tolist()])
        said = self.expert(moment.observation, moment.episode, fresh)
        logs = np.log(np.maximum(moment.probabilities, LEAST))
        losses = -(said * logs).sum(1)
        for lane in np.flatnonzero(moment.episode >= 0):
            number = int(moment.episode[lane])
            self._sums[number] = self._sums.get(number, 0.0) + float(losses[lane])

    def added(self, position: int, episode: Episodes) -> Episodes:
        """An episode that has ended, with its sum among its counts."""
        total = np.array([self._sums[position]])
        return dataclasses.replace(episode, extras={**episode.extras, SUM: total})


def split(episodes: Episodes) -> tuple[Episodes, Estimate | None]:
    """Episodes without their sums, and the mean over their steps; None where nobody was asked."""
    if SUM not in episodes.extras:
        return episodes, None
    others = {name: values for name, values in episodes.extras.items() if name != SUM}
    return dataclasses.replace(episodes, extras=others), ratio(
        episodes.extras[SUM], episodes.lengths
    )
