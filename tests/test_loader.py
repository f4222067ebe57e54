"""The loader against a naive reference: order, stacks, exact resume, errors, its thread."""

import gc
import shutil
from itertools import islice

import numpy as np
import pytest
import stores
from hypothesis import given, settings
from hypothesis import strategies as st

from ilscaling import store
from ilscaling.errors import StoreError
from ilscaling.store.loader import block_steps, plan

# Chunks of 8 steps: episodes shorter than a stack, at chunk borders, and across many chunks.
LENGTHS = [1, 7, 2, 3, 19, 8, 8, 41, 1, 1, 14]
STEPS = sum(LENGTHS)


NAMES = 9  # so many probabilities are stored in chunks, as screens are


def said(step: np.ndarray) -> np.ndarray:
    """What the expert says at a step, float16 (steps, NAMES): no two steps the same."""
    return (step[:, None] + np.arange(NAMES) / 16).astype(np.float16)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A store whose screen is its own step number."""
    path = tmp_path_factory.mktemp("loader") / "demos.zarr"
    fields = {
        "screen": ((1, 2), np.dtype(np.uint8)),
        "action": ((), np.dtype(np.uint8)),
        "expert_probs": ((NAMES,), np.dtype(np.float16)),
        "reward": ((), np.dtype(np.float32)),
    }
    starts = np.cumsum([0, *LENGTHS])
    count = len(LENGTHS)
    table = {
        "seed": np.arange(count),
        "steps": np.array(LENGTHS),
        "return": np.zeros(count),
        "truncated": np.zeros(count, bool),
    }
    episodes = [
        {
            "screen": np.stack([t // 100, t % 100], -1).astype(np.uint8)[:, None],
            "action": (t % 3).astype(np.uint8),
            "expert_probs": said(t),
            "reward": np.zeros(len(t), np.float32),
        }
        for t in map(np.arange, starts[:-1], starts[1:])
    ]
    with store.create(path, fields, {"actions": list("ABC")}, chunk_steps=8, shard_steps=32) as w:
        stores.fill(w, train=(table, episodes))
    return path


@pytest.fixture(scope="module")
def split(path):
    return store.open_split(path, "train")


def take(split, samples: int, **options) -> dict[str, np.ndarray]:
    """The first `samples` samples, checked against the reference, batches joined."""
    frames = options["frames"]
    first = np.repeat(split.starts[:-1], np.diff(split.starts))
    with store.Loader(split, stop=options.get("start", 0) + samples, **options) as loader:
        batches = list(loader)
    sizes = [len(b["index"]) for b in batches]
    assert all(size == options["batch"] for size in sizes[:-1])
    joined = {name: np.concatenate([b[name] for b in batches]) for name in batches[0]}
    assert joined["screen"].shape == (samples, frames, 1, 2)
    step = joined["index"]
    naive = np.stack([np.maximum(step - k, first[step]) for k in range(frames - 1, -1, -1)], 1)
    assert (joined["screen"][:, :, 0] @ [100, 1] == naive).all()
    for label in options.get("labels", ()):
        assert (joined[label] == split.read(label, 0, STEPS)[step]).all()
    assert set(joined) == {"screen", "action", "index", *options.get("labels", ())}
    assert (joined["action"] == step % 3).all() and joined["action"].dtype == np.int64
    return joined


few = settings(max_examples=15, deadline=None)
frames = st.integers(1, 12)
batch = st.integers(1, 70)
# From 16 blocks of a chunk a buffer to one of three chunks.
buffer_steps = st.integers(1, 130) | st.integers(1024, 1792)
seed = st.integers(0, 2**31 - 1)
labels = st.sampled_from([(), ("reward",), ("expert_probs",), ("reward", "expert_probs")])


def test_labels_that_are_not_stored_are_refused_before_anything_is_read(split):
    with pytest.raises(StoreError, match="hold no weather") as error:
        store.Loader(split, frames=1, batch=1, labels=("expert_probs", "weather"))
    assert str(split.path) in error.value.where


@few
@given(frames, batch, buffer_steps, seed)
def test_every_sample_once_an_epoch_in_an_order_of_its_own(split, frames, batch, buffer, seed):
    options = {"frames": frames, "batch": batch, "buffer_steps": buffer, "seed": seed}
    epochs = take(split, 3 * STEPS, **options)["index"].reshape(3, STEPS)
    assert (np.sort(epochs) == np.arange(STEPS)).all()
    assert len({tuple(epoch) for epoch in epochs}) == 3
    other = take(split, STEPS, **{**options, "seed": seed + 1})["index"]
    assert (other != epochs[0]).any()


@few
@given(batch, batch, buffer_steps, seed, st.integers(0, 3 * STEPS), labels)
def test_the_order_knows_neither_batch_size_history_nor_labels(
    split, one, other, buffer, seed, start, labels
):
    options = {"frames": 3, "buffer_steps": buffer, "seed": seed}
    whole = take(split, start + 150, batch=one, **options)
    resumed = take(split, 150, batch=other, start=start, labels=labels, **options)
    for name in whole:
        assert (resumed[name] == whole[name][start:]).all()


@few
@given(frames, batch, buffer_steps)
def test_unshuffled_is_one_pass_in_order(split, frames, batch, buffer):
    options = {"frames": frames, "batch": batch, "buffer_steps": buffer, "shuffle": False}
    assert (take(split, STEPS, **options)["index"] == np.arange(STEPS)).all()


def test_shuffling_mixes_blocks_and_the_samples_of_a_buffer(split):
    options = {"frames": 1, "batch": 8, "seed": 0}
    mixed = take(split, STEPS, buffer_steps=48, **options)["index"] // 8
    assert len(set(mixed[:8])) > 2 and len(set(mixed[:48])) == 6
    # With one block a buffer, what differs between epochs is the order of blocks alone.
    alone = take(split, 2 * STEPS, buffer_steps=8, **options)["index"].reshape(2, STEPS) // 8
    assert (alone[0] != alone[1]).sum() > STEPS / 2
    single = plan(30, 30, 30, seed=0, shuffle=True, start=0, stop=None)
    assert len({tuple(order) for _, order in islice(single, 3)}) == 3


def test_a_bad_shard_reaches_the_consumer_by_name(path, tmp_path):
    damaged = shutil.copytree(path, tmp_path / "demos.zarr")
    shard = damaged / "train/screen/c/2/0/0"
    content = bytearray(shard.read_bytes())
    content[3] ^= 1
    shard.write_bytes(content)
    loader = store.Loader(
        store.open_split(damaged, "train"), frames=4, batch=8, buffer_steps=8, shuffle=False
    )
    served = []
    with pytest.raises(StoreError, match="corrupted") as caught:
        for item in loader:
            served += list(item["index"])
    assert caught.value.where == str(shard)
    assert served == list(range(64))  # all that comes before the shard's first step


def test_blocks_are_of_whole_chunks_and_mix():
    assert block_steps(64, 16_384) == block_steps(256, 16_384) == block_steps(256, 10**6) == 256
    assert block_steps(64, 4_096) == 64 and block_steps(100, 10**6) == 200
    assert block_steps(1000, 16_384) == 1000


@pytest.mark.parametrize("end", ["close", "garbage", "exhausted"])
def test_the_thread_ends_with_the_iterator(split, end):
    loader = store.Loader(split, frames=4, batch=8, buffer_steps=16, stop=80)
    next(loader)
    thread = loader._thread
    if end == "close":
        loader.close()
    elif end == "exhausted":
        list(loader)
    del loader
    gc.collect()
    thread.join(5)
    assert not thread.is_alive()
