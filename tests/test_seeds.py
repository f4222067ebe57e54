"""No episode is played for two purposes: what policies are measured on was never recorded."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ilscaling import games, params
from ilscaling.domains.atari import policy
from ilscaling.domains.atari import section as atari_section
from ilscaling.domains.atari.measure import measure
from ilscaling.domains.nethack import section as nethack_section
from ilscaling.domains.nethack.game import KEYS, Game
from ilscaling.errors import GameError
from ilscaling.games.jobs import job
from ilscaling.measuring.reference import random_play
from ilscaling.seeds import EPISODES, Purpose, seeds

FAST = atari_section.Emulator(max_steps=20, noop_max=2)
# As many episodes as anybody has seeds for: what a job could ever record.
RECORDED = [job(params.Demonstrations(), FAST.max_steps, number)[0] for number in range(4)]

purposes = st.sampled_from(Purpose)
numbers = st.integers(0, EPISODES - 1)


@given(purposes, numbers, purposes, numbers)
def test_two_episodes_never_share_a_seed(one, number, other, another):
    (first,), (second,) = seeds(one, number, count=1), seeds(other, another, count=1)
    assert (first == second) == ((one, number) == (other, another))
    assert 0 <= first < 2**31  # ALE takes an int32


def test_recording_has_the_lowest_seeds():
    assert seeds(Purpose.RECORDING, 5, count=2) == range(5, 7)


@pytest.mark.parametrize("purpose", Purpose)
def test_seeds_that_run_out_say_so(purpose):
    assert len(seeds(purpose, EPISODES - 2, count=2)) == 2
    with pytest.raises(GameError, match=r"268,435,456 episodes"):
        seeds(purpose, EPISODES - 2, count=3)
    with pytest.raises(GameError, match="268,435,456"):
        seeds(purpose, EPISODES)


@pytest.mark.parametrize("section", ["demonstrations", "evaluation"])
def test_a_first_episode_beyond_them_is_refused(section):
    model = {"demonstrations": params.Demonstrations, "evaluation": params.Evaluation}[section]
    assert model(seed=EPISODES - 1).seed == EPISODES - 1
    with pytest.raises(ValueError, match="268435456"):
        model(seed=EPISODES)


def test_random_play_and_measured_experts_play_what_no_job_records(tmp_path):
    played = random_play("atari", "breakout", FAST, episodes=2, lanes=2, seed=1_000_000)
    network = policy.ExpertPolicy(0.05, 4)
    expert = tmp_path / "tiny.safetensors"
    torch.manual_seed(0)
    actions = list(games.spec("atari", "breakout").actions)
    policy.save(expert, network, {"game": "breakout", "width": 0.05, "actions": actions})
    measured = measure(expert, FAST, episodes=2, lanes=2)
    for first in (played["seed"], *measured["seeds"]):
        assert not any(first in recorded for recorded in RECORDED)


def test_nethack_plays_every_purpose_and_no_two_alike():
    """NetHack seeds a birthday too, which must hold the largest of them."""
    screens = []
    game = Game(nethack_section.NetHackEmulator(max_steps=30))
    for purpose in Purpose:
        for seed in seeds(purpose, EPISODES - 1, count=1):
            game.start(seed)
            for key in KEYS[:8] * 3:
                if not game.over:
                    game.press(key)
        screens.append(game.observation["tty_chars"].tobytes())
    game.close()
    assert len(set(screens)) == len(Purpose)
