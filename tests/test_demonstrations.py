"""Real recordings of a tiny expert: reproducible, unbiased, split by whole episodes."""

import shutil
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from zarr.storage import MemoryStore

from ilscaling import games, store
from ilscaling.domains.atari import policy
from ilscaling.domains.atari.record import record as play_expert
from ilscaling.domains.atari.section import Emulator
from ilscaling.errors import ExpertError, GameError, IlscalingError, StoreError
from ilscaling.games import episodes, play
from ilscaling.games.jobs import job
from ilscaling.params import Demonstrations
from ilscaling.policies.acting import probabilities
from ilscaling.store.recording import LEVEL, Recording, create
from ilscaling.store.shard import assign, shard
from ilscaling.store.writer import create_array

ROOT = Path(__file__).resolve().parents[1]
EMULATOR = Emulator(max_steps=30, noop_max=2)
SETTINGS = Demonstrations(
    train_steps=60, dev_steps=31, test_steps=10, jobs=2, lanes=3, chunk_steps=8, shard_steps=32
)


@pytest.fixture(scope="module")
def expert(tmp_path_factory):
    path = tmp_path_factory.mktemp("expert") / "tiny.safetensors"
    torch.manual_seed(0)
    network = policy.ExpertPolicy(0.05, 4)
    with torch.no_grad():
        network.action_net.weight.mul_(30)  # opinions strong enough to show in the play
    actions = list(games.spec("atari", "breakout").actions)
    policy.save(path, network, {"game": "breakout", "width": 0.05, "actions": actions})
    return path


def record(expert, out, **changes):
    options = {"temperature": 1.0, "seeds": range(0, 100, 2), "lanes": 2, "steps": 85, "out": out}
    return play_expert(expert, "breakout", EMULATOR, **{**options, **changes})


