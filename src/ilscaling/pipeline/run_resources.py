"""What a job takes of the machine: GPUs by the run's parameters, threads by its share of the work.

Neither is in any key. The same study runs on two cores and on eight GPUs, whose updates differ by
rounding alone; on a CPU an explicit `train.threads` makes them the same to the last byte.
"""

import math
from collections.abc import Collection

from ilscaling import plan, policies
from ilscaling.errors import ParamsError
from ilscaling.grid import Run
from ilscaling.params import Params
from ilscaling.pipeline import gpu_allocator
from ilscaling.pipeline.keys import Keys

# Training FLOPs of an update that a further CPU thread is worth; benchmarks/threads.py measures it.
WORTH_A_THREAD = 5e8
# On a GPU the processor reads and decodes, copies, and starts the GPU's kernels. Not measured.
CORES_A_GPU = 4


def gpus(params: Params, cells: list[plan.Cell]) -> float:
    """GPUs of a run: 1, 2, 4, ..., or the share of one.

    Parameters
    ----------
    params
        Of the study, whose section `machine` says it by number of parameters.
    cells
        The run's.
    """
    return params.machine.gpus(cells[-1].params)


def refuse(keys: Keys) -> None:
    """Raise ParamsError if a run would take more GPUs than its batch can be shared by."""
    for run, cells in keys.runs.items():
        train = keys.params.games[run.game].train
        wanted, items = gpus(keys.params, cells), cells[-1].batch
        if policies.get(run.family).order is not None:
            items //= train.context
        if wanted > items:
            raise ParamsError(
                f"{run.name} of {run.game} would take {wanted:g} GPUs, and its batch holds"
                f" {items} items to share",
                where="params: machine.gpus",
                fix=f"give at most {items} GPUs to {cells[-1].params} parameters, or raise"
                f" games.{run.game}.train.batch",
            )


def threads(keys: Keys, run: Run, waiting: Collection[Run], cores: int | None) -> int:
    """CPU threads for training a run.

    Those of its settings, or for 'auto' as many as let it end with the others that are waiting: its
    share of their work, of all cores. So runs that are as long as each other take a thread each if
    there are more of them than cores, and share the cores if there are fewer; one that is longer
    than the rest together takes more. On GPUs each takes what feeds them, or its share of that;
    PyTorch has `train.threads` of these where they are a number.

    Parameters
    ----------
    keys
        Of the study.
    run
        The run.
    waiting
        Runs that are still to be trained.
    cores
        Of this machine; None where jobs go to a cluster, for GPUs too.
    """
    cells, train = keys.runs[run], keys.params.games[run.game].train
    on_gpus = cores is None or bool(gpu_allocator.devices())
    if on_gpus:
        devices = gpus(keys.params, cells)
        own = 1 if train.threads == "auto" else max(1, int(devices)) * train.threads
        return max(own, round(CORES_A_GPU * devices))
    if train.threads != "auto":
        return train.threads
    work = {one: _seconds(keys, one) for one in {*waiting, run}}
    fair = cores * work[run] / math.fsum(work.values())
    last = cells[-1]
    useful = int(last.batch * last.per_sample / WORTH_A_THREAD)
    return max(1, min(round(fair), useful, cores))


def _seconds(keys: Keys, run: Run) -> float:
    return plan.train_cost(keys.params.games[run.game], keys.runs[run]).seconds
