"""Frames on a GPU: sent there once, from which batches of stacks are gathered.

A stack of four frames is four times as large as what is new in it, and its frames are in other
stacks, too. So a buffer's frames are sent as they are, and a batch is places among them. Where all
of a split's frames fit on the device they are sent once for the whole run.
"""

import numpy as np
import torch

from ilscaling import gpu_share
from ilscaling.store import Split
from ilscaling.store.memory import HOST, Arrays, Memory

# Of the device's memory that a job may take, the part that a split's frames may fill: the rest is
# for weights, activations and other jobs.
RESIDENT = 0.4
PIECE = 8_192  # steps that are sent at once


class DeviceMemory(Memory):
    """The memory of a GPU.

    Frames are read into memory that the device can copy from by itself; no call waits for it but
    `settle`, in the loader's thread.

    Parameters
    ----------
    device
        A GPU, such as 'cuda'.
    """

    def __init__(self, device: str):
        self.device = device

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        kind = torch.from_numpy(np.empty(0, dtype)).dtype
        return torch.empty(shape, dtype=kind, pin_memory=True).numpy()

    def put(self, arrays: Arrays) -> tuple[dict, torch.cuda.Event]:
        there = {name: self._sent(values) for name, values in arrays.items()}
        copied = torch.cuda.Event()
        copied.record()
        return there, copied

    def settle(self, placed) -> None:
        if placed is not None and placed[1] is not None:
            placed[1].synchronize()

    def take(self, placed, rows: np.ndarray) -> dict[str, torch.Tensor]:
        places = torch.from_numpy(rows).pin_memory().to(self.device, non_blocking=True)
        return {name: values[places] for name, values in placed[0].items()}

    def join(self, pieces: list[torch.Tensor]) -> torch.Tensor:
        return torch.cat(pieces)

    def hold(self, split: Split) -> tuple[dict, None] | None:
        fields = {name: split.fields[name] for name in split.observation}
        steps = split.steps
        size = sum(steps * int(np.prod(shape)) * kind.itemsize for shape, kind in fields.values())
        free, total = torch.cuda.mem_get_info(self.device)
        if size > RESIDENT * min(free, gpu_share.share() * total):
            return None
        there = {}
        for name, (shape, kind) in fields.items():
            frames = self.empty((min(PIECE, steps), *shape), kind)
            type = torch.from_numpy(frames).dtype
            there[name] = torch.empty((steps, *shape), dtype=type, device=self.device)
            for start in range(0, steps, PIECE):
                piece = frames[: steps - start]
                split.read_into(name, start, piece)
                there[name][start : start + PIECE].copy_(torch.from_numpy(piece))
        return there, None

    def _sent(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values).to(self.device, non_blocking=True)


def memory(device: str) -> Memory:
    """Where batches of stacks for a device are gathered.

    Parameters
    ----------
    device
        'cpu', 'cuda' or one of several, such as 'cuda:1'.
    """
    return HOST if torch.device(device).type == "cpu" else DeviceMemory(device)
