"""Playing with a policy against the emulator alone, which is given the same actions."""

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
from demonstrations import Study
from measure import Line, line, seconds

from ilscaling import games, policies
from ilscaling.games.play import Act, moments
from ilscaling.learning.players import player
from ilscaling.learning.snapshot import load_policy

CHUNK = 40


def lines(study: Study, rounds: int = 24) -> Iterator[Line]:
    """Steps a second with the policies of a whole run, which share the lanes; smallest and
    largest size of the default study."""
    for game in ("breakout", "nethack"):
        section = study.params.games[game]
        settings = section.evaluation
        for size in (min(section.grid.sizes), max(section.grid.sizes)):
            policies = snapshots(study, game, size)
            episodes = settings.episodes
            lanes = min(settings.lanes, episodes * len(policies))

            def vector(section=section, game=game, lanes=lanes):
                return games.make(section.domain, game, lanes, section.emulator)

            frames = getattr(section.train, "frames", None)
            seeds = np.tile(settings.seed + np.arange(episodes), len(policies)).tolist()
            owner = np.repeat(np.arange(len(policies)), episodes)
            ratios = replayed(
                vector,
                lambda vector, p=policies, f=frames, o=owner: player(p, vector, frames=f, owner=o),
                seeds,
                rounds,
            )
            yield line(
                "playing", f"{game} {size}: steps/s, {len(policies)} policies in {lanes} lanes",
                ratios, "the emulator alone, given the same actions", goal=">= 0.7",
                note="" if study.snapshots(game, size) else "untrained policies",
            )  # fmt: skip


def snapshots(study: Study, game: str, size: int) -> list:
    """The policies of a run of the default study, or as many untrained ones."""
    found = [load_policy(path)[0] for path in study.snapshots(game, size)]
    section = study.params.games[game]
    actions = len(study.split(game).actions)
    shape = policies.shape(section.train, actions)
    return found or [
        policies.build(section.grid.family, size, **shape).eval().requires_grad_(False)
        for _ in section.grid.budgets
    ]


def replayed(
    make: Callable[[], games.VectorGame],
    play: Callable[[games.VectorGame], Act],
    seeds: list[int],
    count: int,
) -> np.ndarray:
    """Emulator's time over time of play, (count,): chunk by chunk, a second vector takes the steps
    of the first; what restarts cost counts in both."""
    first, second = make(), make()
    stream = moments(first, play(first), seeds=seeds)
    lanes = first.lanes
    second.reset(np.array(seeds[:lanes], np.int64))
    last, ratios = np.arange(lanes), []
    taken: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    try:
        for number in range(count + 1):
            taken.clear()

            def ours() -> None:
                for moment in islice(stream, CHUNK):
                    taken.append((moment.action.copy(), moment.episode.copy(), moment.seed.copy()))

            def bare() -> None:
                for action, episode, seed in taken:
                    fresh = (episode != last) & (episode >= 0)
                    if fresh.any():
                        second.restart(fresh, seed[fresh])
                    last[:] = episode
                    second.step(action)

            played, alone = seconds(ours), seconds(bare)
            if len(taken) < CHUNK:
                break
            if number:
                ratios.append(alone / played)
    finally:
        stream.close()
        first.close()
        second.close()
    return np.array(ratios)
