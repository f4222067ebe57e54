"""Demonstrations as data sets of Minari: every episode played again, to its final observation.

A store keeps what was seen before each action and no more. Minari wants what was seen after the
last, too: an episode is a function of its seed and actions, so it is played again, and must be
what the store holds. Screens are written as they are, not as JPEG.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from gymnasium import spaces

from ilscaling import registry, store
from ilscaling.domains.recordings.base import RecordedGames
from ilscaling.domains.recordings.minari import DATA, library
from ilscaling.errors import StoreError
from ilscaling.params import Model


def export(demos: str | Path, out: str | Path) -> dict[str, int]:
    """Write a data set of Minari for each split of a store.

    Parameters
    ----------
    demos
        The store, of Atari or of a Gymnasium game.
    out
        Folder in which each split has one; those must not be there.

    Returns
    -------
    dict
        Split -> how many episodes it has.

    Raises
    ------
    StoreError
        For a store of other games or of stretches, whose episodes played again are not what it
        holds, or where something is in the way; and where Minari is not installed.
    """
    library()
    counts = {}
    for name in store.SPLITS:
        split = store.open_split(demos, name)
        place = Path(out) / name
        if place.exists():
            raise StoreError("something is in the way", where=str(place), fix="another --minari")
        work = place.with_name(f".{name}.tmp")
        shutil.rmtree(work, ignore_errors=True)
        try:
            _write(split, work, demos)
            os.rename(work, place)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        counts[name] = split.episodes
    return counts


def _domain(split: store.Split, demos: str | Path) -> RecordedGames:
    """The domain that plays the split's game again."""
    played, again = split.attrs["domain"], (split.attrs.get("ingest") or {}).get("stretches")
    entries = [registry.get("DOMAIN", name) for name in registry.names("DOMAIN")]
    fitting = [e for e in entries if isinstance(e, RecordedGames) and e.played == played]
    if not fitting:
        raise StoreError(
            f"games of the domain {played!r} are not exported",
            where=str(demos),
            fix="Atari's and Gymnasium's are; NetHack's recordings are in a public layout as they "
            "are (docs/nethack.md)",
        )
    if again:
        raise StoreError(
            "the store holds stretches of episodes, which cannot be played again",
            where=str(demos),
            fix="ingest with expert.recordings.stretch: null",
        )
    return fitting[0]


def _write(split: store.Split, folder: Path, demos: str | Path) -> None:
    import minari
    from minari.dataset.minari_storage import MinariStorage

    domain, attrs = _domain(split, demos), split.attrs
    kind = domain.section.model_fields["emulator"].annotation
    emulator = kind.model_validate(attrs["emulator"])
    ((field, (shape, dtype)),) = domain.spec(attrs["game"], emulator).observation.items()
    (folder / DATA).mkdir(parents=True)
    storage = MinariStorage.new(
        folder / DATA,
        observation_space=_box(shape, np.dtype(dtype)),
        action_space=spaces.Discrete(len(split.actions)),
        data_format="hdf5",
        jpeg_encoding=False,
    )
    storage.update_episodes(_episodes(split, domain, emulator, field, demos))
    storage.update_metadata(
        {
            "dataset_id": f"ilscaling/{attrs['game']}-{split.name}-v0",
            "minari_version": minari.__version__,
            "algorithm_name": str(attrs["expert"]),
            "description": f"{attrs['domain']} {attrs['game']}, emulator {attrs['emulator']}, "
            f"actions {', '.join(split.actions)}",
        }
    )


def _box(shape: tuple, dtype: np.dtype) -> spaces.Box:
    if dtype.kind == "f":
        return spaces.Box(-np.inf, np.inf, shape, dtype)
    limits = np.iinfo(dtype)
    return spaces.Box(limits.min, limits.max, shape, dtype)


def _episodes(
    split: store.Split, domain: RecordedGames, emulator: Model, field: str, demos: str | Path
) -> Iterator:
    """The episodes of a split as Minari takes them, one after the other."""
    from minari.data_collector import EpisodeBuffer

    game = domain.lane(split.attrs["game"], emulator)
    try:
        for number, seed in enumerate(split.table["seed"]):
            start, stop = (int(edge) for edge in split.starts[number : number + 2])
            actions = split.read("action", start, stop)
            rewards = split.read("reward", start, stop)
            seen = [game.reset(np.array([seed]))[field][0].copy()]
            over = np.zeros(len(actions), bool)
            truncated = np.zeros(len(actions), bool)
            for at, (action, reward) in enumerate(zip(actions, rewards, strict=True)):
                step = game.step(np.array([action]))
                seen.append(step.observation[field][0].copy())
                over[at] = step.done[0] & ~step.truncated[0]
                truncated[at] = step.done[0] & step.truncated[0]
                if step.reward[0] != reward:
                    raise _another(split, number, at, demos)
            # A recording may end before the game does.
            truncated[-1] |= not over[-1]
            stored = split.read(field, start, stop)
            same = (stored == np.stack(seen[:-1])).reshape(len(stored), -1).all(1)
            if not same.all():
                raise _another(split, number, int(same.argmin()), demos)
            yield EpisodeBuffer(
                seed=int(seed),
                observations=np.stack(seen),
                actions=actions.astype(np.int64),
                rewards=rewards,
                terminations=over,
                truncations=truncated,
                infos={},
            )
    finally:
        game.close()


def _another(split: store.Split, number: int, at: int, demos: str | Path) -> StoreError:
    return StoreError(
        f"played again, episode {number} of {split.name} is another from step {at:,} on",
        where=str(demos),
        fix="export with the versions that recorded it: "
        + ", ".join(f"{name} {number}" for name, number in split.attrs["versions"].items()),
    )
