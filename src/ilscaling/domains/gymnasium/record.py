"""One recording job of an extension's game, played by an extension's expert."""

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from ilscaling import files, games, registry
from ilscaling.domains.gymnasium import player
from ilscaling.domains.gymnasium.game import refuse_unseeded
from ilscaling.domains.gymnasium.section import Options, Player
from ilscaling.games import episodes


def record(
    expert: Player,
    game: str,
    emulator: Options,
    *,
    seeds: Iterable[int],
    lanes: int,
    steps: int,
    out: str | Path,
) -> dict:
    """Play the expert and write the recording `out` (see `episodes.write`).

    Returns its table of episodes.

    Raises ExpertError for an expert that lacks its file or answers no weights of actions, GameError
    for a game that cannot be played, or whose episodes are no function of their seeds.
    """
    refuse_unseeded(game, emulator, seed=0)
    vector = games.make("gymnasium", game, lanes, emulator)
    try:
        act = player.make(expert, vector.spec)
        played = {
            "digest": files.sha256(registry.source("EXPERT", expert.name)),
            **expert.model_dump(),
        }
        if expert.file is not None:
            played["file_digest"] = files.sha256(expert.file)
        attributes = {
            "game": game,
            "domain": vector.spec.domain,
            "actions": list(vector.spec.actions),
            "emulator": emulator.model_dump(),
            "expert": played,
            "versions": {name: version(name) for name in ("gymnasium", "numpy")},
        }
        return episodes.write(out, vector, act, attributes, seeds=seeds, steps=steps)
    finally:
        vector.close()
