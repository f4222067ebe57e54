"""Splits that are read as one: the demonstrations and what was added to them."""

import numpy as np
import pytest
import stores

from ilscaling import store
from ilscaling.errors import StoreError
from ilscaling.store import Joined, Loader, SequenceLoader

LENGTHS = ((7, 9), (5,), (8, 3))


def made(path, begin: int, lengths, taken: bool, actions=("a", "b", "c")):
    """A split whose observation is the number of the step, whose action is that mod 3, and where
    the action after it was taken, if `taken`."""
    table = {
        "seed": np.arange(len(lengths)), "steps": np.array(lengths),
        "return": np.zeros(len(lengths)), "truncated": np.zeros(len(lengths), bool),
    }  # fmt: skip
    episodes, at = [], begin
    for length in lengths:
        steps = np.arange(at, at + length)
        arrays = {"view": steps[:, None].astype(np.uint8), "action": (steps % 3).astype(np.uint8)}
        arrays["reward"] = np.zeros(length, np.float32)
        if taken:
            arrays["taken"] = ((steps + 1) % 3).astype(np.uint8)
        episodes.append(arrays)
        at += length
    fields = {name: (v.shape[1:], v.dtype) for name, v in episodes[0].items()}
    with store.create(
        path, fields, {"game": "g", "actions": list(actions)}, chunk_steps=2, shard_steps=4
    ) as writer:
        stores.fill(writer, train=(table, episodes))
    return store.open_split(path, "train")


@pytest.fixture
def parts(tmp_path):
    begins = np.cumsum([0, *map(sum, LENGTHS)])
    return [
        made(tmp_path / f"{n}.zarr", int(begins[n]), lengths, taken=n > 0)
        for n, lengths in enumerate(LENGTHS)
    ]


def test_stacks_of_all_parts_once_an_epoch(parts):
    joined = Joined(parts)
    assert joined.steps == 32 and joined.observation == ("view",)
    assert joined.action_counts().tolist() == [11, 11, 10]
    starts = np.repeat(joined.starts[:-1], np.diff(joined.starts))
    with Loader(joined, frames=3, batch=5, seed=1, buffer_steps=8, stop=32) as loader:
        served = list(loader)
    index = np.concatenate([batch["index"] for batch in served])
    assert sorted(index) == list(range(32)) and list(index) != sorted(index)
    for batch in served:
        wanted = np.maximum(batch["index"][:, None] - [2, 1, 0], starts[batch["index"]][:, None])
        assert (batch["view"][..., 0] == wanted).all()
        assert (batch["action"] == batch["index"] % 3).all()


@pytest.mark.parametrize("order", ["shuffled", "streams"])
def test_previous_is_what_was_taken_and_action_what_is_learned(parts, order):
    joined = Joined(parts)
    first = sum(LENGTHS[0])
    with SequenceLoader(joined, context=4, batch=8, seed=3, order=order) as loader:
        for _ in range(4):
            batch = next(loader)
            index, begins = batch["index"], np.isin(batch["index"], joined.starts)
            assert (batch["view"][..., 0] == index).all() and (batch["action"] == index % 3).all()
            before = index - 1
            taken = np.where(before < first, before % 3, (before + 1) % 3)
            assert (batch["previous"] == np.where(begins, 3, taken)).all()


def test_parts_of_another_game_are_refused(parts, tmp_path):
    other = made(tmp_path / "other.zarr", 0, (4,), taken=False, actions=("a", "b"))
    with pytest.raises(StoreError, match="actions or fields are not those"):
        Joined([*parts, other])
