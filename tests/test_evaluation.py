"""Evaluation: the loss and its error against planted truth, play that depends on seeds alone."""

import json
import math
import shutil

import ladder
import nethack_store
import numpy as np
import pytest
import stores
import torch
import yaml
from conftest import ROOT
from PIL import Image, ImageSequence
from safetensors.torch import load_file, save_file
from torch import nn

from ilscaling import flops, games, policies, store, tables, tabulate
from ilscaling.cli.evaluate import evaluate
from ilscaling.domains.atari.policy import ExpertPolicy
from ilscaling.domains.atari.section import Emulator
from ilscaling.domains.nethack.game import KEYS, Game
from ilscaling.domains.nethack.section import NetHackEmulator
from ilscaling.errors import IlscalingError, TrainingError
from ilscaling.files import read_json, sha256, write_json
from ilscaling.games.jobs import job
from ilscaling.games.play import Episodes, Stacks, ended, uniform
from ilscaling.learning import precision
from ilscaling.learning.run import run
from ilscaling.learning.snapshot import load_policy
from ilscaling.measuring import best, replay
from ilscaling.measuring import run as measuring
from ilscaling.measuring.cell import halves
from ilscaling.measuring.floor import against
from ilscaling.measuring.loss import float32, held_out, held_out_together
from ilscaling.measuring.reference import random_play
from ilscaling.measuring.returns import all_episodes, play
from ilscaling.measuring.run import evaluate_run
from ilscaling.params import Demonstrations, Evaluation, Rule, Train, TrainSequences
from ilscaling.policies import acting
from ilscaling.policies.acting import probabilities
from ilscaling.policies.players import WIDE
from ilscaling.policies.reading import read, tensors
from ilscaling.seeds import Purpose, seeds
from ilscaling.show.figures import gallery
from ilscaling.store import floor
from ilscaling.store.ratio import Estimate, ratio

ACTIONS = games.spec("atari", "breakout").actions
FAST = Emulator(max_steps=40)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def demos(tmp_path_factory):
    """A store of Breakout with made-up screens: episodes of 30 to 90 steps, known actions."""
    path = tmp_path_factory.mktemp("demos") / "demos.zarr"
    rng = np.random.default_rng(0)
    fields = {
        "screen": ((84, 84), np.dtype(np.uint8)),
        "action": ((), np.dtype(np.uint8)),
        "reward": ((), np.dtype(np.float32)),
        "expert_probs": ((4,), np.dtype(np.float16)),
    }
    attributes = {"game": "breakout", "domain": "atari", "actions": list(ACTIONS)}
    splits = {}
    with store.create(path, fields, attributes, chunk_steps=32, shard_steps=64) as writer:
        for split, first in (("train", 0), ("dev", 10), ("test", 20)):
            lengths = rng.integers(30, 91, 6)
            episodes = [
                {
                    "screen": rng.integers(0, 256, (n, 84, 84), np.uint8),
                    # The mix of actions changes between episodes: steps are not independent.
                    "action": rng.choice(4, n, p=(p := rng.dirichlet(np.ones(4)))).astype(np.uint8),
                    "reward": (rng.random(n) < 0.1).astype(np.float32),
                    "expert_probs": np.tile(p, (n, 1)).astype(np.float16),
                }
                for n in lengths
            ]
            table = {
                "seed": np.arange(first, first + 6),
                "steps": lengths,
                "return": np.array([e["reward"].sum() for e in episodes]),
                "truncated": np.zeros(6, bool),
            }
            splits[split] = table, episodes
        stores.fill(writer, **splits)
    return path


class Constant(nn.Module):
    """The same logits whatever the screen."""

    def __init__(self, *logits: float):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits, dtype=torch.float32))

    def forward(self, screens):
        return self.logits.expand(len(screens), -1)


def network(seed: int) -> nn.Module:
    """An untrained policy whose action depends on the screens."""
    torch.manual_seed(seed)
    return nn.Sequential(
        Scale(), nn.Conv2d(4, 4, 8, 4), nn.ReLU(), nn.Flatten(), nn.Linear(1600, 256),
        nn.ReLU(), nn.Linear(256, 4),
    )  # fmt: skip


class Scale(nn.Module):
    def forward(self, screens):
        return screens.float() / 32


# --- loss ----------------------------------------------------------------------------------------


def test_the_loss_of_a_uniform_policy_is_the_logarithm_of_the_number_of_actions(demos):
    split = store.open_split(demos, "dev")
    measured = held_out(Constant(0, 0, 0, 0), split, frames=4, batch=50)
    loss, top1 = measured.estimates["loss"], measured.estimates["top1"]
    assert loss.mean == pytest.approx(math.log(4), abs=1e-12)
    assert loss.se == pytest.approx(0, abs=1e-12)
    assert top1.mean == (split.read("action", 0, split.steps) == 0).mean() and top1.se > 0
    assert (measured.steps, measured.episodes) == (split.steps, 6)


