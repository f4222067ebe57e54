"""One run on several devices: a process each, started by torchrun, that share every batch.

All ranks hold the same weights, moments and curve and take the same decisions. Each computes on
its part of the batch that one device would take, and DDP averages the gradients, so a run differs
from that of one device by rounding alone. The first rank writes; what it writes does not tell how
many there were, but for the record.
"""

import inspect
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import distributed, nn

from ilscaling.errors import TrainingError

LAUNCHED = "TORCHELASTIC_RUN_ID"  # what torchrun alone sets
Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Ranks:
    """This process among those of its run; alone, everything here does nothing.

    Parameters
    ----------
    rank
        Its number, from 0 on.
    count
        Processes of the run.
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this one writes and reports."""
        return self.rank == 0

    def refuse(self, items: int, what: str) -> None:
        """Raise TrainingError unless a batch of so many items can be shared."""
        if items % self.count:
            raise TrainingError(
                f"a batch of {items} {what} cannot be shared by {self.count} devices",
                where="machine.gpus",
                fix=f"take at most {items & -items} GPUs for this size, or raise train.batch",
            )

    def meet(self) -> None:
        """Wait for the others: nobody writes before all have read what is there."""
        self.largest(0)

    def shared(self, policy: nn.Module) -> nn.Module:
        """The module to compute with: its backward pass averages gradients over the ranks."""
        if self.count == 1:
            return policy
        # Weights come from the seed or from a state, on every rank the same; buffers are constant.
        make = nn.parallel.DistributedDataParallel
        names = inspect.signature(make).parameters
        how = {"gradient_as_bucket_view": True}
        # By the names that this release of PyTorch has. `broadcast_buffers` is the older one, of
        # which releases with both warn; PyTorch 2.4 has no `init_sync`, and so compares weights.
        buffers = "forward_sync_buffers"
        how[buffers if buffers in names else "broadcast_buffers"] = False
        how |= {"init_sync": False} if "init_sync" in names else {}
        return make(policy, **how)

    def mean(self, loss: torch.Tensor) -> torch.Tensor:
        """Mean over the ranks, float32 ()."""
        loss = loss.detach()
        if self.count > 1:
            loss = loss.float().clone()
            distributed.all_reduce(loss)
            loss /= self.count
        return loss

    def largest(self, *values: int) -> list[int]:
        """The largest of each value on any rank: what all of them then act on."""
        if self.count == 1:
            return list(values)
        # On the CPU, which does not wait for what the device is computing.
        largest = torch.tensor(values, dtype=torch.int64)
        distributed.all_reduce(largest, distributed.ReduceOp.MAX)
        return largest.tolist()

    def any(self, marks: np.ndarray) -> np.ndarray:
        """What is true on any rank.

        Parameters
        ----------
        marks
            bool, of one shape on all ranks.

        Returns
        -------
        np.ndarray
            bool, of that shape.
        """
        if self.count == 1:
            return marks
        either = torch.from_numpy(marks.astype(np.uint8))
        distributed.all_reduce(either, distributed.ReduceOp.MAX)
        return either.numpy().astype(bool)

    def joined(self, carried: Tensors) -> Tensors:
        """What all ranks carry, their lanes one after the other.

        Parameters
        ----------
        carried
            Name -> tensor (lanes of this rank, ...).
        """
        if self.count == 1:
            return carried
        whole = {}
        for name, value in carried.items():
            parts = [torch.empty_like(value) for _ in range(self.count)]
            distributed.all_gather(parts, value.contiguous())
            whole[name] = torch.cat(parts)
        return whole

    def part(self, carried: Tensors) -> Tensors:
        """This rank's lanes of all.

        Parameters
        ----------
        carried
            Name -> tensor (lanes of all ranks, ...).
        """
        return {name: value.chunk(self.count)[self.rank] for name, value in carried.items()}


ALONE = Ranks()


@contextmanager
def join(device: str) -> Iterator[Ranks]:
    """Meet the other processes that torchrun has started for this run, if there are any."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    # Clusters set WORLD_SIZE, too, for a process that nobody else will meet.
    if count == 1 or LAUNCHED not in os.environ:
        yield ALONE
        return
    # All are on this machine: nothing need be heard outside of it.
    for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
        os.environ.setdefault(name, "lo")
    backend = "gloo"
    if device.startswith("cuda"):
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        backend = "cpu:gloo,cuda:nccl"
    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()
    distributed.init_process_group(backend)
    try:
        yield Ranks(distributed.get_rank(), count)
    finally:
        distributed.destroy_process_group()


def _leave_with(parent: int) -> None:
    """Nobody else tells a process that the torchrun above it was killed."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
