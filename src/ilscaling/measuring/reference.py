"""The floor of a study's returns: uniformly random play."""

from ilscaling import games
from ilscaling.games.play import rollout, uniform
from ilscaling.games.score import summary
from ilscaling.seeds import Purpose, seeds


def random_play(
    domain: str, game: str, emulator, *, episodes: int, lanes: int, seed: int, threads: int = 1
) -> dict:
    """Return of uniformly random play.

    Parameters
    ----------
    domain, game
        What is played.
    emulator
        How it is run: the section `emulator`.
    episodes
        How many are played, each to its end.
    lanes
        Episodes side by side.
    seed
        Number of the first episode of `seeds.Purpose.RANDOM_PLAY`.
    threads
        CPU threads that step the lanes.

    Returns
    -------
    dict
        `summary` of the episodes, and what was played; its `seed` is the emulator's of the first
        episode (see `seeds`).
    """
    episode_seeds = seeds(Purpose.RANDOM_PLAY, seed, count=episodes)
    vector = games.make(domain, game, min(lanes, episodes), emulator, threads=threads)
    try:
        act = uniform(len(vector.spec.actions))
        played = rollout(vector, act, seeds=episode_seeds)
    finally:
        vector.close()
    return {
        "game": game,
        "player": "random",
        "seed": episode_seeds[0],
        "emulator": emulator.model_dump(),
        **summary(played),
    }