def test_the_expected_loss_is_the_experts_entropy_and_the_divergence_from_it(demos):
    """Of a policy that is the same everywhere, by sums of plain Python."""
    split = store.open_split(demos, "dev")
    chances = [0.4, 0.3, 0.2, 0.1]
    measured = held_out(Constant(*map(math.log, chances)), split, frames=4, batch=50).estimates
    rows = split.read("expert_probs", 0, split.steps).astype(float)
    expected, entropy = [], []
    for row in rows:
        shares = [p / sum(row) for p in row]
        expected.append(-sum(p * math.log(q) for p, q in zip(shares, chances, strict=True)))
        entropy.append(-sum(p * math.log(p) for p in shares if p > 0))
    assert measured["expected_loss"].mean == pytest.approx(np.mean(expected), rel=1e-6)
    assert measured["kl"].mean == pytest.approx(np.mean(expected) - np.mean(entropy), rel=1e-6)
    of_expert = floor.expert_entropy(split)
    assert of_expert.mean == pytest.approx(np.mean(entropy), rel=1e-6) and of_expert.se > 0
    # The demonstrated actions were drawn from it: the two losses estimate the same thing.
    assert abs(measured["loss"].mean - measured["expected_loss"].mean) < 0.15
    # An expert without doubts: its expected loss is the loss, and its floor is nothing.
    certain = against(torch.tensor([[0.0, 1.0]]).double(), np.array([[0, 1]], np.float16))
    assert certain["kl"] == certain["expected_loss"] == pytest.approx(math.log(1 + math.exp(-1)))


def test_the_loss_sees_every_step_with_its_own_stack_and_episode(demos):
    split = store.open_split(demos, "dev")
    policy = network(0)
    screens, actions = split.read("screen", 0, split.steps), split.read("action", 0, split.steps)
    losses, episodes = np.zeros(split.steps), split.read("episode", 0, split.steps)
    for t in range(split.steps):
        first = split.starts[episodes[t]]
        stack = screens[np.maximum(np.arange(t - 3, t + 1), first)]
        with torch.no_grad():
            chances = policy(torch.from_numpy(stack)[None]).double().log_softmax(1)[0]
        losses[t] = -chances[actions[t]]
    loss = held_out(policy, split, frames=4, batch=37).estimates["loss"]
    assert loss.mean == pytest.approx(losses.mean(), rel=1e-5)
    sums = np.array([losses[episodes == e].sum() for e in range(6)])
    assert loss.se == pytest.approx(ratio(sums, np.bincount(episodes)).se, rel=1e-4)


def test_the_standard_error_is_that_of_a_bootstrap_over_episodes():
    rng = np.random.default_rng(1)
    sizes = rng.integers(100, 2_000, 80)
    level = rng.gamma(4, 0.1, 80) + sizes / 4_000  # longer episodes are harder
    sums = np.array([rng.exponential(lev, n).sum() for lev, n in zip(level, sizes, strict=True)])
    estimate = ratio(sums, sizes)
    mean, error = estimate.mean, estimate.se
    drawn = rng.integers(0, 80, (20_000, 80))
    means = sums[drawn].sum(1) / sizes[drawn].sum(1)
    assert mean == sums.sum() / sizes.sum()
    assert error == pytest.approx(means.std(), rel=0.05)
    # Steps taken for independent would make it look several times more certain.
    assert error > 5 * mean / math.sqrt(sizes.sum())


def test_one_episode_tells_no_error():
    assert ratio(np.array([3.0]), np.array([6])) == Estimate(0.5, None)


# --- play ----------------------------------------------------------------------------------------


def test_the_chances_of_a_row_do_not_depend_on_the_rows_beside_it():
    """To the last bit: a sum in another order would turn an action once in millions of steps."""
    torch.manual_seed(0)
    policy = ExpertPolicy(0.5, 4)
    stacks = np.random.default_rng(0).integers(0, 256, (21, 4, 84, 84), np.uint8)
    together = probabilities(policy, stacks, 1.0)
    for rows in (slice(0, 1), slice(3, 5), slice(7, 10), slice(5, 18), slice(20, None, -1)):
        assert np.array_equal(probabilities(policy, stacks[rows], 1.0), together[rows])
    assert np.allclose(together.sum(1), 1)
    greedy = probabilities(policy, stacks, 0.0)
    assert np.array_equal(greedy.argmax(1), together.argmax(1))
    assert set(np.unique(greedy)) == {0.0, 1.0}


def listed(policies, game, *, episodes, **options):
    """Episodes of each policy, in the order of policies."""
    wanted = all_episodes(len(policies), episodes)
    played = dict(play(policies, game, wanted, **options))
    return [
        Episodes.join([played[wanted.index((number, n))] for n in range(episodes)])
        for number in range(len(policies))
    ]


def played(policies, lanes, episodes=4, temperature=1.0):
    game = games.make("atari", "breakout", lanes, FAST)
    try:
        found = listed(policies, game, frames=4, episodes=episodes, seed=7, temperature=temperature)
    finally:
        game.close()
    return [(e.seeds.tolist(), e.returns.tolist(), e.lengths.tolist()) for e in found]


def test_an_episode_depends_on_policy_and_seed_alone():
    """Not on lanes, nor on who else plays: the same scores alone, pooled, and in other lanes."""
    first, second = network(0), network(1)
    together = played([first, second], lanes=3)
    assert played([second, first], lanes=5) == together[::-1]
    assert played([first], lanes=1) + played([second], lanes=4) == together
    assert together[0][0] == [7, 8, 9, 10]


