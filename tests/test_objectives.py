"""What soft labels and offline IQ-Learn descend, and that all algorithms reach the expert."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from foraging import planned, record, study, train
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from ilscaling import grid, policies, registry, store
from ilscaling.domains import brought
from ilscaling.errors import ParamsError, StoreError
from ilscaling.games.play import rollout
from ilscaling.learning import feed
from ilscaling.learning.algorithm import Given
from ilscaling.learning.ranks import ALONE
from ilscaling.learning.snapshot import load_policy
from ilscaling.measuring import evaluate_run
from ilscaling.measuring.returns import all_episodes, play
from ilscaling.seeds import Purpose, seeds


@pytest.fixture(scope="module")
def demos(tmp_path_factory):
    return record(tmp_path_factory.mktemp("demos"), study("soft"))


def learner(demos, known):
    """The learner of the smallest run, its policy, and its first batch."""
    section, cell = known.games["foraging"], planned(known)[0]
    split = store.open_split(demos, "train")
    shape = policies.shape(section.train, 4, {"observation": split.fields["observation"]})
    ledger = grid.flops.ledger("mlp", 4, **shape)
    entry = registry.get("ALGORITHM", section.algorithm)
    given = Given(
        split, section.train, cell.run, ledger, "cpu", "float32", demos.parent, ALONE, section
    )
    made = entry.make(given)
    torch.manual_seed(0)
    policy = policies.build("mlp", 4, **shape)
    with made.batches(split, batch=64, seed=0, start=0) as batches:
        batch = feed.tensors(next(batches), "cpu")
    return made, policy, batch, split


def test_soft_is_cloning_in_expectation(demos):
    made, policy, batch, split = learner(demos, study("soft"))
    said = np.stack([split.read("expert_probs", i, i + 1)[0] for i in batch["index"].tolist()])
    logits = policy(batch["observation"]).detach().double()
    each = [F.cross_entropy(logits, torch.full((64,), a), reduction="none") for a in range(4)]
    wanted = (torch.from_numpy(said).double() * torch.stack(each, 1)).sum(1).mean()
    assert float(made.loss(policy, batch).detach()) == pytest.approx(float(wanted), rel=1e-3)
    cloning, *_ = learner(demos, study("cloning"))
    assert set(batch) - set(next_batch(cloning, split)) == {"expert_probs"}


def next_batch(made, split):
    with made.batches(split, batch=64, seed=0, start=0) as batches:
        return next(batches)


def test_iq_is_the_objective_of_the_paper_transition_by_transition(demos):
    """Against a plain loop over the stored steps."""
    options = {"gamma": 0.9, "alpha": 0.3, "temperature": 0.2}
    # Two frames a stack: their order and an episode's start matter.
    known = study("iq", options, train={"frames": 2})
    made, policy, _, split = learner(demos, known)
    starts, ends = set(split.starts[:-1].tolist()), set((split.starts[1:] - 1).tolist())
    shown = split.read("observation", 0, split.steps)
    action = split.read("action", 0, split.steps).astype(int)
    cut = {int(split.starts[e + 1]) - 1: bool(c) for e, c in enumerate(split.table["truncated"])}

    def q(step):
        stack = shown[[step if step in starts else step - 1, step]]
        return options["temperature"] * policy(torch.from_numpy(stack)[None])[0].double()

    def value(step):
        tau = options["temperature"]
        return tau * (q(step) / tau).logsumexp(0)

    def cost(step):
        """-Q + V + reward^2 / (4 alpha) of a step, and of its transition."""
        loss = value(step) - q(step)[action[step]]
        if step in ends and cut[step]:
            return loss
        after = 0.0 if step in ends else value(step + 1)
        return loss + (q(step)[action[step]] - options["gamma"] * after) ** 2 / (
            4 * options["alpha"]
        )

    for place in (5, split.starts[1] - 2, split.starts[1] - 1, split.starts[1]):
        index = torch.tensor([int(place)])
        stack = shown[[max(place - 2, 0), max(place - 1, 0), place]]
        if place in starts:
            stack = shown[[place] * 3]
        batch = {"observation": torch.from_numpy(stack)[None], "index": index}
        mine = float(made.loss(policy, batch).detach()) * options["temperature"]
        wanted = 0.0 if place in starts else cost(int(place) - 1)
        wanted += cost(int(place)) if place in ends else 0.0
        assert mine == pytest.approx(float(torch.as_tensor(wanted)), rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("algorithm", ["soft", "iq"])
def test_an_update_costs_what_pytorch_counts(demos, tmp_path, algorithm):
    known = study(algorithm)
    cell, counted, spent = planned(known)[0], [], []
    for updates in (5, 6):
        with FlopCounterMode(display=False) as counter:
            cells = [replace(cell, updates=updates)]
            (record,) = train(demos, tmp_path / str(updates), known, cells)
        counted.append(counter.get_total_flops())
        spent.append(record.flops)
    assert np.diff(counted).tolist() == np.diff(spent).tolist()
    assert record.flops == record.flops_learner


def test_an_expert_without_a_distribution_is_refused(demos, tmp_path):
    values = study("soft").model_dump(mode="json")
    nethack = {"domain": "nethack", "algorithm": "soft", "grid": {"sizes": [16], "budgets": [1e12]}}
    from ilscaling import params

    with pytest.raises(ParamsError, match="says its actions alone"):
        params.check(values | {"games": {"nethack": nethack}})
    split = store.open_split(demos, "train")
    with pytest.raises(StoreError, match="hold no else"):
        split.refuse_missing(("else",))


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["cloning", "soft", "dagger", "iq"])
def test_it_reaches_the_experts_return(tmp_path, algorithm):
    """On a board of four by four, with room for the expert's policy."""
    known = study(
        algorithm,
        {"every": 200, "steps": 1_000, "lanes": 10} if algorithm == "dagger" else None,
        emulator={"options": {"side": 4, "berries": 1, "steps": 50}, "max_steps": 50},
        grid={"sizes": [64], "budgets": [3.0e9], "max_epochs": 100.0},
    )
    section = known.games["foraging"]
    demos = record(tmp_path, known, steps=10_000)
    train(demos, tmp_path / "run", known)
    policy, made = load_policy(tmp_path / "run/3e+09.safetensors")
    assert (made.spent.expert_labels > 0) == (algorithm == "dagger")
    game = grid.games.make("gymnasium", "foraging", 20, section.emulator)
    first = seeds(Purpose.EVALUATION, count=200)
    played = play([policy], game, all_episodes(1, 200), frames=1, seed=first[0])
    mine = np.zeros(200)
    for position, scores in played:
        mine[position] = scores.returns[0]
    # The same episodes, played by the expert.
    theirs = rollout(game, brought.player(section.expert, game.spec), seeds=first).returns
    game.close()
    error = (mine - theirs).std(ddof=1) / np.sqrt(200)
    assert abs((mine - theirs).mean()) < 3 * error + 0.02 * theirs.mean()


