"""A mean over the steps of whole episodes, and its standard error."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """A mean over steps, and its standard error.

    Parameters
    ----------
    mean
        In the quantity's own unit.
    se
        Over episodes; None for a single episode.
    """

    mean: float
    se: float | None


def ratio(sums: np.ndarray, sizes: np.ndarray) -> Estimate:
    """Mean of a quantity over the steps of m sampled episodes, and its standard error.

    The steps of an episode are not independent, the episodes are, and their lengths are random
    too: R = sum y / sum n is a ratio of two means over clusters, with variance
    m / (m - 1) * sum (y - R n)^2 / (sum n)^2 (Cochran, Sampling Techniques, 3rd ed. 1977, sections
    2.11 and 9A.1; no correction for a finite population).

    Parameters
    ----------
    sums
        The quantity's sum y in each episode, (m,).
    sizes
        Steps n of each, (m,).
    """
    sums, sizes = np.asarray(sums, np.float64), np.asarray(sizes, np.float64)
    count, total = len(sizes), sizes.sum()
    mean = sums.sum() / total
    if count < 2:
        return Estimate(float(mean), None)
    variance = count / (count - 1) * ((sums - mean * sizes) ** 2).sum() / total**2
    return Estimate(float(mean), float(np.sqrt(variance)))
