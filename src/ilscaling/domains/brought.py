"""Recording and measuring an expert that a study brings along, in the games of any domain."""

from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

import numpy as np

from ilscaling import files, games, registry
from ilscaling.domains.expert import Asked
from ilscaling.errors import ExpertError
from ilscaling.games import GameSpec, episodes, play
from ilscaling.games.score import summary
from ilscaling.progress import tqdm
from ilscaling.seeds import Purpose, seeds


def player(asked: Asked, game: GameSpec) -> play.Act:
    """The expert as the playing loop takes it.

    Probabilities by its weights w: proportional to w ** (1 / temperature), 0 being the best action
    (the first of equals), then mixed with uniform play of share `noise`.

    Parameters
    ----------
    asked
        Which expert, and how it is asked.
    game
        What it plays.

    Raises
    ------
    ExpertError
        For a file that is missing, and at the step that gets no such weights.
    """
    expert = registry.get("EXPERT", asked.name)
    answer = expert.player(file_of(asked))
    count = len(game.actions)

    def weighed(observation, fresh: np.ndarray) -> np.ndarray:
        weights = np.asarray(answer(observation, fresh), np.float64)
        wanted = (len(fresh), count)
        if weights.shape != wanted or not np.isfinite(weights).all():
            raise _bad(asked.name, f"weights of shape {weights.shape}", f"finite, {wanted}")
        if (weights < 0).any() or (weights.max(1) <= 0).any():
            raise _bad(asked.name, "weights below 0, or 0 for every action", "one above 0")
        return play.mixed(sharpened(weights, asked.temperature), asked.noise)

    last = None if expert.frames is None else play.LastFrames(expert.frames)

    def act(observation: dict[str, np.ndarray], episode: np.ndarray, fresh: np.ndarray):
        if last is not None:
            return weighed(last(observation, fresh), fresh)
        alone = next(iter(observation.values())) if len(observation) == 1 else observation
        return weighed(alone, fresh)

    return act


def file_of(asked: Asked) -> Path | None:
    """The file that an expert reads, None if it reads none.

    Parameters
    ----------
    asked
        Which expert, and how it is asked.

    Raises
    ------
    ExpertError
        If the file is missing.
    """
    if asked.file is None:
        return None
    if not Path(asked.file).is_file():
        raise ExpertError(
            "the expert's file is missing",
            where=f"{asked.file} (params: expert.file)",
            fix="correct the path, or null for an expert that reads none",
        )
    return Path(asked.file)


def sharpened(weights: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities that weights mean at a temperature.

    Parameters
    ----------
    weights
        float64 (lanes, actions), none below 0, one above 0 in each row.
    temperature
        0: all for the largest, the first of equals.

    Returns
    -------
    np.ndarray
        float64 (lanes, actions), proportional to weights ** (1 / temperature).
    """
    if temperature == 0:
        return np.eye(weights.shape[1])[weights.argmax(1)]
    powers = (weights / weights.max(1, keepdims=True)) ** (1 / temperature)
    return powers / powers.sum(1, keepdims=True)


def record(
    asked: Asked,
    domain: str,
    game: str,
    emulator,
    *,
    seeds: Iterable[int],
    lanes: int,
    steps: int,
    out: str | Path,
    threads: int = 1,
) -> None:
    """Play the expert and write the recording `out`, or let it record itself.

    Parameters
    ----------
    asked
        Which expert, and how it is asked.
    domain, game, emulator
        What is played, and how it is run.
    seeds
        One a whole episode, as many as `steps` steps together take.
    lanes
        Episodes side by side.
    steps
        How many are wanted, at least.
    out
        The recording.
    threads
        CPU threads that step the lanes.
    """
    expert = registry.get("EXPERT", asked.name)
    if expert.record is not None:
        expert.record(emulator, seeds, steps, Path(out), file_of(asked))
        return
    vector = games.make(domain, game, lanes, emulator, threads=threads)
    try:
        attributes = {
            **vector.spec.attributes(emulator),
            "expert": described(asked),
            "versions": {name: version(name) for name in ("gymnasium", "numpy")},
        }
        act = player(asked, vector.spec)
        episodes.write(
            out, vector, act, attributes, seeds=seeds, steps=steps,
            says_distribution=expert.says_distribution,
        )  # fmt: skip
    finally:
        vector.close()


def described(asked: Asked) -> dict:
    """Who played, for the attributes of what was recorded: parameters, digests of code and file."""
    code = [files.sha256(file) for file in registry.files("EXPERT", asked.name)]
    facts = {"digest": code[0] if len(code) == 1 else files.digest(code), **asked.model_dump()}
    if asked.file is not None:
        facts["file_digest"] = files.sha256(asked.file)
    return facts


def measure(
    asked: Asked, domain: str, game: str, emulator, *, episodes: int, seed: int,
    lanes: int = 8, threads: int = 1,
) -> dict:  # fmt: skip
    """Play whole episodes with an expert.

    Parameters
    ----------
    asked
        Which expert, and how it is asked.
    domain, game, emulator
        What is played, and how it is run.
    episodes
        How many are played.
    seed
        Number of the first episode of `seeds.Purpose.EXPERT`; the others follow.
    lanes
        Episodes side by side.
    threads
        CPU threads that step the lanes.

    Returns
    -------
    dict
        Their `summary`.
    """
    vector = games.make(domain, game, min(lanes, episodes), emulator, threads=threads)
    bar = tqdm(total=episodes, unit="episode", desc=f"expert in {game}")
    try:
        played = play.rollout(
            vector,
            player(asked, vector.spec),
            seeds=seeds(Purpose.EXPERT, seed, count=episodes),
            progress=bar.update,
        )
    finally:
        bar.close()
        vector.close()
    return summary(played)


def facts(expert: dict) -> dict[str, str]:
    """What the attributes of a store say of who played it, for the report."""
    shown = {"player": f"{expert['name']} of an extension", "SHA-256": expert["digest"]}
    if expert["file"] is not None:
        shown |= {"file": expert["file"], "SHA-256 of the file": expert["file_digest"]}
    return {**shown, "temperature": f"{expert['temperature']:g}", "noise": f"{expert['noise']:g}"}


def _bad(name: str, given: str, wanted: str) -> ExpertError:
    return ExpertError(
        f"the expert {name!r} answers {given}; wanted: {wanted}",
        where=registry.source("EXPERT", name),
        fix="answer weights (lanes, actions), not negative",
    )
