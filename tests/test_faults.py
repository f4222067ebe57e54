"""Readers of files that strangers, editors and disks have changed: `make test-faults`.

Hypothesis changes a good file in many ways; a reader may take it or refuse it by an error that a
user can act on. Anything else is a find: another exception, minutes, or gigabytes.
"""

import bz2
import gzip
import json
import resource
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import nethack_store
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from gymnasium import spaces
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from test_experts import saved
from wanderer import record

from ilscaling import files, grid, params, store
from ilscaling.domains.atari import importing, policy
from ilscaling.domains.nethack import ingest, nld, ttyrec
from ilscaling.domains.recordings import minari, npz
from ilscaling.errors import IlscalingError
from ilscaling.games import spec
from ilscaling.laws.records import Fit, read_fits
from ilscaling.parameter_files import read_mapping
from ilscaling.pipeline import result_folder
from ilscaling.plan import speed
from ilscaling.store import recording
from ilscaling.tables import read_table

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parents[1]
SECONDS = 30.0  # that reading one small file may take
MEMORY = 3 * 2**30  # bytes that it may take beside what is there

# Where a change is, as a share of the file; what is done there.
PLACE = st.floats(0, 1)
CHANGE = st.one_of(
    st.tuples(st.just("flip"), PLACE, st.integers(0, 7)),
    st.tuples(st.just("overwrite"), PLACE, st.binary(min_size=1, max_size=16)),
    st.tuples(st.just("insert"), PLACE, st.binary(min_size=1, max_size=64)),
    st.tuples(st.just("cut"), PLACE, st.none()),
    st.tuples(st.just("remove"), PLACE, st.integers(1, 200)),
    st.tuples(st.just("repeat"), PLACE, st.integers(1, 200)),
    # What means something to some format.
    st.tuples(
        st.just("insert"),
        PLACE,
        st.sampled_from(
            [b"\x00", b"\xff", b"\n", b"\t", b"\x85", b"nan", b"NaN", b"1e999", b"-1", b"9" * 30,
             b"[" * 2000, b"{", b"}", b'"', b"&a [*a]", b"null", b"true", b"\\ud800"]
        ),
    ),
)  # fmt: skip


def changed(content: bytes, changes: list[tuple]) -> bytes:
    """The content after some changes, one after the other."""
    data = bytearray(content)
    for kind, share, value in changes:
        at = min(int(share * len(data)), max(0, len(data) - 1))
        if kind == "flip" and data:
            data[at] ^= 1 << value
        elif kind == "overwrite":
            data[at : at + len(value)] = value
        elif kind == "insert":
            data[at:at] = value
        elif kind == "cut":
            del data[at:]
        elif kind == "remove":
            del data[at : at + value]
        elif kind == "repeat":
            data[at:at] = data[at : at + value]
    return bytes(data)


def swapped(value, rest: list) -> object:
    """A JSON value with one of its parts, at random, something else."""
    if rest and isinstance(value, dict) and value:
        key = sorted(value)[rest[0] % len(value)]
        return {**value, key: swapped(value[key], rest[1:])}
    if rest and isinstance(value, list) and value:
        at = rest[0] % len(value)
        return [*value[:at], swapped(value[at], rest[1:]), *value[at + 1 :]]
    odd = [None, True, -1, 0, 10**30, 1e308, "", "x", "../../etc/passwd", [], {}, [[]], {"": 0}]
    return odd[(rest or [0])[-1] % len(odd)]


# What is read, a good file's name and content, how it is read, how the changed content is packed.
class Target:
    def __init__(self, path: Path, read: Callable, pack=lambda content: content, unpack=None):
        self.path, self.read, self.pack = path, read, pack
        whole = path.read_bytes()
        self.content = unpack(whole) if unpack else whole


def of_expert(folder: Path) -> Path:
    torch.manual_seed(0)
    actions = list(spec("atari", "breakout").actions)
    path = folder / "expert.safetensors"
    policy.save(
        path, policy.ExpertPolicy(0.05, 4), {"game": "x", "width": 0.05, "actions": actions}
    )
    return path


