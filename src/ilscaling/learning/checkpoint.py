"""What a segment of training keeps on disk on its way: state, curve and times."""

import time
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from ilscaling.files import write_json
from ilscaling.grid import Spend
from ilscaling.learning import precision
from ilscaling.learning.algorithm import Learner
from ilscaling.learning.record import RunRecord
from ilscaling.learning.segments import Segment
from ilscaling.learning.state import State


class Checkpoint:
    """Writes a state that can be resumed, every `checkpoint_seconds` and at every stop.

    While a missing cell is made behind the furthest state of the run, that state stays, with its
    curve and times; the one on the way is kept beside it until it is there.

    Parameters
    ----------
    state
        What is written.
    learner
        What the algorithm gives the run, with its part of the state.
    segment
        Where it is written.
    run
        The run's record.
    spend
        FLOPs of the run up to an update, for the curve.
    """

    def __init__(
        self, state: State, learner: Learner, segment: Segment, run: RunRecord, spend: Spend
    ):
        self.state, self.learner, self.segment = state, learner, segment
        self.run, self.spend, self.batch = run, spend, run.batch
        self.furthest = segment.furthest
        self.saved_at = time.monotonic()
        self._writer = ThreadPoolExecutor(1)
        self._written: Future | None = None

    def due(self) -> bool:
        """Whether the last one is old."""
        return time.monotonic() - self.saved_at > self.state.settings.checkpoint_seconds

    def save(self, *, wait: bool = True) -> None:
        """Write curve, times and state; one that is not finite is not worth resuming.

        wait: until it is written. Else a GPU's run goes on while a thread writes the copy.
        """
        self.settle()
        self.saved_at = time.monotonic()
        if not self.state.finite():
            return
        self.write_curve()
        behind = self.state.update < self.furthest
        if self.state.team.first and not behind:
            write_json(self.segment.file("timing", ".json"), self._times())
        path = self.segment.behind if behind else self.segment.state
        write = self.state.copied(path, self.segment.digest, self.learner)

        def all_of_it() -> None:
            write()
            if self.state.team.first and not behind:
                self.segment.behind.unlink(missing_ok=True)

        if wait or torch.device(self.state.device).type == "cpu":
            all_of_it()
        else:
            self._written = self._writer.submit(all_of_it)

    def settle(self) -> None:
        """Wait for what is being written; raises what went wrong there."""
        written, self._written = self._written, None
        if written is not None:
            written.result()

    def write_curve(self) -> None:
        """Write the learning curve, unless a longer one is there."""
        self.settle()
        if self.state.team.first and self.state.update >= self.furthest:
            self.state.curve.write(
                self.segment.file("curve", ".csv"),
                batch=self.batch,
                flops=self.spend.flops,
                rate=self.state.rate,
            )

    def _times(self) -> dict:
        samples, seconds = self.state.update * self.batch, self.state.seconds
        return {
            "seconds": round(seconds, 1),
            "samples": samples,
            "samples_per_second": round(samples / seconds, 1) if seconds else None,
            "processor": precision.processor(self.state.device),
            "device": self.state.device,
            "devices": self.run.devices,
            "threads": self.run.threads,
            "precision": self.run.precision,
        }
