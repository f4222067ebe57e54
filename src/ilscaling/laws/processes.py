"""Work on games, shared out over processes."""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

from ilscaling import registry

Result = TypeVar("Result")


def of_each(function: Callable[..., Result], work: Sequence[tuple], processes: int) -> list[Result]:
    """`function(*one)` for each of `work`, in its order.

    Parameters
    ----------
    function
        Of a module, for it is pickled; extensions that are loaded here are loaded there, too.
    work
        Arguments of each call.
    processes
        How many at once, which changes no result.
    """
    if processes == 1 or len(work) <= 1:
        return [function(*one) for one in work]
    with ProcessPoolExecutor(
        min(processes, len(work)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=registry.load,
        initargs=(registry.loaded(),),
    ) as pool:
        return list(pool.map(function, *zip(*work, strict=True)))
