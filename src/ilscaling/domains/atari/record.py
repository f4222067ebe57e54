"""One recording job: an expert plays episodes until enough steps are in complete ones."""

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from ilscaling import games
from ilscaling.domains.atari import policy
from ilscaling.domains.atari.section import Emulator
from ilscaling.errors import ExpertError
from ilscaling.games import episodes, play
from ilscaling.policies.acting import probabilities


def record(
    expert: str | Path,
    game: str,
    emulator: Emulator,
    *,
    temperature: float,
    min_return: float | None = None,
    seeds: Iterable[int],
    lanes: int,
    steps: int,
    out: str | Path,
    threads: int = 1,
) -> dict:
    """Play the expert and write the recording `out` (see `episodes.write`).

    Returns its table of episodes.

    What it holds depends on `lanes` only as far as the expert's float arithmetic does.

    Raises ExpertError for an expert that is damaged, plays another game or is not known to return
    `min_return`, GameError for an unknown game or when the seeds run out.
    """
    spec = games.spec("atari", game)
    network, made = policy.load(expert, game)
    if tuple(made["actions"]) != spec.actions:
        raise ExpertError(
            f"its actions {made['actions']} are not the game's {list(spec.actions)}",
            where=str(expert),
            fix="train it with the same version of ale-py",
        )
    if min_return is not None:
        refuse_poor(expert, made, min_return)
    torch.set_num_threads(threads)
    emulators = games.make("atari", game, lanes, emulator, threads=threads)
    attributes = {
        "game": game,
        "domain": spec.domain,
        "actions": list(spec.actions),
        "emulator": emulator.model_dump(),
        "temperature": float(temperature),
        "expert": {
            "digest": made["sha256"],
            **{k: made[k] for k in ("algorithm", "steps", "width") if k in made},
        },
        "versions": {name: version(name) for name in ("ale-py", "numpy", "torch")},
    }

    def act(stacks: np.ndarray, episode: np.ndarray) -> np.ndarray:
        return probabilities(network, stacks, temperature)

    player = play.Stacks(policy.STACK, act)
    try:
        return episodes.write(out, emulators, player, attributes, seeds=seeds, steps=steps)
    finally:
        emulators.close()


def refuse_poor(expert: str | Path, made: dict, least: float) -> None:
    """Raise ExpertError unless the record `made` of an expert says that it returns `least`: as
    measured over whole games, or else in the last games of its training."""
    measured = made.get("measured", {}).get("return_mean", made.get("training_score_mean_100"))
    if measured is not None and measured >= least:
        return
    known = "nobody has measured its return" if measured is None else f"it returns {measured:g}"
    raise ExpertError(
        f"{known}, and the study wants at least {least:g} (expert.min_return)",
        where=str(expert),
        fix="ilscaling measure-expert measures it; another comes from expert.ppo with other "
        "settings or from ilscaling import-expert; null takes any",
    )
