"""One episode as JSON: what the record of an unfinished cell keeps for the next attempt."""

import numpy as np

from ilscaling.games.play import Episodes


def to_json(episode: Episodes) -> dict:
    """The only episode of `episode`, ready for JSON."""
    return {
        "seed": int(episode.seeds[0]),
        "return": float(episode.returns[0]),
        "length": int(episode.lengths[0]),
        "truncated": bool(episode.truncated[0]),
        "extras": {name: values[0].item() for name, values in episode.extras.items()},
    }


def from_json(entry: dict) -> Episodes:
    """The episode that `to_json` wrote."""
    return Episodes(
        np.array([entry["seed"]], np.int64),
        np.array([entry["return"]], np.float64),
        np.array([entry["length"]], np.int64),
        np.array([entry["truncated"]], bool),
        {name: np.array([value]) for name, value in entry["extras"].items()},
    )
