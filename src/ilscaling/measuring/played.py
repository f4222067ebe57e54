"""Episodes of a cell that is not yet measured, as its record keeps them for the next attempt."""

import numpy as np

from ilscaling.games.play import Episodes


def entry(episode: Episodes) -> dict:
    """One episode, ready for JSON."""
    return {
        "seed": int(episode.seeds[0]),
        "return": float(episode.returns[0]),
        "length": int(episode.lengths[0]),
        "truncated": bool(episode.truncated[0]),
        "extras": {name: values[0].item() for name, values in episode.extras.items()},
    }


def episode(entry: dict) -> Episodes:
    """The episode of an entry."""
    return Episodes(
        np.array([entry["seed"]], np.int64),
        np.array([entry["return"]], np.float64),
        np.array([entry["length"]], np.int64),
        np.array([entry["truncated"]], bool),
        {name: np.array([value]) for name, value in entry["extras"].items()},
    )
