"""What a policy family says of its costs before anything runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """How fast a family trains, in seconds.

    Parameters
    ----------
    sample, flop, update
        A sample, a training FLOP (counted exactly) and an update take so long, all together.
    reading
        The loader's thread needs so long for a sample meanwhile: the least that one takes.
    """

    sample: float
    flop: float
    update: float = 0.0
    reading: float = 0.0

    def seconds(self, samples: float, per_sample: float, batch: int) -> float:
        """Seconds of training.

        Parameters
        ----------
        samples
            How many.
        per_sample
            Training FLOPs of each, counted exactly.
        batch
            Samples an update.
        """
        return samples * max(
            self.reading, self.sample + per_sample * self.flop + self.update / batch
        )


@dataclass(frozen=True)
class Costs:
    """Costs of a family where nobody has measured, and how they are measured.

    Parameters
    ----------
    pace
        On one thread of a shared server with AVX512-BF16 (docs/measurements.md).
    reading
        Seconds in which one thread reads and copies a sample for a GPU.
    measured
        Two sizes whose difference tells samples from FLOPs; empty: `calibrate` leaves it out.
    batch
        Samples an update while they are measured; larger ones only take longer.
    """

    pace: Pace = Pace(1 / 42_000, 1 / 1.0e11)
    reading: float = 1 / 800_000
    measured: tuple[int, ...] = ()
    batch: int = 1024
