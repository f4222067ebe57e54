"""Recordings of others become a store: read, played again, compared, cut into splits."""

import shutil
from collections.abc import Iterator
from importlib.metadata import version
from itertools import chain, islice
from pathlib import Path

import numpy as np

from ilscaling import files, games, registry
from ilscaling.domains.recordings import minari, npz, replay
from ilscaling.domains.recordings.episode import Episode
from ilscaling.errors import StoreError
from ilscaling.params import Section
from ilscaling.progress import tqdm
from ilscaling.store import recording
from ilscaling.store.shard import assemble

REPORT = "ingest.json"
CHUNK = 256  # steps that are compressed together on the way
READERS = {"npz": npz.read, "minari": minari.read}


def ingest(
    section: Section,
    domain: str,
    emulators: replay.Emulators,
    path: Path,
    out: Path,
    processes: int = 1,
) -> dict:
    """Make the store `out` of recordings.

    Where the game can be played again, every episode is, and compared reward by reward. An episode
    may be cut into stretches, of which dev and test are drawn as of episodes: its return is then
    that of each of its stretches.

    Parameters
    ----------
    section
        Of the study.
    domain
        Name of the domain whose game it is.
    emulators
        How the game is run to play the recordings again.
    path
        The recordings.
    out
        The store; `ingest.json` beside it says of every episode what was taken.
    processes
        How many write at once.

    Returns
    -------
    dict
        Episodes, steps, points and how many were played again, and the splits.

    Raises
    ------
    StoreError
        For recordings that cannot be read, that differ from the game, or are too short.
    """
    taken, out = section.expert.recordings, Path(out)
    packages = registry.get("DOMAIN", domain).packages
    game = games.spec(domain, section.game, section.emulator)
    work = out.with_name(f".{out.name}.work")
    work.mkdir(parents=True, exist_ok=True)
    rows: list[tuple[int, int, float, bool]] = []
    report: list[dict] = []
    try:
        part = work / "part.zip"
        with recording.create(part, {}, chunk=CHUNK) as writer:
            for episode in READERS[taken.format](path, taken.fields):
                episode = episode.checked(len(game.actions))
                again = taken.replay and (episode.seed is not None or not emulators.seeded)
                steps = _steps(episode, section, domain, emulators, game, again)
                first = len(writer.episodes["seed"])
                ended = _write(writer, steps, taken.stretch)
                own = slice(first, None)
                lengths = writer.episodes["steps"][own]
                points = sum(writer.episodes["return"][own])
                for number, length in enumerate(lengths):
                    over = ended and number == len(lengths) - 1
                    rows.append((len(rows), length, points, not over))
                report.append(
                    {"recording": episode.place, "actions": len(episode.action),
                     "steps": sum(lengths), "return": points, "ended": ended,
                     "seed": episode.seed, "played_again": again, "stretches": len(lengths)}
                )  # fmt: skip
        if not report:
            raise StoreError("there is no episode", where=str(path))
        summary = {
            "episodes": len(report),
            "stretches": len(rows) if taken.stretch else None,
            "steps": sum(row["steps"] for row in report),
            "return_mean": float(np.mean([row["return"] for row in report])),
            "played_again": sum(row["played_again"] for row in report),
        }
        names = ("seed", "steps", "return", "truncated")
        table = dict(zip(names, map(np.array, zip(*rows, strict=True)), strict=True))
        seeds = [row["seed"] for row in report]
        if not taken.stretch and None not in seeds:
            table["seed"] = np.array(seeds)
        splits, _ = assemble(
            [(part, number) for number in range(len(rows))],
            table,
            {
                **game.attributes(emulators.ours(section.emulator.max_steps)),
                "expert": _player(path, summary, taken),
                "ingest": summary,
                "versions": {name: version(name) for name in (*packages, "numpy")},
            },
            out,
            settings=section.demonstrations,
            processes=processes,
            fix="expert.recordings.stretch cuts episodes into stretches, if there are few; or ask "
            "for fewer steps (demonstrations.train_steps and others)",
        )
    finally:
        shutil.rmtree(work, ignore_errors=True)
    files.write_json(out.parent / REPORT, {**summary, "splits": splits, "recordings": report})
    return {**summary, "splits": splits}


def _steps(
    episode: Episode,
    section: Section,
    domain: str,
    emulators: replay.Emulators,
    game: games.GameSpec,
    again: bool,
) -> Iterator[replay.Moment]:
    """An episode's steps as the study's policies would see them."""
    if not again:
        if emulators.block > 1 and episode.observation is not None:
            raise episode.bad(
                "its observations are of another frame skip, and it is not played again",
                f"emulator.frame_skip: {emulators.frames}",
            )
        ((field, (shape, dtype)),) = game.observation.items()
        yield from replay.recorded(episode, field, shape, dtype)
        return
    count, block = len(episode.action), emulators.block
    if block > 1:
        # Once by single actions, which names the frame where it differs.
        for _ in tqdm(
            _played(episode, section, domain, emulators, 1),
            total=count, unit="action", unit_scale=True, desc="comparing",
        ):  # fmt: skip
            pass
    own = _played(episode, section, domain, emulators, block)
    yield from tqdm(own, total=count // block, unit="step", unit_scale=True, desc="playing again")


def _played(
    episode: Episode, section: Section, domain: str, emulators: replay.Emulators, block: int
) -> Iterator[replay.Moment]:
    """Steps of `block` actions: of one, as it was recorded, or of the study's."""
    settings = emulators.ours if block == emulators.block else emulators.theirs
    vector = games.make(domain, section.game, 1, settings(len(episode.action)))
    frames = emulators.frames
    try:
        yield from replay.moments(episode, vector, block, frames, emulators.shown)
    finally:
        vector.close()


def _write(writer: recording.RecordingWriter, steps: Iterator, stretch: int | None) -> bool:
    """Write an episode, in stretches if wanted; whether the game was over at its end."""
    over = False

    def blocks(first: replay.Moment) -> Iterator[dict[str, np.ndarray]]:
        nonlocal over
        left, follow = stretch, chain([first], steps)
        while rows := list(islice(follow, CHUNK if left is None else min(CHUNK, left))):
            left = None if left is None else left - len(rows)
            over = rows[-1].done
            yield {
                **{k: np.stack([row.observation[k] for row in rows]) for k in rows[0].observation},
                "action": np.array([row.action for row in rows], np.uint8),
                "reward": np.array([row.reward for row in rows], np.float32),
            }

    number = len(writer.episodes["seed"])
    while (first := next(steps, None)) is not None:
        writer.add(number, blocks(first), truncated=True)
        number += 1
    return over


def _player(path: Path, summary: dict, taken) -> dict[str, object]:
    """What the store says of who played, for the report."""
    shown = {
        "player": f"recordings in {Path(path).name}",
        "episodes": summary["episodes"],
        "mean return": f"{summary['return_mean']:g}",
        "played again and equal": f"{summary['played_again']} of {summary['episodes']}",
    }
    if taken.stretch:
        shown["dev and test"] = f"stretches of {taken.stretch} steps, not episodes"
    return shown