def test_the_loss_on_ones_own_states_is_what_the_expert_says_there(demos, tmp_path):
    known = study("cloning", evaluation={"own_states": True, "episodes": 3, "lanes": 2})
    section = known.games["foraging"]
    train(demos, tmp_path, known, planned(known)[:1])
    (snapshot,) = tmp_path.glob("*e+*.safetensors")
    domain = registry.get("DOMAIN", "gymnasium")
    (record,) = evaluate_run(
        [snapshot], demos, section.evaluation, section.emulator, tmp_path / "out",
        expert=domain.asked("foraging", section, None),
    )  # fmt: skip
    policy, _ = load_policy(snapshot)
    first = seeds(Purpose.EVALUATION)[0]
    states = []

    def on_step(moment):
        states.extend(moment.observation["observation"][moment.episode >= 0].copy())

    game = grid.games.make("gymnasium", "foraging", 3, section.emulator)
    list(play([policy], game, all_episodes(1, 3), frames=1, seed=first, on_step=on_step))
    game.close()
    shown = np.array(states)
    weights = registry.get("EXPERT", "nearest").player(None)(shown, np.ones(len(shown), bool))
    said = 0.95 * weights / weights.sum(1, keepdims=True) + 0.05 / 4
    logs = policy(torch.from_numpy(shown)[:, None]).double().log_softmax(1).numpy()
    assert record["own_loss"] == pytest.approx(-(said * logs).sum(1).mean(), rel=1e-5)
    assert record["own_loss_se"] > 0 and "own_loss_mean" not in record
    assert "own_loss" not in evaluate_run(
        [snapshot], demos, section.evaluation, section.emulator, tmp_path / "without"
    )[0]  # fmt: skip
    with pytest.raises(ParamsError, match="temperature must be 1"):
        study("cloning", evaluation={"own_states": True, "temperature": 0.0})
