"""A trained expert in its game: what recording and measuring have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from ilscaling import games
from ilscaling.domains.atari import policy
from ilscaling.domains.atari.section import Emulator
from ilscaling.errors import ExpertError
from ilscaling.games import play
from ilscaling.policies.acting import probabilities


class Playing(NamedTuple):
    """The game's emulators, the expert as the playing loop takes it, what the expert's record says,
    and the attributes of what it records."""

    game: games.VectorGame
    act: play.Act
    record: dict
    attributes: dict


@contextmanager
def playing(
    expert: str | Path,
    emulator: Emulator,
    *,
    lanes: int,
    temperature: float,
    noise: float = 0.0,
    game: str | None = None,
    threads: int = 1,
) -> Iterator[Playing]:
    """An expert's file in `lanes` emulators of its game, which are closed in the end.

    Parameters
    ----------
    expert
        The expert's file.
    emulator
        How its game is run.
    lanes
        Episodes side by side.
    temperature
        Divides the logits; 0 is the best action.
    noise
        Share of steps that are played at random.
    game
        What the expert must play; None: whatever it plays.
    threads
        CPU threads that step the lanes.

    Raises
    ------
    ExpertError
        For an expert that is damaged, plays another game or has other actions than the game.
    """
    network, record = policy.load(expert, game)
    vector = games.make("atari", record["game"], lanes, emulator, threads=threads)
    try:
        if tuple(record["actions"]) != vector.spec.actions:
            raise ExpertError(
                f"its actions {record['actions']} are not the game's {list(vector.spec.actions)}",
                where=str(expert),
                fix="train it with the same version of ale-py",
            )
        known = {name: record[name] for name in ("algorithm", "steps", "width") if name in record}
        attributes = {
            **vector.spec.attributes(emulator),
            "temperature": float(temperature),
            "noise": float(noise),
            "expert": {"digest": record["sha256"], **known},
            "versions": {name: version(name) for name in ("ale-py", "numpy", "torch")},
        }
        yield Playing(vector, _act(network, temperature, noise), record, attributes)
    finally:
        vector.close()


def asked(expert: str | Path, game: str, temperature: float, noise: float) -> play.Act:
    """An expert's file as the playing loop takes it, without a game of its own.

    Parameters
    ----------
    expert
        The expert's file.
    game
        What the expert must play.
    temperature, noise
        As of `playing`.

    Raises
    ------
    ExpertError
        For an expert that is damaged or plays another game.
    """
    network, _ = policy.load(expert, game)
    return _act(network, temperature, noise)


def _act(network, temperature: float, noise: float) -> play.Act:
    return play.Stacks(
        policy.STACK,
        lambda stacks, _: play.mixed(probabilities(network, stacks, temperature), noise),
    )
