"""The reader against the raw codec on the same bytes, and against what it has to feed."""

import gzip
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import step
import zarr
from demonstrations import Study
from measure import Line, line, rounds, settled
from numcodecs import zstd

from ilscaling import store
from ilscaling.files import read_json
from ilscaling.learning import feed

SAMPLES = 16_384


def lines(study: Study) -> Iterator[Line]:
    """Samples a second, and bytes a sample."""
    for game in ("breakout", "nethack"):
        section, split = study.params.games[game], study.split(game)
        note = study.notes[game]
        count = min(SAMPLES, split.steps // 512 * 256)
        served = serving(study, game, count)
        raw, screens = codec(split, count)
        small = min(section.grid.sizes)
        resident = step.resident(study, game, small)
        each = section.train.batch_of(small)
        times = rounds(served, raw, resident, least=5, budget=6)
        yield line(
            "reader", f"{game}: CPU time a sample served", times[:, 0] / times[:, 1],
            f"decompressing the same {screens} screens", goal="<= 1.5", note=note,
        )  # fmt: skip
        yield line(
            "reader", f"{game}: samples served a second",
            times[:, 2] / each / (times[:, 0] / count),
            f"samples that size {small} trains on a second", goal=">= 3", note=note,
        )  # fmt: skip
    yield from sizes(study)


def serving(study: Study, game: str, count: int) -> Callable[[], None]:
    """Serves the next `count` samples of training."""
    section = study.params.games[game]
    split = study.split(game)
    batch = section.train.batch_of(min(section.grid.sizes))
    source = feed.make(split, section.train, section.grid.family)
    batches = source.batches(split, batch=batch, seed=0, start=0)

    def serve() -> None:
        for _ in range(count // batch):
            next(batches)
        settled(batches)

    return serve


def codec(split: store.Split, count: int) -> tuple[Callable[[], None], int]:
    """Decompresses what holds the first `count` steps of what a policy sees, from memory to memory
    of its own for every chunk, as whoever serves them in another order must."""
    packed = []
    names = [name for name in split.observation if name != "inventory"]
    for name in names:
        array = zarr.open_array(split.path / split.name / name, mode="r")
        chunk, shard = array.chunks[0], array.shards[0]
        tail = "/0" * (array.ndim - 1)
        for number in range(-(-count // shard)):
            content = Path(split.path, split.name, name, f"c/{number}{tail}").read_bytes()
            table = np.frombuffer(content[-16 * (shard // chunk) - 4 : -4], "<u8").reshape(-1, 2)
            for offset, size in table[: -(-(count - number * shard) // chunk)].tolist():
                if size < 2**63:
                    room = np.zeros(array.chunks, array.dtype)
                    packed.append((content[offset : offset + size - 4], room))

    def decompress() -> None:
        for content, room in packed:
            zstd.decompress(content, room)

    return decompress, count


def sizes(study: Study) -> Iterator[Line]:
    """Bytes a sample on disk."""
    split = study.split("breakout")
    stored = weight(split, "screen") / split.steps
    at = np.linspace(4, split.steps - 1, 64).astype(int)
    stacks = [gzip.compress(split.read("screen", k - 3, k + 1).tobytes(), 6) for k in at]
    plain = np.mean([len(stack) for stack in stacks])
    yield line(
        "reader", f"breakout: {stored:.1f} bytes a sample on disk", stored / plain,
        f"gzip of each stack of four, {plain:.0f} bytes", goal="<= 0.2",
        note=study.notes["breakout"],
    )  # fmt: skip
    split = study.split("nethack")
    names = [name for name in split.observation if name != "inventory"]
    stored = sum(weight(split, name) for name in (*names, "action", "reward")) / split.steps
    source = ttyrecs(study)
    if source:
        yield line(
            "reader", f"nethack: {stored:.1f} bytes a key on disk", stored / source,
            f"the ttyrecs of the bot, {source:.1f} bytes a key", goal="<= 1",
            note=study.notes["nethack"],
        )  # fmt: skip


def weight(split: store.Split, field: str) -> int:
    """Bytes of a field's files."""
    folder = Path(split.path, split.name, field)
    return sum(os.path.getsize(path) for path in folder.rglob("*") if path.is_file())


def ttyrecs(study: Study) -> float | None:
    """Bytes a key of recordings of the bot, made for this if there are none."""
    from ilscaling.domains.nethack.recording import record_games

    folder = study.work / "recorded"
    if not folder.exists():
        emulator = study.params.games["nethack"].emulator
        record_games(emulator, seeds=range(10**6), steps=20_000, out=folder)
    found = sum(game["steps"] for game in read_json(folder / "games.json")["games"])
    return sum(path.stat().st_size for path in folder.glob("*.ttyrec3.bz2")) / found
