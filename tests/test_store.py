"""What is written is read back; whatever is damaged is named."""

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import stores
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ilscaling import store
from ilscaling.errors import StoreError

FIELDS = {
    "screen": ((5, 3), np.dtype(np.uint8)),
    "action": ((), np.dtype(np.uint8)),
    "reward": ((), np.dtype(np.float32)),
}
LENGTHS = {"train": [13, 1, 20, 7], "dev": [9], "test": [4, 5]}


def episodes(split: str) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(store.SPLITS.index(split))
    return [
        {
            "screen": rng.integers(0, 256, (n, 5, 3), np.uint8),
            "action": rng.integers(0, 3, n, np.uint8),
            "reward": np.float32(rng.integers(0, 2, n)),
        }
        for n in LENGTHS[split]
    ]


def write(path: Path) -> None:
    attributes = {"game": "toy", "actions": ["A", "B", "C"]}
    with store.create(path, FIELDS, attributes, chunk_steps=4, shard_steps=8) as writer:
        splits = {}
        for split in store.SPLITS:
            played = episodes(split)
            table = {
                "seed": np.arange(len(played)),
                "steps": np.array(LENGTHS[split]),
                "return": np.array([e["reward"].sum() for e in played]),
                "truncated": np.zeros(len(played), bool),
            }
            splits[split] = table, played
        stores.fill(writer, **splits)


def tree(path: Path) -> dict[str, str]:
    return {
        str(f.relative_to(path)): hashlib.sha256(f.read_bytes()).hexdigest()
        for f in sorted(path.rglob("*"))
        if f.is_file()
    }


@pytest.fixture(scope="module")
def demos(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("store") / "demos.zarr"
    write(path)
    return path


@pytest.mark.parametrize("split", store.SPLITS)
def test_reads_back_what_was_written(demos, split):
    opened = store.open_split(demos, split)
    written = episodes(split)
    for field in FIELDS:
        whole = np.concatenate([e[field] for e in written])
        assert (opened.read(field, 0, opened.steps) == whole).all()
        assert (opened.read(field, 2, 4) == whole[2:4]).all()
        assert opened.fields[field] == FIELDS[field]
    assert list(np.diff(opened.starts)) == LENGTHS[split]
    numbers = np.repeat(np.arange(opened.episodes), LENGTHS[split])
    assert (opened.read("episode", 0, opened.steps) == numbers).all()
    assert list(opened.returns()) == [e["reward"].sum() for e in written]
    actions = np.concatenate([e["action"] for e in written])
    assert list(opened.action_counts()) == [(actions == a).sum() for a in range(3)]
    recorded = opened.attrs["splits"][split]
    assert recorded["return_mean"] == pytest.approx(np.mean(opened.returns()))
    assert (recorded["steps"], recorded["episodes"]) == (opened.steps, len(written))


def test_a_second_write_is_the_same_to_the_bit(demos, tmp_path):
    write(tmp_path / "again.zarr")
    assert tree(tmp_path / "again.zarr") == tree(demos)
    write(tmp_path / "again.zarr")  # in place of a store of its own kind
    assert tree(tmp_path / "again.zarr") == tree(demos)
    assert os.listdir(tmp_path) == ["again.zarr"]


def test_a_failed_write_leaves_nothing(tmp_path):
    def broken(episode, start, stop):
        if episode:
            raise KeyboardInterrupt
        return {name: values[start:stop] for name, values in episodes("train")[0].items()}

    table = {
        "seed": np.arange(2), "steps": np.array([13, 1]),
        "return": np.zeros(2), "truncated": np.zeros(2, bool),
    }  # fmt: skip
    with (
        pytest.raises(KeyboardInterrupt),
        store.create(tmp_path / "d", FIELDS, {}, chunk_steps=4, shard_steps=8) as w,
    ):
        w.fill({"train": np.arange(2)}, table, broken)
    assert os.listdir(tmp_path) == []


def test_nothing_else_is_overwritten(tmp_path):
    (tmp_path / "thesis.tex").write_text("years")
    with pytest.raises(StoreError, match="in the way"):
        write(tmp_path)
    assert os.listdir(tmp_path) == ["thesis.tex"]


SHARDS = [f"train/{name}" for name in ("screen/c/1/0/0", "action/c/2", "reward/c/0", "episode/c/5")]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(SHARDS), st.floats(0, 1, exclude_max=True), st.integers(0, 7))
def test_any_flipped_bit_is_found_by_reading_and_by_verify(demos, tmp_path, shard, where, bit):
    damaged = tmp_path / "damaged.zarr"
    shutil.rmtree(damaged, ignore_errors=True)
    shutil.copytree(demos, damaged)
    content = bytearray((damaged / shard).read_bytes())
    content[int(where * len(content))] ^= 1 << bit
    (damaged / shard).write_bytes(content)
    opened = store.open_split(damaged, "train")
    with pytest.raises(StoreError, match="corrupted") as caught:
        opened.read(shard.split("/")[1], 0, opened.steps)
    assert caught.value.where == str(damaged / shard)
    with pytest.raises(StoreError, match="corrupted") as caught:
        store.verify(damaged)
    assert caught.value.where == str(damaged / shard)


@pytest.mark.parametrize("late", [False, True], ids=["before opening", "after opening"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: f.unlink(), "missing"),
        (lambda f: f.write_bytes(f.read_bytes()[:-1]), "truncated"),
    ],
)
def test_missing_and_truncated_shards_are_named(demos, tmp_path, damage, message, late):
    damaged = Path(shutil.copytree(demos, tmp_path / "damaged.zarr"))
    shard = damaged / "train/screen/c/4/0/0"
    opened = store.open_split(damaged, "train")
    damage(shard)
    with pytest.raises(StoreError, match=message) as caught:
        if late:
            opened.read("screen", 0, opened.steps)
        else:
            store.open_split(damaged, "train")
    assert caught.value.where == str(shard)
    assert store.open_split(damaged, "dev").steps == 9


def test_verify_passes_a_good_store_and_counts_its_files(demos):
    assert store.verify(demos) == len(tree(demos)) - 1


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("zarr.json", "{"),
        ("zarr.json", '{"zarr_format": 3, "node_type": "group", "attributes": {"format": "x"}}'),
        ("train/screen/zarr.json", "{"),
    ],
)
def test_damaged_metadata_is_named(demos, tmp_path, file, text):
    damaged = Path(shutil.copytree(demos, tmp_path / "damaged.zarr"))
    (damaged / file).write_text(text)
    with pytest.raises(StoreError) as caught:
        store.open_split(damaged, "train")
    assert caught.value.where.startswith(str(damaged))


def test_a_missing_store_or_split_says_so(demos, tmp_path):
    with pytest.raises(StoreError, match="no demonstrations"):
        store.open_split(tmp_path / "nowhere.zarr", "train")
    with pytest.raises(StoreError, match="train, dev, test"):
        store.open_split(demos, "validation")
