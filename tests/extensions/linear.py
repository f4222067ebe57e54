"""A rate that falls in a straight line over the second half of a budget."""

from ilscaling.schedules.schedule import Schedule


class Linear(Schedule):
    name = "linear"
    reads = frozenset({"final"})

    def shared(self, settings, end: int) -> int:
        return end // 2

    def factor(self, settings, update: int, end: int) -> float:
        begin = self.shared(settings, end)
        gone = max(0.0, (update - begin) / (end - begin))
        return 1 - (1 - settings.final) * gone

    def words(self, settings, number) -> str:
        return f"falling in a straight line to {number(settings['final'])} of the rate"


SCHEDULE = Linear()
