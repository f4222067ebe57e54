"""The schedule `constant`: the rate stays, and a run is measured at every budget on its way."""

from ilscaling.schedules.schedule import Schedule


class Constant(Schedule):
    """All of a cell is shared."""

    name = "constant"
    branches = False

    def shared(self, settings, end: int) -> int:
        return end

    def factor(self, settings, update: int, end: int) -> float:
        return 1.0


SCHEDULE = Constant()