def test_returns_after_so_many_steps_are_the_sums_up_to_there():
    game, rewards = games.make("atari", "breakout", 2, Emulator(max_steps=300)), {}

    def note(moment):
        for lane in np.flatnonzero(moment.episode >= 0):
            rewards.setdefault(int(moment.episode[lane]), []).append(float(moment.reward[lane]))

    steps = (60, 150, 10_000)
    act = uniform(len(ACTIONS))
    for position, episode in ended(game, act, seeds=range(5), on_step=note, horizons=steps):
        for horizon in steps:
            wanted = sum(rewards[position][:horizon])
            assert episode.extras[f"return_after_{horizon}"].tolist() == [wanted]
        assert episode.extras["return_after_10000"] == episode.returns
    game.close()
    assert len(rewards) == 5 and sum(map(sum, rewards.values())) > 0


def test_policies_are_not_mixed_up_in_the_pool():
    """Who never serves plays to the limit; who only serves loses five balls before it."""
    idle, server = Constant(9, -99, -99, -99), Constant(-99, 9, -99, -99)
    game = games.make("atari", "breakout", 3, Emulator(max_steps=150))
    try:
        found = listed([idle, server, idle], game, frames=1, episodes=2, seed=0)
    finally:
        game.close()
    for number in (0, 2):
        assert found[number].lengths.tolist() == [150, 150]
        assert found[number].truncated.all()
    assert (found[1].lengths < 150).all()
    assert not found[1].truncated.any()


def test_random_play_of_breakout_is_what_is_published_and_repeats():
    """Published: 1.7 (Mnih et al. 2015, without sticky actions)."""
    found = random_play("atari", "breakout", Emulator(), episodes=12, lanes=4, seed=3)
    assert 0.5 < found["return_mean"] < 3
    assert found["return_se"] == np.std(found["returns"], ddof=1) / math.sqrt(12)
    again = random_play("atari", "breakout", Emulator(), episodes=3, lanes=2, seed=3)
    assert again["returns"] == found["returns"][:3]
    assert again["lengths"] == found["lengths"][:3]


# --- cells ---------------------------------------------------------------------------------------

BUDGETS = [1e8, 4e8]
SETTINGS = Evaluation(episodes=2, lanes=3, seed=9, horizons=[5, 999])


@pytest.fixture(scope="module")
def snapshots(demos, tmp_path_factory):
    """A run of the smallest size, trained for a few updates."""
    out = tmp_path_factory.mktemp("run")
    split = store.open_split(demos, "train")
    settings = Train(batch=Rule(value=16), warmup_steps=2, precision="float32")
    of = ladder.cells(split, settings, BUDGETS, family="cnn", size=2)
    run(split, settings, of, out, device="cpu")
    return [out / f"{cell.name}.json" for cell in of]


def test_a_run_is_measured_once_and_each_cell_by_its_own_weights(demos, snapshots, tmp_path):
    records = evaluate_run(snapshots, demos, SETTINGS, FAST, tmp_path)
    for record, snapshot in zip(records, snapshots, strict=True):
        assert record["return_after_999_mean"] == record["return_mean"]
        assert record["return_after_5_mean"] <= record["return_mean"]
        assert record["dev_kl"] > 0 < record["dev_kl_se"]
        assert read_json(tmp_path / snapshot.name) == record
        policy, made = load_policy(snapshot.with_suffix(".safetensors"))
        assert record["snapshot"] == made.sha256
        assert {k: record[k] for k in ("size", "budget", "flops", "status")} == {
            k: made.to_json()[k] for k in ("size", "budget", "flops", "status")
        }
        for name in ("dev", "test"):
            measured = held_out(policy, store.open_split(demos, name), frames=4)
            loss = measured.estimates["loss"]
            assert (record[f"{name}_loss"], record[f"{name}_loss_se"]) == (loss.mean, loss.se)
            assert record[f"{name}_steps"] == measured.steps
        game = games.make("atari", "breakout", 2, FAST)
        first = seeds(Purpose.EVALUATION, 9)[0]
        (alone,) = listed([policy], game, frames=4, episodes=2, seed=first)
        game.close()
        assert (record["returns"], record["lengths"]) == (
            alone.returns.tolist(),
            alone.lengths.tolist(),
        )
        assert (record["return_first"], record["return_second"]) == tuple(alone.returns)
    assert records[0]["dev_loss"] != records[1]["dev_loss"] != records[1]["test_loss"]

    # A row of the table says the same.
    train = store.open_split(demos, "train")
    planned = ladder.cells(train, Train(batch=Rule(value=16)), BUDGETS, family="cnn", size=2)
    rows = [tabulate.row(cell, r, "key", {}) for cell, r in zip(planned, records, strict=True)]
    tables.write_table(tmp_path / "table/results.csv", rows)
    table = tables.read_table(tmp_path / "table/results.csv")
    assert set(tabulate.MEASURED) < set(table.columns) == set(tables.COLUMNS)
    measured = ("dev_loss", "dev_loss_se", "test_loss", "test_loss_se", "return_first",
                "return_second", "return_mean")  # fmt: skip
    for name in measured:
        assert table[name].tolist() == pytest.approx([r[name] for r in records], rel=1e-9)
    assert table["top1"].tolist() == pytest.approx([r["dev_top1"] for r in records], rel=1e-9)
    shutil.rmtree(tmp_path / "table")

    times = [path.stat().st_mtime_ns for path in sorted(tmp_path.iterdir())]
    assert evaluate_run(snapshots, demos, SETTINGS, FAST, tmp_path) == records
    assert [path.stat().st_mtime_ns for path in sorted(tmp_path.iterdir())] == times
    longer = evaluate_run(
        snapshots[:1], demos, SETTINGS.model_copy(update={"episodes": 1}), FAST, tmp_path
    )
    assert longer[0]["returns"] == records[0]["returns"][:1]


