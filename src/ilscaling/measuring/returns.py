"""Return of policies in the game: full episodes by sampled actions, many policies in one pool."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from ilscaling.games import VectorGame
from ilscaling.games.play import Episodes, Moment, ended
from ilscaling.learning.players import player


class PolicyEpisode(NamedTuple):
    """An episode to play.

    Parameters
    ----------
    policy
        The policy's place in a list.
    number
        The episode's number (0, 1, ...).
    """

    policy: int
    number: int


def all_episodes(policies: int, episodes: int) -> list[PolicyEpisode]:
    """The first episodes of each of some policies, those of one policy after those of another.

    Parameters
    ----------
    policies
        How many there are.
    episodes
        How many of each.
    """
    return [PolicyEpisode(p, n) for p in range(policies) for n in range(episodes)]


def play(
    policies: list[nn.Module],
    game: VectorGame,
    wanted: list[PolicyEpisode],
    *,
    frames: int | None = None,
    inventory: bool = False,
    seed: int,
    temperature: float = 1.0,
    on_step: Callable[[Moment], None] | None = None,
    threads: int = 1,
    horizons: Sequence[int] = (),
) -> Iterator[tuple[int, Episodes]]:
    """Play episodes of several policies; yields each as soon as it has ended.

    An episode is a function of (policy, seed) alone. All policies share the lanes of `game`: a
    lane that is free takes the next episode, whosever it is, because the emulator's time is the
    same for an idle lane. So lanes idle only at the very end; give the policy with the longest
    episodes first, and fewer lanes rather than more.

    Parameters
    ----------
    policies
        Of one architecture.
    game
        Whose lanes they share.
    wanted
        The episodes, in the order in which they begin.
    frames
        Screens in a stack; None for sequence policies.
    inventory
        Whether sequence policies see the inventory.
    seed
        Of the episode number 0; that of number n is n larger.
    temperature
        Divides the logits; 0 plays the best action.
    on_step
        Sees every moment, whose episodes are positions in `wanted`.
    threads
        Of PyTorch, meanwhile; a step is too little work to share.
    horizons
        Steps after which the return so far is noted (see `games.play.ended`).

    Yields
    ------
    tuple
        An episode's position in `wanted`, and its scores.
    """
    act = player(
        policies,
        game,
        frames=frames,
        inventory=inventory,
        owner=np.array([episode.policy for episode in wanted]),
        temperature=temperature,
    )
    seeds = [seed + episode.number for episode in wanted]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield from ended(game, act, seeds=seeds, on_step=on_step, horizons=horizons)
    finally:
        torch.set_num_threads(before)
