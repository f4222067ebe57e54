"""How the rate runs along a run, and how much of a cell its run's larger budgets go on from.

A cell consists of a shared part, which it has in common with the larger budgets of its run (the
trunk), and a part of its own (the branch), in which the rate falls:

    constant   all of it is shared: a run is measured at every budget on its way
    cosine     all of it is its own: the rate falls over the whole budget
    wsd        warm-up, stable, decay: all but the last `cooldown` of the budget is shared

Cosine as Loshchilov and Hutter (ICLR 2017); wsd as Hu et al. (MiniCPM, COLM 2024) and Haegele et
al. (NeurIPS 2024), who found cooldowns of 10 to 20 % of a run as good as a tuned cosine, and a fall
by one minus the square root (here) better than a linear one.

Functions take the `train` section of a game as `settings`.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

# Settings of branches, on which no trunk depends, and those of them that a schedule does not read.
OF_BRANCHES = {"cooldown", "final"}
UNREAD = {"constant": OF_BRANCHES, "cosine": {"cooldown"}, "wsd": set()}


def shared(settings, end: int) -> int:
    """Updates of a cell of `end` updates that larger budgets of its run go on from."""
    if settings.schedule == "constant":
        return end
    if settings.schedule == "cosine":
        return 0
    return min(end - 1, round((1 - settings.cooldown) * end)) if end else 0


def factor(settings, update: int, end: int | None) -> float:
    """Adam's rate at an update (the first is 1) as a share of the full one.

    end: the update at which it has fallen to `settings.final`; None: it never falls.
    """
    warm = settings.warmup_steps
    rise = min(1.0, update / max(1, warm))
    if end is None:
        return rise
    cosine = settings.schedule == "cosine"
    begin = min(warm, end - 1) if cosine else shared(settings, end)
    gone = max(0.0, (update - begin) / (end - begin))
    fallen = (1 - math.cos(math.pi * gone)) / 2 if cosine else math.sqrt(gone)
    return rise * (1 - (1 - settings.final) * fallen)


def own(settings, end: int) -> int:
    """Updates of a cell's own part."""
    return end - shared(settings, end)


def added(settings, ends: Sequence[int]) -> list[int]:
    """Updates that each cell of a run adds to those before it; `ends` rise."""
    reached = [0, *(shared(settings, end) for end in ends)]
    return [end - before for before, end in zip(reached, ends, strict=False)]


def trunk(settings, ends: Sequence[int]) -> list[int]:
    """Updates at which branches leave a run's trunk, rising, each once and after the start."""
    leaves = [shared(settings, end) for end in ends]
    return [b for a, b in pairwise([0, *leaves]) if b > a]