def test_the_best_size_of_each_budget_is_chosen_by_the_mean_loss_of_its_seeds():
    losses = {(2, 0): (1.0, 0.9), (2, 1): (1.2, 0.9), (4, 0): (0.8, 0.9), (4, 1): (1.3, 0.9)}
    of = {"family": "cnn", "status": "done", "return_mean": 99.0}
    records = [
        {**of, "size": size, "seed": seed, "budget": budget, "dev_loss": loss}
        for (size, seed), both in losses.items()
        for budget, loss in zip((1e9, 2e9), both, strict=True)
    ]
    failed = {**of, "size": 8, "seed": 0, "budget": 1e9, "status": "failed", "dev_loss": None}
    places = [(r["budget"], r["size"], r["seed"]) for r in best.chosen([failed, *records[::-1]])]
    # 1.05 against 1.1; and of equal losses the smaller size.
    assert sorted(places) == [(1e9, 4, 0), (1e9, 4, 1), (2e9, 2, 0), (2e9, 2, 1)]
    assert best.chosen([failed]) == []


def test_the_best_cells_play_more_episodes_of_which_the_first_are_the_same(
    demos, snapshots, tmp_path, monkeypatch
):
    short = evaluate_run(snapshots, demos, SETTINGS, FAST, tmp_path / "all")
    files = [tmp_path / "all" / snapshot.name for snapshot in snapshots]
    more = SETTINGS.model_copy(update={"best_episodes": 5})
    of = (files, snapshots, demos, more, FAST, tmp_path / "best")
    monkeypatch.setattr(measuring, "held_out_together", None)  # the losses are known
    listed = best.evaluate_best(*of)
    assert set(listed) == {f"cnn-2-s0-{snapshot.name}" for snapshot in snapshots}
    for record, snapshot in zip(short, snapshots, strict=True):
        path = tmp_path / "best" / f"cnn-2-s0-{snapshot.name}"
        longer = read_json(path)
        assert sha256(path) == listed[path.name]
        assert len(longer["returns"]) == 5 and longer["returns"][:2] == record["returns"]
        assert {n: longer[n] for n in ("dev_loss", "test_loss", "flops", "snapshot")} == {
            n: record[n] for n in ("dev_loss", "test_loss", "flops", "snapshot")
        }
    for path in files:
        path.write_text(json.dumps(read_json(path) | {"status": "failed"}))
    (tmp_path / "none").mkdir()
    assert set(best.evaluate_best(*of[:-1], tmp_path / "none")) == {"none.json"}


def test_runs_with_unequal_numbers_of_best_cells_ask_one_expert_each(demos, snapshots, tmp_path):
    """The expert of the run before has stacks of as many lanes as that run had."""
    again = shutil.copytree(snapshots[0].parent, tmp_path / "again") / snapshots[0].name
    write_json(again, read_json(again) | {"seed": 1})
    more = SETTINGS.model_copy(update={"best_episodes": 3, "lanes": 6})
    files = {}
    for name, of in {"one": [again], "two": snapshots}.items():
        evaluate_run(of, demos, SETTINGS, FAST, tmp_path / name)
        files |= {snapshot: tmp_path / name / snapshot.name for snapshot in of}
    even = lambda stacks, _: np.full((len(stacks), len(ACTIONS)), 1 / len(ACTIONS))  # noqa: E731
    listed = best.evaluate_best(
        list(files.values()), list(files), demos, more, FAST, tmp_path / "best",
        expert=lambda: Stacks(4, even),
    )  # fmt: skip
    assert len(listed) == 3
    for name in listed:
        assert read_json(tmp_path / "best" / name)["own_loss"] > 0


def test_a_failed_cell_is_recorded_and_the_rest_goes_on(demos, snapshots, tmp_path):
    run_dir = tmp_path / "run"
    shutil.copytree(snapshots[0].parent, run_dir)
    first, second = (run_dir / snapshot.name for snapshot in snapshots)
    record = read_json(second) | {"status": "failed", "reason": "the loss is nan", "sha256": None}
    write_json(second, record)
    second.with_suffix(".safetensors").unlink()
    done, failed = evaluate_run([first, second], demos, SETTINGS, FAST, tmp_path / "out")
    assert done["status"] == "done"
    assert (failed["status"], failed["reason"]) == ("failed", "the loss is nan")
    assert "dev_loss" not in failed
    assert read_json(tmp_path / "out" / second.name) == failed


def resigned(weights, change) -> None:
    """Change the weights of a snapshot as `change(name, tensor)` says, with a record that fits."""
    tensors = {name: change(name, tensor) for name, tensor in load_file(weights).items()}
    save_file(tensors, weights)
    record = weights.with_suffix(".json")
    write_json(record, read_json(record) | {"sha256": sha256(weights)})


