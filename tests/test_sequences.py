"""Stretches of play against a naive reference: contents, order, exact resume, streams, refusals."""

import nethack_store
import numpy as np
import pytest
import stores
from hypothesis import given, settings
from hypothesis import strategies as st

from ilscaling import store
from ilscaling.errors import StoreError
from ilscaling.policies.frames import Reader
from ilscaling.policies.reading import read

# Chunks of 8 steps: games shorter than a stretch, at chunk borders, and across many chunks.
LENGTHS = [1, 7, 2, 3, 19, 8, 8, 41, 1, 1, 14]
STEPS = sum(LENGTHS)
NONE = 3


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A store whose screen is its own step number, and whose inventory is minus that."""
    path = tmp_path_factory.mktemp("sequences") / "demos.zarr"
    fields = {
        "screen": ((1, 2), np.dtype(np.uint8)),
        "inventory": ((2,), np.dtype(np.int16)),
        "action": ((), np.dtype(np.uint8)),
        "expert_probs": ((3,), np.dtype(np.float16)),
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
            "inventory": np.stack([-t, -t - 1], -1).astype(np.int16),
            "action": (t * t % 3).astype(np.uint8),
            "expert_probs": (t[:, None] / [2, 4, 8]).astype(np.float16),
            "reward": np.zeros(len(t), np.float32),
        }
        for t in map(np.arange, starts[:-1], starts[1:])
    ]
    with store.create(path, fields, {"actions": list("ABC")}, chunk_steps=8, shard_steps=32) as w:
        stores.fill(w, train=(table, episodes), dev=(table, episodes))
    return path


@pytest.fixture(scope="module")
def split(path):
    return store.open_split(path, "train")


def check(split, batch: dict[str, np.ndarray]) -> None:
    """Every frame of a batch is what the store holds at its index."""
    real = batch["index"] >= 0
    step = batch["index"][real]
    assert (batch["screen"][real][:, 0] @ [100, 1] == step).all()
    assert (batch["action"][real] == step**2 % 3).all()
    begins = np.isin(step, split.starts)
    assert (batch["previous"][real] == np.where(begins, NONE, (step - 1) ** 2 % 3)).all()
    assert batch["first"][real][begins].all()
    if "inventory" in batch:
        assert (batch["expert_probs"][real] == step[:, None] / [2, 4, 8]).all()
        assert (batch["inventory"][real] == np.stack([-step, -step - 1], -1)).all()


def take(split, stretches: int, **options) -> dict[str, np.ndarray]:
    """The first stretches, checked, batches joined."""
    context, start = options["context"], options.get("start", 0)
    with store.SequenceLoader(split, stop=start + stretches * context, **options) as loader:
        batches = list(loader)
    for batch in batches:
        check(split, batch)
    joined = {name: np.concatenate([b[name] for b in batches]) for name in batches[0]}
    assert joined["screen"].shape == (stretches, context, 1, 2)
    assert (np.diff(joined["index"], axis=1)[~joined["first"][:, 1:]] == 1).all()
    return joined


few = settings(max_examples=20, deadline=None)
context = st.sampled_from([1, 2, 4, 8, 16, 32, 64, 5])
rows = st.integers(1, 9)
buffer_steps = st.integers(1, 130) | st.integers(1024, 1792)
seed = st.integers(0, 2**31 - 1)


@few
@given(context, rows, buffer_steps, seed)
def test_shuffled_is_every_stretch_once_an_epoch(split, context, rows, buffer, seed):
    count = STEPS // context
    options = {"context": context, "batch": rows * context, "buffer_steps": buffer, "seed": seed}
    batches = take(split, 3 * count, **options, inventory=True, labels=("expert_probs",))
    assert (batches["index"] % context == np.arange(context)).all()
    epochs = batches["index"][:, 0].reshape(3, count) // context
    assert (np.sort(epochs) == np.arange(count)).all()
    assert (batches["first"] == np.isin(batches["index"], split.starts)).all()


def test_shuffling_mixes_and_differs_by_epoch_and_seed(split):
    options = {"context": 4, "batch": 8, "buffer_steps": 64}
    count = STEPS // 4
    epochs = take(split, 2 * count, seed=1, **options)["index"][:, 0].reshape(2, count)
    assert (epochs[0] != epochs[1]).any()
    assert (epochs[0] != take(split, count, seed=2, **options)["index"][:, 0]).any()
    assert len(set(epochs[0][:6] // 8)) > 3


@few
@given(context, rows, rows, buffer_steps, seed, st.integers(0, 60))
def test_shuffled_knows_neither_batch_size_nor_history(
    split, context, one, other, buffer, seed, start
):
    options = {"context": context, "buffer_steps": buffer, "seed": seed}
    whole = take(split, start + 40, batch=one * context, **options)
    resumed = take(split, 40, batch=other * context, start=start * context, **options)
    for name, values in resumed.items():
        assert (values == whole[name][start:]).all()


@few
@given(st.sampled_from([1, 2, 4, 8]), st.integers(1, 9), buffer_steps, seed, st.integers(0, 40))
def test_streams_go_on_where_they_were_and_begin_anew_each_epoch(
    split, context, streams, buffer, seed, start
):
    batch, share = streams * context, STEPS // (streams * context)
    options = {"context": context, "batch": batch, "seed": seed, "order": "streams"}
    updates = max(2 * share, start + 3)
    whole = take(split, updates * streams, buffer_steps=buffer, **options)
    by_stream = {k: v.reshape(updates, streams, *v.shape[1:]) for k, v in whole.items()}
    index, first = by_stream["index"], by_stream["first"]
    for epoch in range(2):
        mine = slice(epoch * share, (epoch + 1) * share)
        assert first[mine][0, :, 0].all()
        steps = index[mine].transpose(1, 0, 2).reshape(streams, -1)
        assert len(np.unique(steps)) == share * batch
        # A stream leaves the order of steps only from a game's last to another's first.
        last, after = steps[:, :-1], steps[:, 1:]
        jump = after != last + 1
        assert np.isin(last[jump] + 1, split.starts).all()
        assert np.isin(after[jump], split.starts).all()
        resets = first[mine].transpose(1, 0, 2).reshape(streams, -1)[:, 1:]
        assert (resets == np.isin(after, split.starts)).all()
    if share * batch > 60:
        assert (index[:share] != index[share : 2 * share]).any()
    resumed = take(split, 3 * streams, buffer_steps=40, start=start * batch, **options)
    for name, values in resumed.items():
        assert (values == whole[name][start * streams : (start + 3) * streams]).all()


@few
@given(context, st.integers(1, 14), buffer_steps)
def test_games_are_served_whole_each_in_one_lane(split, context, lanes, buffer):
    with store.GameLoader(split, context=context, lanes=lanes, buffer_steps=buffer) as loader:
        batches = list(loader)
    streams: list[list[int]] = [[] for _ in batches[0]["index"]]
    for batch in batches:
        check(split, batch)
        for stream, row in zip(streams, batch["index"], strict=False):
            stream += row.tolist()
    steps = [[s for s in stream if s >= 0] for stream in streams]
    for stream, real in zip(streams, steps, strict=True):
        assert stream[: len(real)] == real and len(stream) - len(real) < context
        jumps = [b for a, b in zip([-2, *real], real, strict=False) if b != a + 1]
        assert set(jumps) <= set(split.starts)
    assert sorted(s for lane in steps for s in lane) == list(range(STEPS))


def test_what_cannot_be_served_is_refused(split, tmp_path):
    with pytest.raises(StoreError, match="holds 105 steps, fewer than one stretch of 128"):
        store.SequenceLoader(split, context=128, batch=128)
    with pytest.raises(StoreError, match="fewer than one batch of 8 streams of 16"):
        store.SequenceLoader(split, context=16, batch=128, order="streams")
    with pytest.raises(StoreError, match="does not hold whole stretches"):
        store.SequenceLoader(split, context=16, batch=8)
    # Longer than any game is allowed: `first` tells games apart.
    assert take(split, 1, context=64, batch=64)["first"].sum() > 1


@pytest.fixture(scope="module")
def nethack(tmp_path_factory):
    path = tmp_path_factory.mktemp("nethack") / "demos.zarr"
    return store.open_split(
        nethack_store.write(path, inventory=True, train=[50, 37, 5, 90]), "train"
    )


@settings(max_examples=12, deadline=None)
@given(
    context=st.sampled_from([1, 4, 16]),
    rows=st.integers(1, 5),
    buffer=st.integers(1, 200),
    order=st.sampled_from(["shuffled", "streams"]),
    inventory=st.booleans(),
)
def test_a_reader_reads_each_batch_as_if_it_were_alone(
    nethack, context, rows, buffer, order, inventory
):
    """In the loader's thread, a buffer at a time, and across two buffers."""
    reader = Reader(121, inventory)
    options = {"context": context, "batch": rows * context, "buffer_steps": buffer, "order": order}
    plain = store.SequenceLoader(nethack, inventory=inventory, **options)
    with plain, store.SequenceLoader(nethack, reader=reader, **options) as loader:
        for _ in range(12):
            wanted, batch = read(reader, next(plain)), next(loader)
            assert wanted.keys() == batch.keys()
            for one, other in zip(wanted.pop("frames"), batch.pop("frames"), strict=True):
                assert one.dtype == other.dtype and np.array_equal(one, other)
            assert all(np.array_equal(values, batch[name]) for name, values in wanted.items())
