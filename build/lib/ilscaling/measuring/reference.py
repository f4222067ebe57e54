"""The floor of a study's returns: uniformly random play."""

from ilscaling import games
from ilscaling.games.play import rollout, uniform
from ilscaling.games.score import summary
from ilscaling.seeds import Purpose, seeds


def random_play(
    domain: str, game: str, emulator, *, episodes: int, lanes: int, seed: int, threads: int = 1
) -> dict:
    """Return of uniformly random play over its episodes number seed, seed + 1, ... (see `summary`);
    `seed` of what it returns is the first one's (see `seeds`)."""
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