def test_weights_that_are_not_finite_fail_their_cell_alone(demos, snapshots, tmp_path):
    run_dir = tmp_path / "run"
    shutil.copytree(snapshots[0].parent, run_dir)
    first, second = (run_dir / snapshot.name for snapshot in snapshots)
    resigned(first.with_suffix(".safetensors"), lambda _, t: torch.full_like(t, torch.nan))
    broken, fine = evaluate_run([first, second], demos, SETTINGS, FAST, tmp_path / "out")
    assert broken["status"] == "failed" and "weights are not finite" in broken["reason"]
    assert not {"dev_loss", "test_loss", "return_mean"} & set(broken)
    assert fine["status"] == "done"
    assert read_json(tmp_path / "out" / first.name) == broken
    assert evaluate_run([first, second], demos, SETTINGS, FAST, tmp_path / "out")[0] == broken


def test_weights_without_an_effect_on_the_loss_are_not_measured_either(nethack, cloned, tmp_path):
    """No held-out frame has the cursor in the top line, where the game puts it for its questions:
    NaN there changes no loss, and would choose the first key in play."""
    run_dir = tmp_path / "run"
    shutil.copytree(cloned[0].parent, run_dir)
    snapshot = run_dir / cloned[0].name

    def spoilt(name, tensor):
        if name == "encoder.facts":
            tensor[121 + 1] = torch.nan  # after the keys and 'none before', the cursor's row 0
        return tensor

    resigned(snapshot.with_suffix(".safetensors"), spoilt)
    policy, _ = load_policy(snapshot.with_suffix(".safetensors"))
    for split in ("dev", "test"):
        measured = held_out(policy, store.open_split(nethack, split), inventory=True)
        assert not measured.not_finite()
    (record,) = evaluate_run([snapshot], nethack, SETTINGS, SHORT, tmp_path / "out")
    assert record["reason"] == "the weights are not finite: encoder.facts"


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_loss_that_is_not_finite_on_either_split_fails_the_cell(
    demos, snapshots, tmp_path, split, monkeypatch
):
    """Finite weights can give it: here by logits beyond float32 on a screen of that split alone."""
    lost = store.open_split(demos, split)
    other = store.open_split(demos, "test" if split == "dev" else "dev")
    screens = lost.read("screen", 0, lost.steps)
    assert not (other.read("screen", 0, other.steps)[:, None] == screens[:1]).all((2, 3)).any()
    real = measuring.load_policy

    class Overflowing(nn.Module):
        """A real policy, but for one screen of the split."""

        def __init__(self, policy):
            super().__init__()
            self.policy, self.screen = policy, torch.from_numpy(screens[0])

        def forward(self, stacks):
            logits = self.policy(stacks)
            there = (stacks[:, -1] == self.screen).all(2).all(1)
            return torch.where(there[:, None], logits * 1e38 * 1e38, logits)

    def load(path):
        policy, made = real(path)
        return Overflowing(policy), made

    monkeypatch.setattr(measuring, "load_policy", load)
    (record,) = evaluate_run(snapshots[:1], demos, SETTINGS, FAST, tmp_path)
    assert (record["status"], record["reason"]) == ("failed", f"the {split} loss is not finite")
    assert not {"dev_loss", "test_loss", "return_mean"} & set(record)


def test_the_loss_is_taken_in_float32_whatever_trained_and_whatever_is_fast(
    demos, snapshots, tmp_path, monkeypatch
):
    """A processor that is faster in bfloat16, and a study that trains in it: the same record."""
    monkeypatch.setattr(precision, "fast", lambda device: True)
    policy, _ = load_policy(snapshots[1].with_suffix(".safetensors"))
    expected = held_out(policy, store.open_split(demos, "dev"), frames=4).estimates["loss"].mean
    cells = tmp_path / "cells.json"
    write_json(snapshots[0].parent / cells.name, {path.name: sha256(path) for path in snapshots})
    written = []
    for kind in ("auto", "float32", "bfloat16"):
        values = yaml.safe_load((ROOT / "params.yaml").read_text())
        section = values["games"]["breakout"]
        section["train"]["precision"], section["emulator"]["max_steps"] = kind, 40
        section["evaluation"] = {"episodes": 1, "seed": 9}
        (tmp_path / f"{kind}.yaml").write_text(yaml.safe_dump(values))
        with torch.autocast("cpu", torch.bfloat16):
            evaluate(
                "breakout",
                [snapshots[0].parent / cells.name],
                demos,
                tmp_path / kind / cells.name,
                tmp_path / f"{kind}.yaml",
            )
        written.append((tmp_path / kind / snapshots[1].name).read_bytes())
    assert len(set(written)) == 1
    record = read_json(tmp_path / "auto" / snapshots[1].name)
    assert record["dev_loss"] == expected and record["measured"]["precision"] == "float32"


def test_matrix_products_are_those_of_float32_and_the_setting_comes_back():
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", torch.bfloat16):
            with float32("cpu"):
                assert torch.get_float32_matmul_precision() == "highest"
                assert not torch.backends.cudnn.allow_tf32
                x = torch.rand(64, 64)
                assert (
                    torch.equal((x @ x), (x.double() @ x.double()).float())
                    or ((x @ x) - (x.double() @ x.double())).abs().max() < 1e-4
                )
            assert torch.is_autocast_enabled("cpu")
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")


