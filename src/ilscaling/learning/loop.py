"""The training loop: an update, and the way from one budget to the next."""

import time
from collections.abc import Iterator

from torch import nn

from ilscaling.interrupts import interrupts
from ilscaling.learning import feed, precision
from ilscaling.learning.algorithm import Learner
from ilscaling.learning.checkpoint import Checkpoint
from ilscaling.learning.segments import Segment
from ilscaling.learning.state import State
from ilscaling.progress import tqdm

CHECK = 50  # updates between two looks at the loss: a look waits for the device


def step(state: State, learner: Learner, batch: feed.Batch) -> None:
    """One update on a batch.

    Parameters
    ----------
    state
        Of the run; moved on by the update.
    learner
        What the algorithm gives the run: its loss is descended.
    batch
        Tensors on the run's device.
    """
    state.update += 1
    state.adam.zero_grad()
    with precision.autocast(state.device, state.type):
        loss = learner.loss(state.shared, batch)
    loss.backward()
    clip = state.clip if learner.clip is None else learner.clip
    if clip is not None:
        nn.utils.clip_grad_norm_(state.weights, clip, foreach=True)
    state.adam.move(state.rate(state.update))
    state.average()
    state.curve.add(state.update, state.team.mean(loss))


def train(
    state: State, learner: Learner, segment: Segment, checkpoint: Checkpoint, batches, bar: tqdm
) -> Iterator[str]:
    """Train along a segment.

    Parameters
    ----------
    state
        Of the run, at the segment's start.
    learner
        What the algorithm gives the run.
    segment
        Where to stop.
    checkpoint
        Keeps the state on disk.
    batches
        Of the learner, from the state's update on.
    bar
        Counts samples.

    Yields
    ------
    str
        At each stop, where the state is saved, an empty text; once losses or weights are not
        finite, why, and then no more.

    Raises
    ------
    SystemExit
        With 128 + the signal's number after SIGTERM or SIGINT; the state is saved.
    """
    with batches, interrupts() as received:
        for stop in segment.stops:
            while state.update < stop:
                began = time.perf_counter()
                learner.interact(state.policy, state.update)
                step(state, learner, feed.tensors(next(batches), state.device))
                bar.update(checkpoint.batch)
                # Where we look depends on the update alone, so that a failed run, too, ends the
                # same way each time.
                if state.update % CHECK == 0 or state.update == stop:
                    if not state.finite():
                        checkpoint.write_curve()
                        yield f"the loss or a weight is not finite after update {state.update}"
                        return
                    loss = f"{state.curve.recent(state.update):.3f}"
                    bar.set_postfix(loss=loss, refresh=False)
                state.seconds += time.perf_counter() - began
                due, signal = state.team.largest(checkpoint.due(), *received[:1] or [0])
                if due or signal:
                    checkpoint.save(wait=bool(signal))
                if signal:
                    raise SystemExit(128 + signal)
            checkpoint.save()
            yield ""  # a snapshot is taken
