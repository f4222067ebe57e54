"""Work shared among processes, whatever their number the same results."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from itertools import islice
from multiprocessing import get_context, parent_process

import zarr

_given: tuple = ()


def spread(
    function: Callable, tasks: Iterable[tuple], *, given: tuple = (), processes: int = 1
) -> Iterator:
    """Results of `function(*given, *task)` for every task, as they are done.

    Parameters
    ----------
    function
        What is called; for several processes it must survive pickling, as must its arguments and
        results.
    tasks
        Arguments of each call; only a few are taken ahead.
    given
        Arguments of all calls: sent once to every process, not with every task.
    processes
        How many work at once; 1: this one alone, which takes the tasks in order.

    Yields
    ------
    Any
        What the function returns, in the order in which calls end.
    """
    if processes <= 1:
        for task in tasks:
            yield function(*given, *task)
        return
    # A fork would copy the threads' locks of Zarr, NumPy and PyTorch in whatever state.
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _begin, (given,))
    waiting = iter(tasks)
    try:
        running = {pool.submit(_work, function, task) for task in islice(waiting, 2 * processes)}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            running |= {pool.submit(_work, function, t) for t in islice(waiting, len(done))}
            for future in done:
                yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(given: tuple) -> None:
    global _given
    _given = given
    # Nobody else tells a process that its parent was killed.
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    # One core a process: the others are at work themselves.
    zarr.config.set({"threading.max_workers": 1})


def _leave_with_parent() -> None:
    parent_process().join()
    os._exit(1)


def _work(function: Callable, task: tuple):
    return function(*_given, *task)
