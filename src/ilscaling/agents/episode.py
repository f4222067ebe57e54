"""One episode with all that was seen in it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ilscaling import registry
from ilscaling.domains.domain import Domain
from ilscaling.errors import StoreError
from ilscaling.games import VectorGame
from ilscaling.games.play import Act, moments
from ilscaling.store import open_split


@dataclass(frozen=True)
class PlayedEpisode:
    """An episode, a row a step; the observation of step t is what its action answers.

    Parameters
    ----------
    domain, game
        What was played.
    player
        Who played it, in words.
    seed
        Of the episode.
    observation
        Field -> array (steps, ...), such as `screen` uint8 (steps, 84, 84).
    action
        int64 (steps,), indices into `actions`.
    reward
        float32 (steps,), points of the game.
    actions
        A name for each action.
    truncated
        Whether a limit cut it.
    """

    domain: str
    game: str
    player: str
    seed: int
    observation: dict[str, np.ndarray]
    action: np.ndarray
    reward: np.ndarray
    actions: tuple[str, ...]
    truncated: bool

    def __len__(self) -> int:
        return len(self.action)

    @property
    def score(self) -> np.ndarray:
        """Points before each step and after the last, float64 (steps + 1,)."""
        return np.concatenate([[0.0], self.reward.astype(np.float64).cumsum()])

    @property
    def entry(self) -> Domain:
        """The domain's entry, which knows how its games look."""
        return registry.get("DOMAIN", self.domain)


def play(
    game: VectorGame,
    act: Act,
    *,
    seed: int,
    player: str,
    on_step: Callable[[int], object] | None = None,
    max_steps: int | None = None,
) -> PlayedEpisode:
    """Play one episode in a game of one lane.

    Parameters
    ----------
    game
        Of one lane, as `games.make` gives it.
    act
        Who plays: see `games.play.Act`.
    seed
        Of the episode, which is a function of it and the player.
    player
        Who plays, in words.
    on_step
        Called with 1 after each step, such as a bar's `update`.
    max_steps
        Stop after so many steps; None: when the game ends.
    """
    seen: dict[str, list[np.ndarray]] = {name: [] for name in game.spec.observation}
    action, reward, truncated = [], [], False
    for moment in moments(game, act, seeds=[seed]):
        for name, steps in seen.items():
            steps.append(moment.observation[name][0].copy())
        action.append(int(moment.action[0]))
        reward.append(float(moment.reward[0]))
        truncated = bool(moment.truncated[0])
        if on_step is not None:
            on_step(1)
        if len(action) == max_steps:
            truncated = not bool(moment.done[0]) or truncated
            break
    return PlayedEpisode(
        domain=game.spec.domain,
        game=game.spec.name,
        player=player,
        seed=seed,
        observation={name: np.stack(steps) for name, steps in seen.items()},
        action=np.array(action),
        reward=np.array(reward, np.float32),
        actions=tuple(game.spec.actions),
        truncated=truncated,
    )


def recorded(
    demos: str | Path, *, rank: float = 0.5, split: str = "dev", number: int | None = None
) -> PlayedEpisode:
    """An episode of the expert, out of a store of demonstrations.

    Parameters
    ----------
    demos
        The store (demos.zarr).
    rank
        Which of the split's episodes by their return: 0 the lowest, 1 the highest, 0.5 the median.
    split
        train, dev or test.
    number
        Which episode by its place in the split, instead of by its return.

    Raises
    ------
    StoreError
        For a store that is missing or damaged, and for an episode that is not there.
    """
    data = open_split(demos, split)
    ranked = np.argsort(data.returns(), kind="stable")
    if number is not None and not 0 <= number < len(ranked):
        raise StoreError(
            f"the split {split} has {len(ranked)} episodes, none of number {number}",
            where=str(demos),
            fix=f"--episode {len(ranked) - 1}",
        )
    episode = int(ranked[round(rank * (len(ranked) - 1))]) if number is None else number
    start, stop = int(data.starts[episode]), int(data.starts[episode + 1])
    return PlayedEpisode(
        domain=data.attrs["domain"],
        game=data.attrs["game"],
        player="the expert",
        seed=int(data.table["seed"][episode]),
        observation={name: data.read(name, start, stop) for name in data.observation},
        action=data.read("action", start, stop).astype(np.int64),
        reward=data.read("reward", start, stop),
        actions=tuple(data.actions),
        truncated=bool(data.table["truncated"][episode]),
    )
