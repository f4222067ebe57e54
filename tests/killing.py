"""Processes that are killed at random moments and started again."""

import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

# tqdm's own lock is shared by forked processes: one that is killed while it holds it leaves every
# later one waiting for ever.
tqdm.set_lock(threading.RLock())


def until_done(target: Callable, args: tuple, out: Path, kills: int) -> None:
    """Run `target(*args)` in processes of their own until one ends; the first `kills` are killed.

    Where fewer than two could be killed, on a fast machine, it is run again from an empty `out`
    with moments half as far apart.
    """
    context, random = multiprocessing.get_context("fork"), np.random.default_rng(kills)
    within, killed = 0.6, 0
    while True:
        child = context.Process(target=target, args=args)
        child.start()
        if killed < kills:
            child.join(random.uniform(0.05, 1) * within)
            if child.is_alive():
                os.kill(child.pid, signal.SIGKILL)
        child.join()
        if child.exitcode == 0 and killed >= 2:
            return
        if child.exitcode == 0:
            shutil.rmtree(out)
            within, killed = within / 2, 0
            assert within > 0.01, "it ends before it can be killed"
        else:
            assert child.exitcode == -signal.SIGKILL
            killed += 1
