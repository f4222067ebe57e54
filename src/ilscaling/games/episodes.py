"""One job's recording: a player plays episodes until enough steps are in complete ones."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from ilscaling import games
from ilscaling.errors import GameError
from ilscaling.games import play
from ilscaling.progress import tqdm
from ilscaling.store import recording
from ilscaling.store.split import EXPERT_PROBS

CHUNK = 256  # steps; only a unit of compression here, the store has its own


def write(
    out: str | Path,
    game: games.VectorGame,
    act: play.Act,
    attributes: dict,
    *,
    seeds: Iterable[int],
    steps: int,
    says_distribution: bool = True,
) -> dict:
    """Play and write a recording.

    It holds the shortest run of `seeds`, from the first on, whose episodes have `steps` steps
    together: an episode counts only with all those before it, because taking the first to finish
    would favour short ones.

    Parameters
    ----------
    out
        The file to write.
    game
        Lanes that play episodes side by side.
    act
        Who plays: observations -> probabilities of actions (see `play.Act`).
    attributes
        What the recording says of itself: game, expert, emulator, versions.
    seeds
        One an episode, in the order in which they count.
    steps
        How many are wanted, at least.
    says_distribution
        Whether what `act` answers is the player's distribution, which is then recorded with each
        step: `expert_probs`, float16 (steps, actions). False for a player that has drawn its
        action by chance of its own and says that one alone.

    Returns
    -------
    dict
        Columns seed, steps, return and truncated of the episodes.

    Raises
    ------
    GameError
        When the seeds run out.
    """
    bar = tqdm(total=steps, unit="step", unit_scale=True, desc=f"{game.spec.name} expert")
    with recording.create(out, attributes, chunk=CHUNK) as writer, bar:
        for episode in _episodes(game, act, seeds, steps, says_distribution, bar):
            writer.add(*episode)
        if writer.steps < steps:
            raise GameError(
                f"the seeds ran out after {writer.steps} of {steps} steps",
                where=str(out),
                fix="fewer steps (demonstrations.train_steps), or a lower demonstrations.seed",
            )
    return writer.episodes


def _episodes(
    game: games.VectorGame,
    act: play.Act,
    seeds: Iterable[int],
    steps: int,
    says_distribution: bool,
    bar: tqdm,
) -> Iterator[tuple[int, dict[str, np.ndarray], bool]]:
    """Complete episodes in the order of the seeds, until they have `steps` steps."""
    played = complete = following = 0
    observations: list[list[dict[str, np.ndarray]]] = [[] for _ in range(game.lanes)]
    actions: list[list[int]] = [[] for _ in range(game.lanes)]
    rewards: list[list[float]] = [[] for _ in range(game.lanes)]
    said: list[list[np.ndarray]] = [[] for _ in range(game.lanes)]
    waiting: dict[int, tuple] = {}  # ended, but an earlier seed has not

    def needed() -> Iterator[int]:
        # What is being played counts before anything new: no new episode once that is enough.
        for seed in seeds:
            if played >= steps:
                return
            yield seed

    for moment in play.moments(game, act, seeds=needed()):
        lanes = np.flatnonzero(moment.episode >= 0)
        bar.update(min(len(lanes), max(0, steps - played)))
        played += len(lanes)
        for lane in lanes:
            observations[lane].append({k: v[lane].copy() for k, v in moment.observation.items()})
            actions[lane].append(int(moment.action[lane]))
            rewards[lane].append(float(moment.reward[lane]))
            if says_distribution:
                said[lane].append(moment.probabilities[lane].astype(np.float16))
            if moment.done[lane]:
                arrays = {
                    **{
                        k: np.stack([step[k] for step in observations[lane]])
                        for k in game.spec.observation
                    },
                    "action": np.array(actions[lane], np.uint8),
                    "reward": np.array(rewards[lane], np.float32),
                }
                if says_distribution:
                    arrays[EXPERT_PROBS] = np.stack(said[lane])
                ended = (int(moment.seed[lane]), arrays, bool(moment.truncated[lane]))
                waiting[int(moment.episode[lane])] = ended
                for parts in (observations, actions, rewards, said):
                    parts[lane] = []
        while complete < steps and following in waiting:
            episode = waiting.pop(following)
            complete += len(episode[1]["reward"])
            following += 1
            yield episode
        if complete >= steps:
            return
