"""Sizes and budgets of a first study, in equal steps of the logarithm.

Nobody knows beforehand where the optima of a game lie. More time therefore adds larger sizes and
budgets and keeps the smallest: what a budget trains too shortly or too long is left out, so that a
wide grid costs little more than a narrow one.
"""

import math


def ladder(low: float, high: float, *, step: float, fewest: int, most: int) -> list[float]:
    """Numbers from `low` to `high` in equal steps of the logarithm.

    Parameters
    ----------
    low, high
        The ends, both of which it holds; positive, `high` the larger.
    step
        The wanted ratio of neighbours.
    fewest, most
        How many numbers there are, whatever that makes of the ratio.
    """
    count = 1 + round(math.log(high / low) / math.log(step))
    count = min(max(count, fewest), most)
    return [low * (high / low) ** (n / (count - 1)) for n in range(count)]
