"""Ratios of times within one process, by rounds that alternate between what is compared.

A shared machine changes its speed by a third within minutes, so that two numbers measured one after
the other, as pytest-benchmark and asv do, say little about their ratio. Here the two take turns,
every round gives a ratio, and the median of the rounds is what is told, with its quartiles.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class Line:
    """One measured ratio: ours over `reference`; `goal` with its sense, '' without a goal."""

    item: str
    what: str
    value: float
    low: float
    high: float
    reference: str
    goal: str = ""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without one."""
        if not self.goal:
            return None
        sense, bound = self.goal.split()
        return self.value >= float(bound) if sense == ">=" else self.value <= float(bound)

    def row(self) -> dict:
        return {**asdict(self), "met": self.met}


def line(item: str, what: str, values: Iterable[float] | float, reference: str, **more) -> Line:
    """A line of the ratios of some rounds, or of one number."""
    low, middle, high = np.percentile(np.atleast_1d(np.asarray(values, float)), (25, 50, 75))
    return Line(item, what, float(middle), float(low), float(high), reference, **more)


# Of a GPU's work the processor's time says nothing: `--device cuda` takes that of the wall.
clock = time.process_time


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds that a call takes, of all threads of this process: what runs beside it on the
    machine does not count."""
    start = clock()
    work()
    return clock() - start


def rounds(*works: Callable[[], object], least: int = 7, budget: float = 4.0) -> np.ndarray:
    """CPU seconds (rounds, works) of works that take turns, after one turn to warm up.

    At least `least` rounds, and more as long as `budget` seconds last; the order turns round from
    round to round, so that none always follows the same one.
    """
    for work in works:
        work()
    found, began = [], time.perf_counter()
    while len(found) < least or time.perf_counter() - began < budget:
        taken = [0.0] * len(works)
        order = range(len(works)) if len(found) % 2 else reversed(range(len(works)))
        for number in order:
            taken[number] = seconds(works[number])
        found.append(taken)
    return np.array(found)


def settled(batches) -> None:
    """Wait until the loader's thread has filled the next buffer: its time counts where it was
    caused, and not in what takes the next turn."""
    # Blocked, not looking every millisecond: each look wakes a core and costs both threads.
    batches._ready.put(batches._ready.get())
