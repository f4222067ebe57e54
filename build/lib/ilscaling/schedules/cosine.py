"""The schedule `cosine`: the rate falls over all of a budget (Loshchilov and Hutter, ICLR 2017)."""

import math

from ilscaling.schedules.schedule import Schedule


class Cosine(Schedule):
    """All of a cell is its own."""

    name = "cosine"
    reads = frozenset({"final"})

    def shared(self, settings, end: int) -> int:
        return 0

    def factor(self, settings, update: int, end: int) -> float:
        begin = min(settings.warmup_steps, end - 1)
        gone = max(0.0, (update - begin) / (end - begin))
        return 1 - (1 - settings.final) * (1 - math.cos(math.pi * gone)) / 2

    def words(self, settings, number) -> str:
        return (
            "then falling by half a cosine until the end of each budget to "
            f"{number(settings['final'])} of the rate"
        )


SCHEDULE = Cosine()
