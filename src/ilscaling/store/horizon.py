"""The expert's return up to a step of its episodes."""

from collections.abc import Sequence

import numpy as np

from ilscaling.store.split import Split


def returns_after(splits: Sequence[Split], horizons: Sequence[int]) -> dict[int, float]:
    """Mean return of whole episodes up to each of some steps.

    What has ended before counts in full.

    Parameters
    ----------
    splits
        Whose episodes are taken together.
    horizons
        Steps from an episode's start.

    Returns
    -------
    dict
        Steps -> mean return over all episodes, points of the game.
    """
    if not horizons:
        return {}
    sums = dict.fromkeys(horizons, 0.0)
    for split in splits:
        reward = split.read("reward", 0, split.steps).astype(np.float64)
        step = np.arange(split.steps) - np.repeat(split.starts[:-1], np.diff(split.starts))
        for steps in horizons:
            sums[steps] += float(reward[step < steps].sum())
    episodes = sum(split.episodes for split in splits)
    return {steps: total / episodes for steps, total in sums.items()}
