"""Recording games of NetHack become a store: read game by game, in parallel, resumable.

Frame i is the screen before key i; its reward is the score before key i + 1 less that before key
i, and 0 for the last key of a game, after which NetHack shows no score. Keys that NLE pressed, at
the greeting or after the end of the game, are not the player's and are left out: our own recordings
say how many they are (`games.json`), for others see `ttyrec.opening` and `ttyrec.ending`. A game
that was quit, by its player or at a limit of NLE's, is kept up to there and marked as truncated;
the keys that quit it are not part of it.
"""

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from ilscaling import files
from ilscaling.domains.nethack import ttyrec
from ilscaling.domains.nethack.game import ACTIONS, KEYS
from ilscaling.domains.nethack.nld import Listing, RecordedGame, left, listing
from ilscaling.domains.nethack.section import Games, Recordings
from ilscaling.domains.nethack.ttyrec import Unusable
from ilscaling.errors import StoreError
from ilscaling.progress import tqdm
from ilscaling.store import recording
from ilscaling.store.processes import spread
from ilscaling.store.shard import assemble
from ilscaling.store.split import EXPERT_PROBS

REPORT = "ingest.json"
BLOCK = 4096  # frames that are converted and compressed together, a chunk of the recordings
SLOTS = 55  # of what a player carries
MAX_BESIDE = 2**30  # bytes of a file beside a recording; a step takes 600
GROUP = 4  # games a recording: what a kill costs, at most, for each process

# Key code -> index of the first action with it, -1 for none.
ACTION = np.full(256, -1, np.int16)
for _index, _key in reversed(list(enumerate(KEYS))):
    ACTION[_key] = _index


def ingest(
    directories: str | Path | Iterable[str | Path],
    out: str | Path,
    *,
    settings: Games,
    recordings: Recordings | None = None,
    processes: int = 1,
) -> dict:
    """Make the store `out` of recorded games (see `nld`).

    Every game, kept or left out and why, stands in `ingest.json` beside `out`. A run that was
    killed goes on from what it has read, which is in a work folder beside `out`. The store is a
    function of the recordings and the arguments, whatever `processes`.

    Parameters
    ----------
    directories
        Folders below which the games are.
    out
        The store.
    settings
        Sizes of splits, chunks and shards; seed of the splits.
    recordings
        Which games are wanted; None: all.
    processes
        How many read, and then write, at once.

    Returns
    -------
    dict
        The summary: games and steps that were kept, how many games were left out for which reason,
        whether there are inventory and `expert_probs`, and the splits.

    Raises
    ------
    StoreError
        For directories that are no recordings or of other versions, if no game is left, or too few
        steps.
    """
    out = Path(out)
    if isinstance(directories, str | Path):
        directories = [directories]
    directories = list(directories)
    listed = listing(directories, recordings)
    if not listed.games:
        raise _nothing(listed, directories)
    # A field of the store is one that every game has.
    inventory = all(game.inventory is not None for game in listed.games)
    said = all(game.expert_probs is not None for game in listed.games)
    work = out.with_name(f".{out.name}.work")
    work.mkdir(parents=True, exist_ok=True)
    groups = [listed.games[k : k + GROUP] for k in range(0, len(listed.games), GROUP)]
    files_read: list[Path] = [work] * len(groups)
    bar = tqdm(total=len(listed.games), unit="game", desc="recordings")
    tasks = [(number, group) for number, group in enumerate(groups)]
    with bar:
        for number, path in spread(read, tasks, given=(work, inventory, said), processes=processes):
            files_read[number] = path
            bar.update(len(groups[number]))
    kept, places, columns = [], [], []
    for path in files_read:
        opened = recording.Recording(path)
        listed.left_out += opened.attrs["left_out"]
        kept += opened.attrs["games"]
        for position in range(len(opened.attrs["games"])):
            places.append((path, position))
            columns.append([v[position] for v in opened.attrs["episodes"].values()])
        opened.close()
    if not kept:
        raise _nothing(listed, directories)
    _once([game["seed"] for game in kept])
    names = ("seed", "steps", "return", "truncated")
    table = dict(zip(names, map(np.array, zip(*columns, strict=True)), strict=True))
    # A game that tells no seed has its number among all that were read.
    if any(game["seed"] is None for game in kept):
        table["seed"] = np.arange(len(kept))
    reasons = dict(sorted(Counter(game["reason"] for game in listed.left_out).items()))
    summary = {
        "games": len(kept),
        "left_out": reasons,
        "steps": int(table["steps"].sum()),
        "inventory": inventory,
        "expert_probs": said,
    }
    splits, chosen = assemble(
        places,
        table,
        {**_origin(listed, directories, kept), "ingest": summary},
        out,
        settings=settings,
        processes=processes,
        fix="ingest more games, or ask for fewer steps (demonstrations.train_steps and others)",
    )
    for name, rows in chosen.items():
        for row in rows:
            kept[row]["split"] = name  # none of a game beyond demonstrations.unique_steps
    files.write_json(
        out.parent / REPORT, {**summary, "splits": splits, "kept": kept, "lost": listed.left_out}
    )
    shutil.rmtree(work)
    return {**summary, "splits": splits}


