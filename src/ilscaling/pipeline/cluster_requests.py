"""What a job asks of a cluster: megabytes and minutes, from the plan's costs.

Snakemake does not look at these on one machine. A further attempt asks for more, for memory or
time may be what ended the last one; training goes on from its state, whatever the limit.
"""

import math
from dataclasses import dataclass

from ilscaling.plan import Cost

MARGIN = 4.0  # the plan's speeds are another machine's
SHORTEST, LONGEST = 15, 24 * 60  # minutes: starting on a busy node; the limit of many partitions
BASE, ROOM = 3_000, 1.5  # MB that a process with CUDA may take of the host; on the plan's memory


@dataclass(frozen=True)
class Request:
    """What a job is expected to take.

    Parameters
    ----------
    seconds
        Of its work.
    megabytes
        Most memory that it takes.
    """

    seconds: float
    megabytes: float

    def runtime(self, attempt: int) -> int:
        """Time limit of an attempt (1, 2, ...) in minutes."""
        return min(LONGEST, attempt * max(SHORTEST, math.ceil(MARGIN * self.seconds / 60)))

    def mem_mb(self, attempt: int) -> int:
        return attempt * math.ceil(self.megabytes)


def job(cost: Cost, processes: int = 1) -> Request:
    """What a job asks for.

    Parameters
    ----------
    cost
        By the plan; its memory is of one process.
    processes
        How many the job has.
    """
    return Request(cost.seconds, BASE + ROOM * processes * cost.memory / 1e6)


def ingest_threads(cores: int | None) -> int:
    """Half of the cores of one machine: a job that waits for all of them would come last of all.

    Parameters
    ----------
    cores
        Of the machine; None: on a cluster, for which 8 are given.
    """
    return 8 if cores is None else max(1, cores // 2)
