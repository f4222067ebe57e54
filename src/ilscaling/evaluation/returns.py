"""Return of policies in the game: full episodes by sampled actions, many policies in one pool."""

from collections.abc import Callable
from dataclasses import fields

import numpy as np
from torch import nn

from ilscaling.games import VectorGame
from ilscaling.games.play import Episodes, rollout
from ilscaling.models.acting import probabilities


def play(
    policies: list[nn.Module],
    game: VectorGame,
    *,
    frames: int,
    episodes: int,
    seed: int,
    temperature: float = 1.0,
    progress: Callable[[int], None] | None = None,
) -> list[Episodes]:
    """Play the episodes seed, seed + 1, ... by every policy; one `Episodes` for each of them.

    An episode is a function of (policy, seed) alone. All policies share the lanes of `game`: a
    lane that is free takes the next episode, whosever it is, because the emulator's time is the
    same for an idle lane. So lanes idle only at the very end; give the policy with the longest
    episodes first, and fewer lanes rather than more.
    """
    seeds = np.tile(np.arange(seed, seed + episodes), len(policies))
    actions = len(game.spec.actions)

    def act(stacks: np.ndarray, episode: np.ndarray) -> np.ndarray:
        chances = np.full((len(stacks), actions), 1 / actions)
        owner = np.where(episode >= 0, episode // episodes, -1)
        for number in np.unique(owner[owner >= 0]):
            mine = owner == number
            chances[mine] = probabilities(policies[number], stacks[mine], temperature)
        return chances

    played = rollout(game, act, seeds=seeds.tolist(), frames=frames, progress=progress)
    return [
        Episodes(*(getattr(played, f.name)[start : start + episodes] for f in fields(Episodes)))
        for start in range(0, len(seeds), episodes)
    ]