@pytest.fixture(scope="module")
def parts(expert, tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    record(expert, folder / "0.zip")
    record(expert, folder / "1.zip", seeds=range(1, 100, 2))
    return [folder / "0.zip", folder / "1.zip"]


def test_recording_is_reproducible_to_the_bit(expert, parts, tmp_path):
    record(expert, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == parts[0].read_bytes()


def test_an_episode_is_the_same_in_another_lane(expert, parts, tmp_path):
    record(expert, tmp_path / "shifted.zip", seeds=[2, 0, 4], steps=60)
    here, there = Recording(parts[0]), Recording(tmp_path / "shifted.zip")
    assert there.attrs["episodes"]["seed"] == [2, 0]
    for one, other in ((0, 1), (1, 0)):
        first, second = here.read(one), there.read(other)
        assert len(set(first["action"])) > 1
        for field, values in first.items():
            assert (values == second[field]).all()


def test_a_part_is_the_shortest_run_of_seeds_with_enough_steps(parts):
    episodes = Recording(parts[0]).attrs["episodes"]
    assert episodes["seed"] == [0, 2, 4]
    assert episodes["steps"] == [30, 30, 30] and all(episodes["truncated"])


def test_a_short_episode_does_not_stand_in_for_a_long_one_before_it(expert, tmp_path):
    whole = Emulator(max_steps=400, noop_max=2)
    game = games.make("atari", "breakout", 3, whole)
    network, _ = policy.load(expert, "breakout")
    played = play.rollout(
        game,
        play.Stacks(policy.STACK, lambda stacks, episode: probabilities(network, stacks, 1.0)),
        seeds=range(3),
    )
    game.close()
    longest, middle, shortest = np.argsort(-played.lengths)
    assert played.lengths[shortest] < played.lengths[longest]
    play_expert(
        expert,
        "breakout",
        whole,
        temperature=1.0,
        seeds=[int(longest), int(middle), int(shortest)],
        lanes=3,
        steps=int(played.lengths[longest]) + 1,
        out=tmp_path / "a.zip",
    )
    episodes = Recording(tmp_path / "a.zip").attrs["episodes"]
    assert episodes["seed"] == [longest, middle]
    assert episodes["steps"] == list(played.lengths[[longest, middle]])
    assert episodes["return"] == list(played.returns[[longest, middle]])


def test_temperature_sharpens_and_zero_is_greedy(expert):
    network, _ = policy.load(expert, "breakout")
    stacks = np.random.default_rng(0).integers(0, 256, (5, 4, 84, 84), np.uint8)
    plain = probabilities(network, stacks, 1.0)
    logits = network(torch.from_numpy(stacks)).double().numpy()
    assert np.allclose(np.log(plain) - np.log(plain[:, :1]), logits - logits[:, :1])
    sharp = probabilities(network, stacks, 0.5)
    assert np.allclose(sharp, plain**2 / (plain**2).sum(1, keepdims=True))
    greedy = probabilities(network, stacks, 0)
    assert (greedy == np.eye(4)[logits.argmax(1)]).all()


def test_bad_requests_are_refused_and_leave_no_file(expert, tmp_path):
    with pytest.raises(ExpertError, match="plays 'breakout'"):
        play_expert(
            expert, "pong", EMULATOR, temperature=1.0, seeds=[0], lanes=1, steps=1,
            out=tmp_path / "a.zip",
        )  # fmt: skip
    with pytest.raises(GameError, match="ran out"):
        record(expert, tmp_path / "a.zip", seeds=[0])
    assert list(tmp_path.iterdir()) == []


def test_the_experts_distribution_stands_beside_each_step(tmp_path):
    expert = ROOT / "experts/breakout.safetensors"  # of opinions that change with the screen
    record(expert, tmp_path / "part.zip", steps=170)
    shard([tmp_path / "part.zip"], tmp_path / "a.zarr", settings=SETTINGS)
    split = store.open_split(tmp_path / "a.zarr", "train")
    network, _ = policy.load(expert, "breakout")
    kinds = {"frames": policy.STACK, "batch": split.steps, "stop": split.steps}
    with store.Loader(split, **kinds, labels=("expert_probs",)) as loader:
        batch = next(loader)
    wanted = probabilities(network, batch["screen"], 1.0)
    assert split.says_distribution and batch["expert_probs"].dtype == np.float16
    assert np.abs(batch["expert_probs"] - wanted).max() < 1e-3
    # A row that is one step off would show.
    assert np.abs(batch["expert_probs"] - np.roll(wanted, 1, 0)).max() > 0.1
    with store.Loader(split, **kinds) as loader:
        plain = next(loader)
    assert "expert_probs" not in plain and (plain["index"] == batch["index"]).all()


def test_who_says_an_action_alone_leaves_no_distribution(tmp_path):
    """An expert that has drawn its action itself would else count as one without doubts."""

    def hidden(observation, episode, fresh):
        return np.eye(4)[np.random.default_rng(0).integers(4, size=len(episode))]

    game = games.make("atari", "breakout", 2, EMULATOR)
    attributes = {**game.spec.attributes(EMULATOR), "expert": {}, "versions": {}}
    part, out = tmp_path / "part.zip", tmp_path / "a.zarr"
    options = {"seeds": range(9), "steps": 170, "says_distribution": False}
    episodes.write(part, game, hidden, attributes, **options)
    game.close()
    shard([part], out, settings=SETTINGS)
    split = store.open_split(out, "train")
    assert not split.says_distribution
    with pytest.raises(StoreError, match="says its actions alone"):
        store.Loader(split, frames=1, batch=1, labels=("expert_probs",))


def test_store_holds_the_parts_whole_episodes_once(parts, tmp_path):
    shard(parts, tmp_path / "a.zarr", settings=SETTINGS)
    shard(parts[::-1], tmp_path / "b.zarr", settings=SETTINGS)
    one, other = (store.open_split(tmp_path / name, "train") for name in ("a.zarr", "b.zarr"))
    assert one.attrs == other.attrs  # digests of all files among them
    assert store.verify(tmp_path / "a.zarr")

    recorded = {}
    for path in parts:
        part = Recording(path)
        for k, number in enumerate(part.attrs["episodes"]["seed"]):
            recorded[number] = part.read(k)
    for name in store.SPLITS:
        split = store.open_split(tmp_path / "a.zarr", name)
        assert split.steps >= getattr(SETTINGS, f"{name}_steps")
        assert split.attrs["expert"]["digest"] and split.attrs["game"] == "breakout"
        assert split.actions == ("NOOP", "FIRE", "RIGHT", "LEFT")
        for k, number in enumerate(split.table["seed"]):
            episode = recorded.pop(int(number))  # a KeyError if it were in two splits
            for field, values in episode.items():
                assert (split.read(field, *split.starts[k : k + 2]) == values).all()
    assert not recorded


def test_parts_that_do_not_belong_together_are_refused(expert, parts, tmp_path):
    def together(*paths):
        shard(paths, tmp_path / "a.zarr", settings=SETTINGS)

    record(expert, tmp_path / "cold.zip", temperature=0.5, seeds=[51], steps=1)
    cut = tmp_path / "cut.zip"
    cut.write_bytes(parts[1].read_bytes()[:-100])
    flipped = tmp_path / "flipped.zip"
    content = bytearray(parts[1].read_bytes())
    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    for other, message in [
        (tmp_path / "cold.zip", "temperature differ"),
        (shutil.copy(parts[0], tmp_path / "copy.zip"), "in two recordings"),
        (cut, "cut.zip"),
        (flipped, "flipped.zip"),
        (tmp_path / "missing.zip", "missing.zip"),
    ]:
        with pytest.raises(StoreError, match=message):
            together(parts[0], other)
    with pytest.raises(StoreError, match="record more"):
        together(parts[0])
    assert not (tmp_path / "a.zarr").exists()


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=40),
    st.integers(0, 9),
    *[st.integers(1, 200)] * 3,
)
def test_splits_are_disjoint_whole_and_large_enough(steps, seed, train, dev, test):
    steps = np.array(steps)
    wanted = {"train_steps": train, "dev_steps": dev, "test_steps": test}
    try:
        splits = assign(steps, seed=seed, **wanted)
    except IlscalingError:
        # Only refused when even the least overshoot could not have been avoided.
        assert steps.sum() < train + dev + test + 2 * (steps.max() - 1)
        return
    assert sorted(np.concatenate(list(splits.values()))) == list(range(len(steps)))
    for name, chosen in splits.items():
        assert steps[chosen].sum() >= wanted[f"{name}_steps"]