def test_the_halves_are_those_of_the_episodes_numbers():
    assert halves(np.array([1.0, 3.0, 10.0, 20.0, 30.0])) == {
        "return_first": 2.0,
        "return_second": 20.0,
    }
    assert halves(np.array([7.0])) == {"return_first": None, "return_second": None}


@pytest.mark.parametrize(
    "change",
    [
        {"budget": None},
        {"flops": math.inf},
        {"train_loss": math.nan},
        {"status": None},
        {"seed": None},
    ],
)
def test_a_damaged_record_of_a_snapshot_is_refused_with_its_remedy(
    demos, snapshots, tmp_path, change
):
    damaged = tmp_path / snapshots[0].name
    record = {k: v for k, v in read_json(snapshots[0]).items() if change.get(k, 0) is not None}
    damaged.write_text(json.dumps(record | {k: v for k, v in change.items() if v is not None}))
    with pytest.raises(IlscalingError, match=f"no {next(iter(change))}|not a JSON record") as error:
        evaluate_run([damaged], demos, SETTINGS, FAST, tmp_path / "out")
    assert f"rm -r {damaged}" in error.value.fix and error.value.where == str(damaged)
    damaged.write_text("[1]")
    with pytest.raises(IlscalingError, match="a list, not a dict"):
        evaluate_run([damaged], demos, SETTINGS, FAST, tmp_path / "out")


def test_snapshots_of_another_game_are_refused_before_any_work(demos, snapshots, tmp_path):
    other = tmp_path / snapshots[0].name
    write_json(other, read_json(snapshots[0]) | {"game": "pong"})
    with pytest.raises(TrainingError, match="'pong'"):
        evaluate_run([snapshots[1], other], demos, SETTINGS, FAST, tmp_path / "out")
    assert not (tmp_path / "out").exists()


# --- sequences -----------------------------------------------------------------------------------

STRETCHES = TrainSequences(batch=Rule(value=64), context=8, precision="float32")
SHORT = NetHackEmulator(max_steps=60)
FAMILIES = pytest.mark.parametrize("family", ["transformer", "lstm"])


def remembering(family: str, seed: int, size: int = 8) -> nn.Module:
    """An untrained sequence policy whose actions depend on what it has seen."""
    torch.manual_seed(seed)
    policy = policies.build(family, size, **policies.shape(STRETCHES, 121))
    with torch.no_grad():
        policy.head.weight *= 4
    return policy.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def nethack(tmp_path_factory):
    path, lengths = tmp_path_factory.mktemp("nethack") / "demos.zarr", [150, 37, 5, 90, 64]
    kinds = {"inventory": True, "said": True}
    return nethack_store.write(path, **kinds, train=lengths, dev=lengths, test=[40, 80])


@FAMILIES
def test_the_loss_of_sequences_is_that_of_play_frame_by_frame(nethack, family):
    split = store.open_split(nethack, "dev")
    policy = remembering(family, 0)
    fields = ("tty_chars", "tty_colors", "tty_cursor")
    sums, hits, expected = np.zeros(split.episodes), 0, 0.0
    for number, (start, stop) in enumerate(zip(split.starts, split.starts[1:], strict=False)):
        state, previous = policy.initial(1), 121
        seen = {name: split.read(name, start, stop) for name in fields}
        for t, action in enumerate(split.read("action", start, stop).tolist()):
            batch = {name: values[None, t : t + 1] for name, values in seen.items()}
            batch |= {"previous": np.array([[previous]]), "first": np.array([[t == 0]])}
            logits, state = policy(tensors(read(policy.reader, batch)), state)
            logs = logits[0, 0].double().log_softmax(0).numpy()
            sums[number] -= logs[action]
            expected -= (0.9 * logs[action] + 0.1 * logs.mean()) / split.steps
            hits += int(logits.argmax()) == action
            previous = action
    lengths = np.diff(split.starts)
    for lanes in (1, 3, 8):
        measured = held_out(policy, split, lanes=lanes)
        loss, top1 = measured.estimates["loss"], measured.estimates["top1"]
        assert loss.mean == pytest.approx(sums.sum() / split.steps, rel=1e-5)
        assert loss.se == pytest.approx(ratio(sums, lengths).se, rel=1e-3)
        assert measured.estimates["expected_loss"].mean == pytest.approx(expected, rel=1e-3)
        assert top1.mean == pytest.approx(hits / split.steps, abs=2 / split.steps)
        assert (measured.steps, measured.episodes) == (346, 5)


@FAMILIES
def test_policies_that_read_together_are_measured_as_alone(nethack, family):
    split, pair = store.open_split(nethack, "dev"), [remembering(family, seed) for seed in (0, 1)]
    together = held_out_together(pair, split)
    assert together == [held_out(policy, split) for policy in pair]
    assert together[0] != together[1]