def of_minari(folder: Path) -> Path:
    """A data set of three episodes."""
    minari.library()
    from minari.data_collector.episode_buffer import EpisodeBuffer
    from minari.dataset.minari_storage import MinariStorage

    folder.mkdir()
    seen, pressed = spaces.Box(0, 1, (3,), np.float32), spaces.Discrete(4)
    made = MinariStorage.new(folder / "data", observation_space=seen, action_space=pressed)
    for number in range(3):
        episode = EpisodeBuffer(
            id=number, seed=number, observations=np.full((21, 3), number / 3, np.float32),
            actions=np.arange(20) % 4, rewards=np.ones(20), terminations=np.arange(20) == 19,
            truncations=np.zeros(20, bool), infos={},
        )  # fmt: skip
        made.update_episodes([episode])
    return folder


def signed(path: Path) -> None:
    """The record's digest is that of the file, as of one who signs what is bad."""
    record_file = path.with_suffix(".json")
    values = json.loads(record_file.read_text(encoding="utf-8"))
    record_file.write_text(json.dumps(values | {"sha256": files.sha256(path)}), encoding="utf-8")


def import_zip(path: Path) -> None:
    tensors, _, _ = importing.read_zip(path)
    importing.fit(tensors, 4, "breakout", path)


@pytest.fixture(scope="module")
def targets(tmp_path_factory) -> dict[str, Target]:
    """A good file of each kind, and its reader."""
    folder = tmp_path_factory.mktemp("good")

    def file(name: str, content: bytes | str) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    record(folder / "nld/job-0", steps=60)
    (game, *_) = nld.listing([folder / "nld"], None).games
    demos = nethack_store.write(folder / "demos.zarr", train=[40, 30], dev=[20], test=[20])
    shard = demos / "train/tty_chars/c/0/0/0"
    with recording.create(folder / "part.zip", {}, chunk=4) as writer:
        writer.add(0, {"x": np.zeros((9, 3)), "reward": np.zeros(9)}, False)
    step = folder / "fit-0123456789ab"
    file("fit-0123456789ab/laws/optima.csv", "a,b\n1,2\n")
    result_folder.write(step, {"notes": ["one"]})
    listed = file("cells/1.json", "{}")
    cells = file("cells/cells-0.json", json.dumps({"1.json": files.sha256(listed)}))
    machine = {"processor": "x", "torch": "y"}
    calibration = speed.write(machine, {}, {}, [], folder)
    fits = file("fits.json", json.dumps([dict.fromkeys(Fit.__annotations__, 0.5)]))
    expert = of_expert(folder)
    study = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    tiny = {**study, "games": {"breakout": study["games"]["breakout"]}}

    def play(path: Path) -> None:
        for _ in ingest.frames(game, inventory=False):
            pass

    def weights(path: Path) -> None:
        signed(path)
        policy.load(path)

    def recorded(path: Path) -> None:
        part = recording.Recording(path)
        part.read(0)

    def read_params(path: Path) -> None:
        grid.cells(params.read(path))

    table = pd.DataFrame(
        {"game": "pong", "budget": np.repeat([1e9, 2e9, 4e9], 4), "params": [10, 20, 30, 40] * 3,
         "samples": 1000.0, "dev_loss": np.linspace(2, 1, 12), "status": "done"}
    )  # fmt: skip
    for kind in ("zstd", "lz4"):
        table.to_feather(folder / f"{kind}.feather", compression=kind)
    table.to_parquet(folder / "runs.parquet")
    text = table.to_csv(index=False)
    marks = text.replace(",", ";").replace(".", ",")
    sets = of_minari(folder / "sets")
    arrays = {"action": np.zeros(9, np.int64), "reward": np.ones(9), "observation": np.ones((9, 3))}
    np.savez(folder / "play.npz", **arrays)
    np.savez_compressed(folder / "packed.npz", **arrays)

    def play_npz(path: Path) -> None:
        list(npz.read(path, {}))

    def play_minari(_: Path) -> None:
        list(minari.read(sets, {}))

    def split(_: Path) -> None:
        store.open_split(demos, "train").read("tty_chars", 0, 70)

    found = {
        "parameters": Target(file("params.yaml", yaml.safe_dump(tiny)), read_params),
        "YAML": Target(
            file("study.yaml", "a: &b [1, 2]\nc: {d: *b, e: 2026-01-01}\n"), read_mapping
        ),
        "SB3 zip": Target(saved(folder / "model.zip"), import_zip),
        "record of an expert": Target(expert.with_suffix(".json"), lambda _: policy.load(expert)),
        "weights of an expert": Target(expert, weights),
        "xlogfile": Target(
            folder / "nld/job-0/nle.xlogfile", lambda _: nld.listing([folder / "nld"], None)
        ),
        "record of games": Target(
            folder / "nld/job-0/games.json", lambda _: nld.listing([folder / "nld"], None)
        ),
        "ttyrec": Target(game.path, play),
        "ttyrec within bz2": Target(game.path, play, bz2.compress, bz2.decompress),
        "inventory": Target(game.inventory, lambda _: ingest._carried(game)),
        "recording": Target(folder / "part.zip", recorded),
        "root of a store": Target(demos / "zarr.json", split),
        "shard of a store": Target(shard, split),
        "list of cells": Target(cells, files.read_list),
        "stamp of a result": Target(step / "done.json", lambda _: result_folder.check(step)),
        "fits": Target(fits, read_fits),
        "calibration": Target(calibration, lambda path: speed.read(path, machine)),
        "table": Target(file("runs.csv", text), read_table),
        "table with decimal commas": Target(file("marks.csv", marks), read_table),
        "table in UTF-16": Target(file("wide.csv", text.encode("utf-16")), read_table),
        "table as JSON": Target(file("runs.json", table.to_json(orient="records")), read_table),
        "table within gzip": Target(
            file("runs.csv.gz", gzip.compress(text.encode())), read_table, gzip.compress,
            gzip.decompress,
        ),
        "table packed by gzip": Target(
            file("packed.csv.gz", gzip.compress(text.encode())), read_table
        ),
        "table, Feather by zstd": Target(folder / "zstd.feather", read_table),
        "table, Feather by lz4": Target(folder / "lz4.feather", read_table),
        "table, Parquet": Target(folder / "runs.parquet", read_table),
        "npz": Target(folder / "play.npz", play_npz),
        "npz, packed": Target(folder / "packed.npz", play_npz),
        "Minari's HDF5": Target(sets / "data/main_data.hdf5", play_minari),
        "Minari's metadata": Target(sets / "data/metadata.json", play_minari),
    }  # fmt: skip
    return found


