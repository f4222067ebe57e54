"""The schedule `wsd`: warm-up, stable, decay.

As Hu et al. (MiniCPM, COLM 2024) and Haegele et al. (NeurIPS 2024), who found cooldowns of 10 to
20 % of a run as good as a tuned cosine, and a fall by one minus the square root (here) better than
a linear one.
"""

import math

from ilscaling.schedules.schedule import Schedule


class WarmupStableDecay(Schedule):
    """All but the last `cooldown` of a cell is shared."""

    name = "wsd"
    reads = frozenset({"cooldown", "final"})

    def shared(self, settings, end: int) -> int:
        return min(end - 1, round((1 - settings.cooldown) * end)) if end else 0

    def factor(self, settings, update: int, end: int) -> float:
        begin = self.shared(settings, end)
        gone = max(0.0, (update - begin) / (end - begin))
        return 1 - (1 - settings.final) * math.sqrt(gone)

    def words(self, settings, number) -> str:
        return (
            f"falling in the last {number(settings['cooldown'])} of each budget to "
            f"{number(settings['final'])} of the rate"
        )


SCHEDULE = WarmupStableDecay()