@FAMILIES
def test_memory_cut_after_every_frame_is_none(nethack, family):
    split, policy = store.open_split(nethack, "dev"), remembering(family, 0)
    fields = ("tty_chars", "tty_colors", "tty_cursor")
    batch = {name: split.read(name, 0, split.steps)[:, None] for name in fields}
    actions = split.read("action", 0, split.steps).astype(np.int64)
    previous = np.append(121, actions[:-1])
    previous[split.starts[:-1]] = 121
    batch |= {"previous": previous[:, None], "first": np.ones((split.steps, 1), bool)}
    logits, _ = policy(tensors(read(policy.reader, batch)))
    alone = torch.nn.functional.cross_entropy(logits[:, 0], torch.from_numpy(actions))
    cut, carried = (held_out(policy, split, cut=n).estimates["loss"].mean for n in (1, None))
    assert cut == pytest.approx(float(alone), rel=1e-5) != pytest.approx(carried, rel=1e-5)


@FAMILIES
def test_the_chances_of_a_lane_do_not_depend_on_the_lanes_beside_it(nethack, family):
    """To the last bit, and for what the policy remembers too."""
    policy, split = remembering(family, 0, 16), store.open_split(nethack, "dev")
    lanes, others = np.array([1, 4, 17, 20]), np.arange(21)
    together, alone = policy.initial(21), policy.initial(21)
    rng = np.random.default_rng(0)
    for t in range(12):
        batch = {
            name: split.read(name, 21 * t, 21 * t + 21)
            for name in ("tty_chars", "tty_colors", "tty_cursor")
        }
        batch |= {"previous": rng.integers(0, 122, 21), "first": rng.random(21) < 0.2}
        chances = acting.step(policy, batch, together, others, 1.0)
        assert np.array_equal(acting.step(policy, batch, alone, lanes, 1.0), chances[lanes])
        assert np.allclose(chances.sum(1), 1)
    assert all(torch.equal(together[name][lanes], alone[name][lanes]) for name in together)
    assert any((alone[name][0] == 0).all() and together[name][0].any() for name in together)


@pytest.mark.parametrize(("family", "size"), [("transformer", 6), ("transformer", 9), ("lstm", 9)])
def test_policies_beside_each_other_act_as_each_alone(nethack, family, size):
    """Compiled, up to rounding as PyTorch, and to the last bit whatever plays in other lanes."""
    policies = [remembering(family, seed, size) for seed in range(3)]
    split = store.open_split(nethack, "dev")
    owner, few = np.arange(19) % 3, np.array([4, 17, 5])
    many, three = (policies[0].players(policies, len(lanes)) for lanes in (owner, few))
    state = policies[0].initial(19)
    rng = np.random.default_rng(0)
    fields = ("tty_chars", "tty_colors", "tty_cursor")
    # Longer than the policies remember, so that the oldest frames are forgotten.
    for t in range(20):
        batch = {name: split.read(name, 15 * t, 15 * t + 19) for name in fields}
        batch |= {"previous": rng.integers(0, 122, 19), "first": rng.random(19) < 0.1}
        if t == 0 or t == 6:
            batch["first"][:], owner = True, owner[::-1].copy()
            for lanes, places in ((many, range(19)), (three, few)):
                for position, lane in enumerate(places):
                    lanes.give(position, owner[lane])
        # The best action alone at every other step.
        temperature = float(t % 2)
        chances = many.step(batch, temperature)
        alone = three.step({k: v[few] for k, v in batch.items()}, temperature)
        assert np.array_equal(chances[few], alone)
        for number, policy in enumerate(policies):
            mine = np.flatnonzero(owner == number)
            alone = acting.step(policy, batch, state, mine, temperature)
            assert np.allclose(chances[mine], alone, rtol=1e-4, atol=1e-6)


def test_wide_policies_play_by_pytorch():
    """Whose time is arithmetic, which it does for all lanes of a policy at once."""
    narrow, wide = remembering("lstm", 0, 8), remembering("lstm", 0, WIDE)
    assert narrow.players([narrow], 1) is not None
    assert wide.players([wide], 1) is None


@FAMILIES
def test_a_game_of_a_sequence_policy_depends_on_policy_and_seed_alone(family):
    first, second = remembering(family, 0), remembering(family, 1)

    def played(policies, lanes):
        game = games.make("nethack", "nethack", lanes, SHORT)
        keys = replay.Replays(list(range(3 * len(policies))))
        try:
            listed(policies, game, episodes=3, seed=7, on_step=keys.on_step)
        finally:
            game.close()
        return list(keys.actions.values())

    together = played([first, second], lanes=3)
    assert len({bytes(actions) for actions in together}) == 6
    assert played([second, first], lanes=5) == together[3:] + together[:3]
    assert played([first], lanes=1) + played([second], lanes=2) == together


@pytest.fixture(scope="module")
def cloned(nethack, tmp_path_factory):
    """A short run of a sequence policy."""
    out = tmp_path_factory.mktemp("run")
    settings = STRETCHES.model_copy(update={"inventory": True})
    frame = flops.ledger("lstm", 8, **policies.shape(settings, 121)).training
    budgets = [64.0 * frame * n for n in (4, 30)]
    split = store.open_split(nethack, "train")
    of = ladder.cells(split, settings, budgets, family="lstm", size=8)
    run(split, settings, of, out, device="cpu")
    return [out / f"{cell.name}.json" for cell in of]


