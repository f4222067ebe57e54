"""The expert of an extension as the playing loop takes it."""

from pathlib import Path

import numpy as np

from ilscaling import registry
from ilscaling.domains.gymnasium.section import Player
from ilscaling.errors import ExpertError
from ilscaling.games import GameSpec
from ilscaling.games.play import Act


def make(settings: Player, game: GameSpec) -> Act:
    """Probabilities by the expert's weights w: proportional to w ** (1 / temperature), 0 being the
    best action (the first of equals), then mixed with uniform play of share `noise`.

    Raises ExpertError for a file that is missing, and at the step that gets no such weights.
    """
    if settings.file is not None and not Path(settings.file).is_file():
        raise ExpertError(
            "the expert's file is missing",
            where=f"{settings.file} (params: expert.file)",
            fix="correct the path, or null for an expert that reads none",
        )
    found = registry.get("EXPERT", settings.name)
    answer = found.player(None if settings.file is None else Path(settings.file))
    count = len(game.actions)

    def act(observation: dict[str, np.ndarray], episode: np.ndarray, fresh: np.ndarray):
        (seen,) = observation.values()
        weights = np.asarray(answer(seen, fresh), np.float64)
        wanted = (len(seen), count)
        if weights.shape != wanted or not np.isfinite(weights).all():
            raise _bad(settings.name, f"weights of shape {weights.shape}", f"finite, {wanted}")
        if (weights < 0).any() or (weights.max(1) <= 0).any():
            raise _bad(settings.name, "weights below 0, or 0 for every action", "one above 0")
        chances = _sharpened(weights, settings.temperature)
        return (1 - settings.noise) * chances + settings.noise / count

    return act


def _sharpened(weights: np.ndarray, temperature: float) -> np.ndarray:
    if temperature == 0:
        return np.eye(weights.shape[1])[weights.argmax(1)]
    powers = (weights / weights.max(1, keepdims=True)) ** (1 / temperature)
    return powers / powers.sum(1, keepdims=True)


def _bad(name: str, given: str, wanted: str) -> ExpertError:
    return ExpertError(
        f"the expert {name!r} answers {given}; wanted: {wanted}",
        where=registry.source("EXPERT", name),
        fix="answer weights (lanes, actions), not negative",
    )
