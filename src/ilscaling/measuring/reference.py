"""The floor of a study's returns: uniformly random play."""

from ilscaling import games
from ilscaling.games.play import rollout, uniform
from ilscaling.games.score import summary
from ilscaling.measuring import seeds


def random_play(
    domain: str, game: str, emulator, *, episodes: int, lanes: int, seed: int, threads: int = 1
) -> dict:
    """Return of uniformly random play.

    Parameters
    ----------
    domain, game : the game, as `games.make` takes it
    emulator : the domain's section of that name
    episodes : number of episodes, whose seeds are those of `seeds.of_episode`
    lanes : games side by side; no effect on the result
    seed : `evaluation.seed`
    threads : of the emulators

    Returns
    -------
    The summary of the episodes (see `games.score.summary`), and what it is of.
    """
    vector = games.make(domain, game, min(lanes, episodes), emulator, threads=threads)
    try:
        act = uniform(len(vector.spec.actions))
        played = rollout(vector, act, seeds=[seeds.of_episode(seed, n) for n in range(episodes)])
    finally:
        vector.close()
    return {
        "game": game,
        "player": "random",
        "seed": seed,
        "emulator": emulator.model_dump(),
        **summary(played),
    }