def test_fewer_unique_steps_are_among_more_and_leave_what_is_held_out():
    steps = np.random.default_rng(0).integers(1, 30, 200)
    wanted = {"seed": 3, "train_steps": 800, "dev_steps": 100, "test_steps": 100}
    whole = assign(steps, **wanted)
    before: set[int] = set()
    for unique in (1, 90, 400, 800):
        splits = assign(steps, unique_steps=unique, **wanted)
        chosen = set(splits["train"])
        assert before <= chosen <= set(whole["train"]) and (np.diff(splits["train"]) > 0).all()
        held = steps[splits["train"]].sum()
        assert unique <= held < unique + steps.max()
        assert all((splits[name] == whole[name]).all() for name in ("dev", "test"))
        before = chosen
    with pytest.raises(ValidationError, match="at most train_steps"):
        Demonstrations(train_steps=1000, unique_steps=1001)


def test_held_out_episodes_are_not_chosen_by_length():
    """Wald's identity, which a rule that looks at lengths would break by several per cent."""
    steps = np.array([10, 90] * 100)
    picks = [
        steps[assign(steps, seed=s, train_steps=1, dev_steps=200, test_steps=200)["dev"]]
        for s in range(2000)
    ]
    dev = sum(p.sum() for p in picks) / sum(len(p) for p in picks)
    assert dev == pytest.approx(steps.mean(), rel=0.02)


def test_jobs_never_share_a_seed_and_record_enough_for_any_split():
    settings = Demonstrations(train_steps=1000, dev_steps=70, test_steps=70, jobs=3, seed=5)
    seeds, steps = zip(*(job(settings, EMULATOR.max_steps, n) for n in range(3)), strict=True)
    assert sorted(s for r in seeds for s in r[:4]) == list(range(5, 17))
    assert sum(steps) >= 1000 + 70 + 70 + 2 * (EMULATOR.max_steps - 1)


def test_parts_hold_the_bytes_that_zarr_writes(tmp_path):
    rng = np.random.default_rng(0)
    episode = {
        "screen": rng.integers(0, 9, (21, 5, 3)).astype(np.uint8),
        "tty_cursor": rng.integers(0, 9, (21, 2)).astype(np.int16),
        "reward": rng.random(21).astype(np.float32),
    }

    def blocks(*edges):
        for start, stop in pairwise(edges):
            yield {name: values[start:stop] for name, values in episode.items()}

    with create(tmp_path / "part.zip", {}, chunk=8) as writer:
        with pytest.raises(ValueError, match="within a chunk, at step 9"):
            writer.add(5, blocks(0, 9, 21), False)
        writer.add(6, episode, False)
        writer.add(7, blocks(0, 16, 21), True)
        writer.add(8, blocks(0, 8, 13), True)
    part = Recording(tmp_path / "part.zip")
    assert part.attrs["episodes"]["seed"] == [6, 7, 8]
    entries = {}
    group = zarr.open_group(MemoryStore(entries), mode="w", zarr_format=3)
    with zipfile.ZipFile(tmp_path / "part.zip") as archive:
        for number, steps in enumerate((21, 21, 13)):
            inner = group.create_group(str(number))
            for name, values in episode.items():
                array = create_array(
                    inner, name, (steps, *values.shape[1:]), values.dtype,
                    chunk=8, shard=None, level=LEVEL,
                )  # fmt: skip
                array[:] = values[:steps]
                assert (part.read(number)[name] == values[:steps]).all()
        entries.pop("zarr.json")
        written = {name: archive.read(name) for name in archive.namelist() if name != "zarr.json"}
    part.close()
    assert written == {name: buffer.to_bytes() for name, buffer in entries.items()}
