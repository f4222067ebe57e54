"""Policies as the playing loop takes them: one, or many that share the lanes of a game."""

from collections.abc import Iterator

import numpy as np
from torch import nn

from ilscaling.games import VectorGame
from ilscaling.games.play import Act, Stacks
from ilscaling.policies import acting


def player(
    policies: list[nn.Module],
    game: VectorGame,
    *,
    frames: int | None,
    inventory: bool = False,
    owner: np.ndarray,
    temperature: float = 1.0,
) -> Act:
    """Who plays in `games.play`: one policy, or several that share the lanes of a game.

    Parameters
    ----------
    policies
        Of one architecture.
    game
        Whose lanes they play.
    frames
        Observations of a stack; None: of a sequence family.
    inventory
        Whether sequence policies see the inventory.
    owner
        Number of the policy that plays each episode, int (episodes,).
    temperature
        Divides the logits; 0 plays the best action.
    """
    pool = _Pool(policies, len(game.spec.actions), owner, temperature)
    return _Sequences(pool, game, inventory) if frames is None else Stacks(frames, pool.stacks)


class _Pool:
    """Policies that share lanes. owner: number of the policy that plays each episode."""

    def __init__(
        self, policies: list[nn.Module], actions: int, owner: np.ndarray, temperature: float
    ):
        self.policies, self.actions = policies, actions
        self.owner, self.temperature = owner, temperature

    def chances(self, episode: np.ndarray) -> np.ndarray:
        """What lanes play to whom no policy tells a better one: (lanes, actions)."""
        return np.full((len(episode), self.actions), 1 / self.actions)

    def owners(self, episode: np.ndarray) -> Iterator[tuple[nn.Module, np.ndarray]]:
        """Each policy that is playing, with its lanes."""
        owner = np.where(episode >= 0, self.owner[episode], -1)
        for number in np.unique(owner[owner >= 0]):
            yield self.policies[number], np.flatnonzero(owner == number)

    def stacks(self, stacks: np.ndarray, episode: np.ndarray) -> np.ndarray:
        """Act of policies that see stacks of screens."""
        chances = self.chances(episode)
        for policy, mine in self.owners(episode):
            chances[mine] = acting.probabilities(policy, stacks[mine], self.temperature)
        return chances


class _Sequences:
    """The lanes' states and previous actions. One state serves all policies, which are of one
    architecture: what another's game has left in a lane is forgotten at the next game's start."""

    def __init__(self, pool: _Pool, game: VectorGame, inventory: bool):
        self.pool = pool
        self.fields = [f for f in game.spec.observation if inventory or f != "inventory"]
        first = pool.policies[0]
        compiled = getattr(first, "players", None)
        self.players = compiled(pool.policies, game.lanes) if compiled else None
        self.state = first.initial(game.lanes) if self.players is None else None
        self.previous = np.full(game.lanes, pool.actions)

    def __call__(
        self, observation: dict[str, np.ndarray], episode: np.ndarray, fresh: np.ndarray
    ) -> np.ndarray:
        pool = self.pool
        self.previous[fresh] = pool.actions
        batch = {name: observation[name] for name in self.fields}
        batch |= {"previous": self.previous, "first": fresh}
        if self.players is not None:
            for lane in np.flatnonzero(fresh):
                self.players.give(lane, pool.owner[episode[lane]])
            return self.players.step(batch, pool.temperature)
        chances = pool.chances(episode)
        for policy, mine in pool.owners(episode):
            chances[mine] = acting.step(policy, batch, self.state, mine, pool.temperature)
        return chances

    def taken(self, action: np.ndarray) -> None:
        self.previous[:] = action
