"""The floor of the loss: the entropy of the expert's own distribution, which is stored.

No policy that sees what the expert sees has an expected cross-entropy below it (Cover and Thomas,
Elements of Information Theory, 2nd ed. 2006, section 2.3).
"""

import numpy as np

from ilscaling.store.ratio import Estimate, ratio
from ilscaling.store.split import EXPERT_PROBS, Split


def distribution(stored: np.ndarray) -> np.ndarray:
    """Probabilities that sum to one, of what is stored in few digits.

    Parameters
    ----------
    stored
        float16 (n, actions).

    Returns
    -------
    np.ndarray
        float64 (n, actions).
    """
    probabilities = stored.astype(np.float64)
    return probabilities / probabilities.sum(1, keepdims=True)


def entropies(expert: np.ndarray) -> np.ndarray:
    """Entropy of each row of probabilities.

    Parameters
    ----------
    expert
        float64 (n, actions); a probability of 0 adds nothing.

    Returns
    -------
    np.ndarray
        Nats, float64 (n,).
    """
    return -(expert * np.log(np.where(expert > 0, expert, 1.0))).sum(1)


def expert_entropy(split: Split) -> Estimate | None:
    """Mean entropy of the expert's distribution over the steps of a split.

    Parameters
    ----------
    split
        Of which `expert_probs` is read, a shard at a time.

    Returns
    -------
    Estimate or None
        Nats a step, with its standard error over episodes; None where the expert says its actions
        alone.
    """
    if not split.says_distribution:
        return None
    sums = np.zeros(split.episodes)
    for start in range(0, split.steps, split.shard_steps):
        stop = min(start + split.shard_steps, split.steps)
        episode = split.read("episode", start, stop)
        values = entropies(distribution(split.read(EXPERT_PROBS, start, stop)))
        sums += np.bincount(episode, values, split.episodes)
    return ratio(sums, np.diff(split.starts))
