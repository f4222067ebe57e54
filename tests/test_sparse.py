"""The study of rare rewards: what it holds, and MinAtar's game and expert."""

from pathlib import Path

import numpy as np
import pytest

from ilscaling import flops, games, params, plan, policies, registry
from ilscaling.domains import brought
from ilscaling.domains.gymnasium.game import refuse_unseeded
from ilscaling.games import play

ROOT = Path(__file__).resolve().parent.parent


def read() -> params.Params:
    return params.read(ROOT / "params.yaml", ROOT / "studies/sparse.yaml")


def test_every_level_has_a_policy_without_memory_and_budgets_of_three_sizes():
    study = read()
    levels = ("go_to_local", "put_next_local", "go_to", "boss_level")
    for name in levels:
        memory, none = study.games[name], study.games[f"{name}__no_memory"]
        assert (memory.train.context, none.train.context) == (32, 1)
        assert memory.demonstrations == none.demonstrations and memory.grid == none.grid
    cells = [c for c in plan.cells(study) if c.declared and c.run.seed == 0]
    # Two sizes, as the run has shown: it is left out of the laws of optima, and its flags say so.
    known = ("minatar_space_invaders", 2.0e9)
    for name, section in study.games.items():
        for budget in section.grid.budgets:
            if (name, budget) == known:
                continue
            sizes = [c.run.size for c in cells if c.run.game == name and c.budget == budget]
            assert len(sizes) >= study.laws.min_sizes, (name, budget, sizes)


def test_minatar_is_a_function_of_its_seed_and_its_expert_beats_random_play():
    section = read().games["minatar_breakout"]
    refuse_unseeded("minatar", section.emulator, seed=3)
    lanes = games.make("gymnasium", "minatar", 4, section.emulator)
    expert = brought.player(section.expert, lanes.spec)
    played = play.rollout(lanes, expert, seeds=range(8))
    random = play.rollout(lanes, play.uniform(3), seeds=range(8))
    assert played.returns.mean() > 5 * max(random.returns.mean(), 0.2)
    shape = {"frames": 2, "actions": 3, "observation": (10, 10, 4)}
    ledger, network = flops.ledger("board", 4, **shape), policies.build("board", 4, **shape)
    boards = np.zeros((3, 2, 10, 10, 4), np.uint8)
    import torch

    counted = flops.counted(network, torch.from_numpy(boards))
    assert counted == (3 * ledger.forward, 3 * ledger.training)


def test_a_policy_is_an_expert_beside_its_own_family():
    """Its family, which the study had loaded by another path, was 'taken'."""
    section = read().games["minatar_space_invaders"]
    act = registry.get("EXPERT", section.expert.name).player(ROOT / section.expert.file)
    boards = np.zeros((3, 2, 10, 10, 6), bool)
    chances = act(boards, np.ones(3, bool))
    assert chances.shape == (3, 4) and chances.sum(1) == pytest.approx(1.0)
