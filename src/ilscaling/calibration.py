"""Measures how fast this machine does the work of a study: the real steps, on little of it.

An expert with untrained weights (or the bot) plays, its recording becomes a store, and policies of
two sizes a family train on it and play: about 15 seconds a game's domain on one thread.
"""

import io
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ilscaling import flops, games, grid, policies, progress, registry, store
from ilscaling.errors import WorkflowError
from ilscaling.learning import precision
from ilscaling.learning import run as learning
from ilscaling.measuring.returns import all_episodes, play
from ilscaling.params import Params, Rule, Section
from ilscaling.plan import speed
from ilscaling.plan.speed import Pace, Play, Speed
from ilscaling.seeds import Purpose, seeds

EPISODE = 256  # steps at most
LANES = 8
WARM = 5  # updates
TRAIN_SECONDS = 2.5  # a size
# Of all threads of this process: what others do meanwhile does not count.
CLOCK = time.process_time


class Recorded(NamedTuple):
    """A little recorded play.

    Parameters
    ----------
    demos
        The store.
    record, shard
        Seconds a step of recording, and of making the store.
    """

    demos: Path
    record: float
    shard: float


def machine(device: str = "auto") -> dict:
    """What a calibration holds for: this machine, and the device that trains.

    Parameters
    ----------
    device
        'auto', 'cpu' or 'cuda'.
    """
    where = precision.device(device)
    return {
        "processor": precision.processor("cpu"),
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "device": precision.processor(where) if where != "cpu" else "cpu",
        "torch": torch.__version__,
    }


def here(params: Params, *, calibrate: bool = False, folder: Path = speed.FOLDER) -> Speed:
    """The speed of this machine: as measured before, if it was, else the reference.

    Parameters
    ----------
    params
        The study.
    calibrate
        Whether to measure now where anything of the study was not measured.
    folder
        Where calibrations are kept.

    Raises
    ------
    WorkflowError
        For a file that is of another machine or damaged, unless it is measured anew.
    """
    this = machine()
    path = speed.path_of(this, folder)
    if calibrate:
        try:
            measured = speed.read(path, this)
        except WorkflowError:
            path.unlink(missing_ok=True)
        else:
            if covers(measured, params):
                return measured
        measure(params, folder=folder)
    return speed.read(path, this) if path.is_file() else speed.REFERENCE


def covers(measured: Speed, params: Params) -> bool:
    """Whether all domains and families of a study that can be measured were.

    Parameters
    ----------
    measured
        What is known of this machine.
    params
        The study.
    """
    wanted = {(game.domain, game.grid.family) for game in params.games.values()}
    return all(
        domain in measured.play and family in measured.train
        for domain, family in wanted
        if registry.get("DOMAIN", domain).calibrated and policies.get(family).costs.measured
    )


def measure(params: Params, *, device: str = "auto", folder: Path = speed.FOLDER) -> Path:
    """Measure the study's domains and families, and keep what they came to.

    Parameters
    ----------
    params
        The study.
    device
        'auto', 'cpu' or 'cuda': where policies train.
    folder
        Where calibrations are kept.

    Returns
    -------
    Path
        The file that holds the speeds.
    """
    where = precision.device(device)
    plays, trains, runs = {}, {}, []
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as work, _quiet():
        for name, game in params.games.items():
            family = game.grid.family
            domain = registry.get("DOMAIN", game.domain)
            sizes = policies.get(family).costs.measured
            if not domain.calibrated or not sizes:
                continue  # its costs are those of the reference
            if game.domain in plays and family in trains:
                continue
            folder_of = Path(work) / name
            restart = _restart(name, game)
            made = domain.calibrate(name, game, folder_of, restart)
            measured = [_train(name, game, family, size, made.demos, folder_of, where)
                        for size in sizes]  # fmt: skip
            trains[family] = fit(*((run["flops"], run["seconds"]) for run in measured))
            acting = _play(name, game, folder_of, restart)
            plays[game.domain] = Play(made.record, restart, made.shard, acting)
            runs += measured
    return speed.write(machine(device), plays, trains, runs, folder)


def fit(small: tuple[float, float], large: tuple[float, float]) -> Pace:
    """Seconds a sample and a FLOP from two sizes of a family, neither negative.

    A line through both: seconds = sample + FLOPs x flop. Where the larger is no slower, all is
    overhead; where it is slower than its FLOPs, all is FLOPs.

    Parameters
    ----------
    small, large
        (training FLOPs, seconds) a sample.
    """
    (a, fast), (b, slow) = small, large
    slope = max(0.0, (slow - fast) / (b - a))
    base = fast - slope * a
    return Pace(base, slope) if base > 0 else Pace(0.0, slow / b)