def test_a_run_of_sequences_is_measured_with_a_game_to_replay(nethack, cloned, tmp_path):
    records = evaluate_run(cloned, nethack, SETTINGS, SHORT, tmp_path)
    split = store.open_split(nethack, "dev")
    for record, snapshot in zip(records, cloned, strict=True):
        assert read_json(tmp_path / snapshot.name) == record
        policy, _ = load_policy(snapshot.with_suffix(".safetensors"))
        loss = held_out(policy, split, inventory=True).estimates["loss"]
        assert (record["dev_loss"], record["dev_loss_se"]) == (loss.mean, loss.se)
        assert record["test_episodes"] == 2 and record["test_loss_se"] > 0
        steps, losses = np.array(record["test_losses"]).T
        assert steps @ losses / steps.sum() == pytest.approx(record["test_loss"], rel=1e-5)
        assert len(steps) == 2 and steps.sum() == record["test_steps"]
        assert record["depth_mean"] >= 1 and record["turns_mean"] > 0 and record["context"] == 8
        kept, game = record["replay"], Game(SHORT)
        game.start(kept["seed"])
        score = 0
        for action in replay.actions(kept):
            assert not game.over
            score += game.press(KEYS[action])
        assert game.over and (score, game.deepest) == (kept["score"], kept["depth"])
        assert (game.steps, score) == (record["lengths"][0], record["returns"][0])
        assert kept["seed"] == seeds(Purpose.EVALUATION, 9)[0]
        recording = Demonstrations(jobs=4)
        assert not any(
            kept["seed"] in job(recording, SHORT.max_steps, number)[0] for number in range(4)
        )
        game.close()
    assert records[0]["replay"]["actions"] != records[1]["replay"]["actions"]


def test_policies_are_not_measured_together_where_that_changes_a_bit(demos, snapshots, monkeypatch):
    split = store.open_split(demos, "dev")
    policies = [load_policy(snapshot.with_suffix(".safetensors"))[0] for snapshot in snapshots]
    alone = [held_out(policy, split, frames=4, batch=64) for policy in policies]
    together = type(policies[0]).together
    for change, steps in ((0.0, split.steps), (1e-6, 0)):
        seen = []

        def changed(policies, screens, change=change, seen=seen):
            seen.append(len(screens))
            return [logits + change for logits in together(policies, screens)]

        monkeypatch.setattr(type(policies[0]), "together", changed)
        assert held_out_together(policies, split, frames=4, batch=64) == alone
        # The first screens are read once more, to compare.
        assert sum(seen) == steps + seen[0]


def test_what_a_killed_evaluation_has_measured_is_kept(nethack, cloned, tmp_path, monkeypatch):
    whole = evaluate_run(cloned, nethack, SETTINGS, SHORT, tmp_path / "whole")
    out, measured, asked = tmp_path / "out", [], []

    def dies(policies, game, wanted, **kwargs):
        asked.append(len(wanted))
        yield next(play(policies, game, wanted, **kwargs))
        raise MemoryError

    def counted(policies, split, **kwargs):
        # Between the two splits is where the first attempt ends.
        if len(measured) == 1 and measured.append("died") is None:
            raise MemoryError
        measured.append(split.name)
        return held_out_together(policies, split, **kwargs)

    monkeypatch.setattr(measuring, "held_out_together", counted)
    with monkeypatch.context() as patched:
        patched.setattr(measuring, "play", dies)
        for _ in range(4):
            with pytest.raises(MemoryError):
                evaluate_run(cloned, nethack, SETTINGS, SHORT, out)
    # Two cells of two episodes each: three attempts at playing leave one episode.
    assert asked == [4, 3, 2]
    assert sorted(read_json(f)["status"] for f in out.iterdir()) == ["done", "todo"]
    assert evaluate_run(cloned, nethack, SETTINGS, SHORT, out) == whole
    assert measured == ["dev", "died", "test"]
    for path in out.iterdir():
        assert path.read_bytes() == (tmp_path / "whole" / path.name).read_bytes()


# --- pictures ------------------------------------------------------------------------------------


def test_the_animation_shows_recorded_screens_within_its_limit(demos, tmp_path):
    path, small = tmp_path / "play.gif", tmp_path / "small.gif"
    gallery.animation(demos, path, seconds=1.4, zoom=2)
    gallery.animation(demos, small, seconds=1.4, zoom=2, limit=100_000)
    assert small.stat().st_size <= 100_000 < path.stat().st_size
    split = store.open_split(demos, "dev")
    best = int(np.argmax(split.returns()))
    screens = split.read("screen", split.starts[best], split.starts[best + 1]).astype(int)
    rewards = split.read("reward", split.starts[best], split.starts[best + 1])
    with Image.open(path) as gif:
        assert (gif.n_frames, gif.size) == (20, (168, 182))
        shown = np.array(
            [np.asarray(frame.convert("L"))[14::2, ::2] for frame in ImageSequence.Iterator(gif)]
        ).astype(int)
    gains = np.array([rewards[k : k + 20].sum() for k in range(len(rewards) - 19)])
    first = int(np.argmax(gains))
    assert abs(shown - screens[first : first + 20]).max() <= 3
    before = path.read_bytes()
    gallery.animation(demos, path, seconds=1.4, zoom=2)
    assert path.read_bytes() == before


def test_the_contact_sheet_is_the_same_on_every_drawing(demos, tmp_path):
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    for path in (first, second):
        gallery.contact_sheet(demos, path, episodes=2, frames=3)
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as sheet:
        assert np.asarray(sheet.convert("L")).std() > 20