def _once(seeds: list[int | None]) -> None:
    twice = [seed for seed, count in Counter(seeds).items() if count > 1 and seed is not None]
    if twice:
        raise StoreError(
            f"the game of seed {min(twice)} is there twice",
            fix="record every folder with seeds of its own (demonstrations.seed)",
        )


def _nothing(listed: Listing, directories: list) -> StoreError:
    reasons = Counter(game["reason"] for game in listed.left_out)
    why = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items())) or "none"
    roles = ", ".join(f"{role} ({count})" for role, count in sorted(listed.roles.items()))
    return StoreError(
        f"no game is left of the recordings; left out: {why}; roles in the xlogfiles: {roles}",
        where=", ".join(map(str, directories)),
        fix="change the filters: expert.recordings.roles, races, min_points",
    )


def _origin(listed: Listing, directories: list, kept: list[dict]) -> dict:
    """The store's root attributes: what was played, by whom, read by which versions."""
    ours = listed.recorders
    own = all(game["seed"] is not None for game in kept)
    names = sorted({made["recorder"] for made in ours})
    return {
        "game": "nethack",
        "domain": "nethack",
        "actions": list(ACTIONS),
        "recorder": " + ".join(names if own else [Path(d).resolve().name for d in directories]),
        "roles": sorted({game["role"] for game in kept}),
        # How it was run is known of our own recordings alone.
        "emulator": ours[0]["emulator"] if own and all(m == ours[0] for m in ours) else None,
        "nethack": sorted({game["version"] for game in kept}),
        "versions": {name: version(name) for name in ("nle", "numpy")},
    }


def read(
    work: Path, inventory: bool, said: bool, number: int, group: list[RecordedGame]
) -> tuple[int, Path]:
    """Read a few games into a file in `work`, if it is not there.

    The file's name is a digest of all that it is made of. Its attributes say of every game what
    was kept and what was not.

    Parameters
    ----------
    work
        Folder of such files.
    inventory, said
        Whether to read what is carried, and what the player said of every key.
    number
        Of the group, passed through.
    group
        The games.

    Returns
    -------
    tuple
        `number`, and the file.
    """
    content = hashlib.sha256(f"{recording.FORMAT} {inventory} {said} {version('nle')}".encode())
    for game in group:
        content.update(repr((game.name, sorted(game.log.items()), game.record)).encode())
        beside = (game.inventory if inventory else None, game.expert_probs if said else None)
        for path in (game.path, *beside):
            if path is not None:
                content.update(_digest(path).encode())
    target = work / f"{content.hexdigest()[:24]}.zip"
    if target.exists():
        return number, target
    attributes = {"games": [], "left_out": []}
    with recording.create(target, attributes, chunk=BLOCK) as writer:
        for game in group:
            record = game.record or {}
            try:
                truncated = record.get("truncated", game.quit)
                writer.add(record.get("seed", 0), frames(game, inventory, said), truncated)
            except Unusable as problem:
                attributes["left_out"].append(left(game.name, problem.reason, problem.detail))
                continue
            attributes["games"].append(
                {
                    "game": game.name,
                    "seed": record.get("seed"),
                    "steps": writer.episodes["steps"][-1],
                    "return": writer.episodes["return"][-1],
                    "points": int(game.log["points"]),
                    "turns": int(game.log["turns"]),
                    "truncated": writer.episodes["truncated"][-1],
                    "depth": int(game.log["maxlvl"]),
                    "death": game.log["death"],
                    "role": game.log["role"],
                    "version": game.log["version"],
                }
            )
    return number, target


def _digest(path: Path) -> str:
    """SHA-256 of a file, or what keeps it from being read; a pipe is not opened."""
    try:
        return files.sha256(path) if path.is_file() else "no file"
    except OSError as error:
        return f"error {error.errno}"


