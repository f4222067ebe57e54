"""Episodes are functions of (seed, actions), the same on every machine and in every lane."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilscaling import games
from ilscaling.domains.atari.section import Emulator
from ilscaling.errors import GameError
from ilscaling.games import play

# SHA-256 of all screens and rewards of Breakout played by `replay`. A new constant means that
# the emulator plays another game: all recorded demonstrations and returns are then void.
GOLDEN = {
    7: "0b414a1e59b668ca09898a441744f1458132ebafe6b52e5242637a4fa1b7a203",
    8: "c75e5e85f82604b292b1e05d2f88d4436722a04bc09e071292bd9d6e69a6e6d8",
    9: "a6cc6e6e63d9411c6232971a44ad38413fd99483bfdde4309273fa3420421224",
}


def replay(lanes: int, seeds: list[int]) -> dict[int, str]:
    """Play by integer arithmetic on the step number; digest of each episode."""
    game = games.make("atari", "breakout", lanes, Emulator(max_steps=120))
    age = np.zeros(lanes, np.int64)
    hashes = {seed: hashlib.sha256() for seed in seeds}

    def act(observation, episode, fresh):
        return np.eye(4)[(7 * age + age // 5) % 4]

    for moment in play.moments(game, act, seeds=seeds):
        for lane in np.flatnonzero(moment.episode >= 0):
            hashes[int(moment.seed[lane])].update(
                moment.observation["screen"][lane].tobytes() + moment.reward[lane].tobytes()
            )
        age = np.where(moment.done, 0, age + 1)
    game.close()
    return {seed: h.hexdigest() for seed, h in hashes.items()}


@pytest.mark.parametrize("lanes", [1, 2])
def test_replayed_play_has_the_golden_hash_whatever_the_lanes(lanes):
    assert replay(lanes, list(GOLDEN)) == GOLDEN


def test_a_random_episode_is_a_function_of_its_seed_alone():
    def scores(lanes, seeds):
        game = games.make("atari", "breakout", lanes, Emulator())
        bar = []
        result = play.rollout(game, play.uniform(4), seeds=seeds, progress=bar.append)
        game.close()
        assert sum(bar) == len(seeds)
        return result

    alone, beside = scores(1, [3, 4, 5]), scores(2, [4, 3, 5])
    assert list(beside.seeds) == [4, 3, 5]
    for name in ("returns", "lengths", "truncated"):
        assert list(getattr(alone, name)[[1, 0, 2]]) == list(getattr(beside, name))
    assert len(set(alone.lengths)) > 1 and not alone.truncated.any()


def test_stacks_hold_the_last_screens_and_start_with_the_first_repeated():
    seen = []

    def act(stacks, episode):
        seen.append(stacks.copy())
        return np.full((1, 4), 0.25)

    game = games.make("atari", "breakout", 1, Emulator(max_steps=6))
    screens = [
        (m.observation["screen"][0].copy(), m.done[0], m.truncated[0])
        for m in play.moments(game, play.Stacks(3, act), seeds=[0, 1])
    ]
    game.close()
    assert [done for _, done, _ in screens] == ([False] * 5 + [True]) * 2
    assert [cut for _, _, cut in screens] == ([False] * 5 + [True]) * 2
    for i, stack in enumerate(seen):
        first = i - i % 6
        wanted = [screens[max(first, i - back)][0] for back in (2, 1, 0)]
        assert (stack[0] == wanted).all()


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.floats(0, 1, exclude_max=True))
def test_draw_is_the_inverse_of_the_cumulative_distribution(weights, uniform):
    weights = np.array(weights)
    if weights.sum() < 1e-3:
        return
    p = weights / weights.sum()
    action = int(play.draw(p[None], np.array([uniform]))[0])
    cdf = np.cumsum(p)
    assert p[: action + 1].sum() >= uniform - 1e-12
    assert action == 0 or cdf[action - 1] <= uniform + 1e-12


def test_unknown_game_names_the_nearest():
    with pytest.raises(GameError, match="did you mean 'breakout'"):
        games.make("atari", "brakeout", 1, Emulator())


def test_a_moment_holds_what_its_action_was_drawn_from():
    said = np.array([[0.1, 0.2, 0.3, 0.4]])
    game = games.make("atari", "breakout", 1, Emulator(max_steps=6))
    for moment in play.moments(game, lambda *_: said, seeds=[3]):
        assert (moment.probabilities == said).all()
    game.close()
    assert (play.mixed(said, 0.0) == said).all()
    assert np.allclose(play.mixed(said, 0.5), [[0.175, 0.225, 0.275, 0.325]])