@contextmanager
def _quiet() -> Iterator[None]:
    """No bars, and no progress file of a job that asked for one."""
    asked = os.environ.pop(progress.VARIABLE, None)
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        if asked is not None:
            os.environ[progress.VARIABLE] = asked


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of all threads of this process that a piece of work takes.

    Parameters
    ----------
    work
        Is called once.
    """
    began = CLOCK()
    work()
    return CLOCK() - began


def _restart(name: str, game: Section) -> float:
    """Seconds to start an episode."""
    lanes = games.make(game.domain, games.name(name, game), LANES, game.emulator)
    try:
        first, second = np.array(seeds(Purpose.CALIBRATION, count=2 * LANES)).reshape(2, LANES)
        lanes.reset(first)
        mask = np.ones(LANES, bool)
        return seconds(lambda: lanes.restart(mask, second)) / LANES
    finally:
        lanes.close()


def _short(game: Section):
    return game.emulator.model_copy(update={"max_steps": EPISODE})


def wanted(game: Section, steps: int):
    """A section's demonstrations as a calibration makes them.

    Parameters
    ----------
    game
        The section.
    steps
        Steps that were recorded: at least half of them stay to train on; dev and test get a whole
        episode each.
    """
    share = {"train_steps": steps // 2, "dev_steps": 1, "test_steps": 1}
    sizes = {"chunk_steps": 256, "shard_steps": 2_048}
    return game.demonstrations.model_copy(update={**share, **sizes, "jobs": 1})


def _train(
    name: str, game: Section, family: str, size: int, demos: Path, folder: Path, device: str
) -> dict:
    """Train a size until its speed is known: seconds and exact FLOPs a sample."""
    split = store.open_split(demos, "train")
    # The little that was recorded, on a GPU the half of it at most in one batch: two in any order.
    most = policies.get(family).costs.batch if device == "cpu" else split.steps // 2
    context = getattr(game.train, "context", 1)
    batch = max(context, min(game.train.batch_of(size), most) // context * context)
    # At a constant rate, so that a longer stretch goes on from a shorter one.
    small = {"batch": Rule(value=batch), "buffer_steps": 2_048, "checkpoint_seconds": 3_600.0}
    settings = game.train.model_copy(update={**small, "threads": 1, "schedule": "constant"})
    shape = policies.shape(settings, len(split.actions))
    each = flops.ledger(family, size, **shape).training * batch
    out, run = folder / f"{family}-{size}", grid.Run(name, family, size, 0)
    limits = grid.Limits(split.steps)

    clock = CLOCK if device == "cpu" else time.perf_counter

    def train(updates: list[int]) -> float:
        began = clock()
        budgets = [(n + 0.5) * each for n in updates]
        cells = grid.of_run(run, settings, shape, budgets, limits=limits)
        learning.run(split, settings, cells, out, device=device)
        return clock() - began

    # The first updates pay for what later ones find done. What every start costs is in both
    # stretches that follow, and so not in their difference.
    train([WARM])
    short = train([WARM, 2 * WARM])
    pace = train([WARM, 2 * WARM, 4 * WARM]) / (2 * WARM)
    more = 4 * WARM + max(4 * WARM, round(TRAIN_SECONDS / pace))
    long = train([WARM, 2 * WARM, 4 * WARM, more])
    updates = more - 5 * WARM
    return {
        "family": family, "size": size, "batch": batch, "flops": each / batch,
        "seconds": max(long - short, 0.0) / (updates * batch), "updates": updates,
        "precision": precision.resolve(settings.precision, device, family, size),
    }  # fmt: skip


def _play(name: str, game: Section, folder: Path, restart: float) -> float:
    """Seconds a step of an untrained policy of the family's smaller size, LANES games at once."""
    family, size = game.grid.family, policies.get(game.grid.family).costs.measured[0]
    actions = len(games.of(name, game).actions)
    shape = policies.shape(game.train, actions)
    policy = policies.build(family, size, **shape).eval().requires_grad_(False)
    lanes = games.make(game.domain, games.name(name, game), LANES, _short(game))
    seen = {key: shape[key] for key in ("frames", "inventory") if key in shape}
    try:
        began = CLOCK()
        first = seeds(Purpose.CALIBRATION)[0]
        played = play([policy], lanes, all_episodes(1, LANES), seed=first, **seen)
        steps = sum(int(episode.lengths[0]) for _, episode in played)
        taken = CLOCK() - began - restart * LANES
    finally:
        lanes.close()
    return max(taken, 0.0) / steps