NAMES = (
    "parameters", "YAML", "SB3 zip", "record of an expert", "weights of an expert", "xlogfile",
    "record of games", "ttyrec", "ttyrec within bz2", "inventory", "recording", "root of a store",
    "shard of a store", "list of cells", "stamp of a result", "calibration", "fits",
    "table", "table with decimal commas", "table in UTF-16", "table as JSON", "table within gzip",
    "table packed by gzip", "table, Feather by zstd", "table, Feather by lz4", "table, Parquet",
    "npz", "npz, packed", "Minari's HDF5", "Minari's metadata",
)  # fmt: skip
JSON = ("record of", "list", "stamp", "calibration", "fits", "root", "table as", "Minari's meta")


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_file_is_read_or_refused(name, targets, record_property, pytestconfig):
    """Readers of files that were changed at random."""
    target, outcomes = targets[name], Counter()
    end = time.monotonic() + pytestconfig.getoption("--faults-seconds") / len(NAMES)

    def read(content: bytes) -> None:
        if time.monotonic() > end:
            return
        target.path.write_bytes(target.pack(content))
        start = time.monotonic()
        try:
            target.read(target.path)
            outcomes["taken"] += 1
        except (IlscalingError, ttyrec.Unusable):
            outcomes["refused"] += 1
        assert time.monotonic() - start < SECONDS

    whole = target.path.read_bytes()
    structured = name.startswith(JSON)
    limit = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, limit[1]))
    batch = 0
    try:
        while time.monotonic() < end:

            @seed(batch)
            @settings(max_examples=50, deadline=None, database=None,
                      suppress_health_check=list(HealthCheck))  # fmt: skip
            @given(
                st.lists(CHANGE, min_size=1, max_size=4), st.lists(st.integers(0, 50), max_size=6)
            )
            def attack(changes, path):
                if structured and len(changes) % 2:
                    value = swapped(json.loads(target.content), path)
                    read(json.dumps(value).encode())
                else:
                    read(changed(target.content, changes))

            attack()
            batch += 1
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limit)
        target.path.write_bytes(whole)
    for kind in ("refused", "taken"):
        record_property(kind, outcomes[kind])
    assert sum(outcomes.values()) > 0