def frames(
    game: RecordedGame, inventory: bool, said: bool = False
) -> Iterator[dict[str, np.ndarray]]:
    """The store's fields of the player's steps of a game.

    Parameters
    ----------
    game
        The recording.
    inventory, said
        As of `read`.

    Yields
    ------
    dict
        Field -> (steps, ...), BLOCK steps at a time; the arrays hold until the next block.

    Raises
    ------
    Unusable
        Perhaps after some of the blocks, for a game that cannot be taken.
    """
    ttyrec.check(game.path)
    record = game.record
    carried = _carried(game) if inventory else None
    probs = _said(game) if said else None
    # The last frames may not be the player's, and a block's last reward is known a frame later.
    tape = ttyrec.Tape(game.path, BLOCK + ttyrec.TAIL + 1)
    tape.fill()
    tape.drop(record["opening"] if record else ttyrec.opening(tape.frames))
    done = 0
    while tape.fill():
        seen = tape.frames
        yield _fields(seen, 0, BLOCK, seen["score"][BLOCK], done, carried, probs)
        done += BLOCK
        tape.drop(BLOCK)
    waiting = tape.frames
    before = max(0, len(waiting["key"]) - ttyrec.TAIL)
    tail = {name: values[before:] for name, values in waiting.items()}
    shown, logged = ttyrec.result(tail), (int(game.log["points"]), int(game.log["turns"]))
    if shown is None:
        raise Unusable("truncated file", "the end of the game is not in it")
    if shown != logged:
        raise Unusable(
            "other game than its line in the xlogfile",
            "{} points, {} turns against {}, {}".format(*shown, *logged),
        )
    if record:
        end = record["steps"] - done
    else:
        end = ttyrec.ending(tail)
        end = before + (ttyrec.quitting(tail, end) if game.quit else end)
    if end > len(waiting["key"]) or end < 0:
        raise Unusable("truncated file", f"{record['steps']} keys were pressed")
    if done + end == 0:
        raise Unusable("empty", "no key is the player's")
    for start in range(0, end, BLOCK):
        stop = min(end, start + BLOCK)
        after = waiting["score"][min(stop, end - 1)]
        yield _fields(waiting, start, stop, after, done + start, carried, probs)


def _fields(
    frames: dict[str, np.ndarray],
    start: int,
    stop: int,
    after: int,
    step: int,
    carried: dict[str, np.ndarray] | None,
    probs: np.ndarray | None,
) -> dict[str, np.ndarray]:
    """The store's fields of frames [start, stop), the first of which is a game's step `step`;
    `after`: the score after the last of them."""
    action = ACTION[frames["key"][start:stop]]
    if (action < 0).any():
        at = int(np.argmax(action < 0))
        raise Unusable("unknown key", f"code {frames['key'][start + at]} at step {step + at}")
    score = np.append(frames["score"][start:stop], after)
    fields = {
        "tty_chars": frames["tty_chars"][start:stop],
        "tty_colors": frames["tty_colors"][start:stop],
        "tty_cursor": frames["tty_cursor"][start:stop].astype(np.uint8),
        "action": action.astype(np.uint8),
        "reward": np.diff(score).astype(np.float32),
    }
    if carried is not None:
        steps = np.arange(step, step + stop - start)
        row = np.searchsorted(carried["step"], steps, side="right") - 1
        fields["inventory"] = carried["inv_glyphs"][row]
    if probs is not None:
        fields[EXPERT_PROBS] = probs[step : step + stop - start]
        if fields[EXPERT_PROBS].shape != (stop - start, len(ACTIONS)):
            raise Unusable(
                "corrupted expert_probs", f"{probs.shape} for step {step + stop - start}"
            )
    return fields


def _carried(game: RecordedGame) -> dict[str, np.ndarray]:
    """What the player carried: `step` int32 (changes,), rising from 0 on, and `inv_glyphs` int16
    (changes, 55), what was carried from that step on."""

    def check(carried: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        steps, glyphs = carried["step"], carried["inv_glyphs"]
        if glyphs.shape != (len(steps), SLOTS) or glyphs.dtype != np.int16:
            raise ValueError(f"inv_glyphs is {glyphs.dtype} {glyphs.shape}")
        if steps.ndim != 1 or not len(steps) or steps[0] != 0 or (np.diff(steps) <= 0).any():
            raise ValueError("steps do not rise from 0 on")
        return carried

    return _beside(game.inventory, "corrupted inventory", check)


def _said(game: RecordedGame) -> np.ndarray:
    """What the expert said: finite probabilities (steps, actions)."""

    def check(arrays: dict[str, np.ndarray]) -> np.ndarray:
        probs = arrays[EXPERT_PROBS]
        if probs.ndim != 2 or probs.shape[1] != len(ACTIONS) or probs.dtype.kind != "f":
            raise ValueError(f"{EXPERT_PROBS} is {probs.dtype} {probs.shape}")
        if not np.isfinite(probs).all():
            raise ValueError(f"{EXPERT_PROBS} is not finite")
        return probs

    return _beside(game.expert_probs, "corrupted expert_probs", check)


def _beside(path: Path, reason: str, check: Callable[[dict], Any]) -> Any:
    """What `check` makes of the arrays of a file beside a game's recording; Unusable, for a reason,
    if it is damaged."""
    try:
        if path.stat().st_size > MAX_BESIDE:
            raise ValueError(f"more than {MAX_BESIDE:,} bytes")
        return check(load_file(path))
    # Whatever safetensors raises for what is no such file.
    except Exception as error:
        raise Unusable(reason, f"{type(error).__name__}: {error}") from None
