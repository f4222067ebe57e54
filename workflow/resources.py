"""What a job asks of a cluster: megabytes and minutes, from the plan's costs.

Snakemake does not look at these on one machine. A further attempt asks for more, for memory or
time may be what ended the last one; training goes on from its state, whatever the limit.
"""

import math
from dataclasses import dataclass

from ilscaling import plan
from ilscaling.params import Atari, Game

MARGIN = 4.0  # the plan's speeds are another machine's
SHORTEST, LONGEST = 15, 24 * 60  # minutes: starting on a busy node; the limit of many partitions
PLAIN, TORCH = 2_000, 4_000  # MB: a process without torch, or with it and maybe CUDA
WORKER = 500  # MB: one more process, or one more game side by side with others
COPIES = 12  # of a policy's float32 weights: gradients, moments, averages, a copy for saving


@dataclass(frozen=True)
class Request:
    """Expected seconds of a job, and the most memory that it takes in MB."""

    seconds: float
    megabytes: float

    def runtime(self, attempt: int) -> int:
        """Time limit of an attempt (1, 2, ...) in minutes."""
        return min(LONGEST, attempt * max(SHORTEST, math.ceil(MARGIN * self.seconds / 60)))

    def mem_mb(self, attempt: int) -> int:
        return attempt * math.ceil(self.megabytes)


def train_expert(game: Atari) -> Request:
    ppo = game.expert.ppo
    return Request(ppo.steps / 500, TORCH + WORKER * ppo.lanes)


def record(game: Game) -> Request:
    """One recording job."""
    return Request(plan.record_cost(game).seconds, TORCH)


def store(game: Game, threads: int = 1) -> Request:
    """Sharding, or ingest by so many processes."""
    return Request(plan.shard_cost(game).seconds, TORCH + WORKER * threads)


def train(cells: list[plan.Cell], game: Game) -> Request:
    """One run, by its cells."""
    weights = 4 * cells[-1].params / 1e6
    return Request(plan.train_cost(game, cells).seconds, TORCH + COPIES * weights)


def evaluate(cells: list[plan.Cell], game: Game) -> Request:
    """All cells of a run; their policies and the games of all lanes live in one process."""
    weights = 4 * cells[-1].params * len(cells) / 1e6
    megabytes = TORCH + weights + WORKER * game.evaluation.lanes / 10
    return Request(plan.evaluate_cost(game, cells).seconds, megabytes)


def random(game: Game) -> Request:
    speed, wanted = plan.SPEEDS[game.domain], game.evaluation
    return Request(wanted.random_episodes * speed.episode * speed.record, PLAIN)


def ingest_threads(cores: int | None) -> int:
    """Half of the cores of one machine, for a job that waits for all of them would come last of
    all; None: on a cluster."""
    return 8 if cores is None else max(1, cores // 2)
