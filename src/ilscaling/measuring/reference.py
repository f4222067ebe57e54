"""The floor of a study's returns: uniformly random play."""

from ilscaling import games
from ilscaling.games.play import rollout, uniform
from ilscaling.games.score import summary


def random_play(
    domain: str, game: str, emulator, *, episodes: int, lanes: int, seed: int, threads: int = 1
) -> dict:
    """Return of uniformly random play over the episodes seed, seed + 1, ... (see `summary`)."""
    vector = games.make(domain, game, min(lanes, episodes), emulator, threads=threads)
    try:
        act = uniform(len(vector.spec.actions))
        played = rollout(vector, act, seeds=range(seed, seed + episodes))
    finally:
        vector.close()
    return {
        "game": game,
        "player": "random",
        "seed": seed,
        "emulator": emulator.model_dump(),
        **summary(played),
    }
