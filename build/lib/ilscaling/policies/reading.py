"""From arrays of the CPU to what a policy takes on its device."""

import numpy as np
import torch

# Tensors, or named tuples of them such as `frames.FrameFeatures`.
Batch = dict[str, torch.Tensor | tuple]


def tensors(batch: dict[str, np.ndarray | tuple], device: str | torch.device = "cpu") -> Batch:
    """A batch of arrays, or of named tuples of them, as tensors on a device."""
    kind = torch.device(device).type
    return {name: _onto(device, kind, values) for name, values in batch.items()}


def _onto(device, kind: str, values: np.ndarray | tuple) -> torch.Tensor | tuple:
    if isinstance(values, tuple):
        return type(values)(*(_onto(device, kind, value) for value in values))
    tensor = torch.from_numpy(values)
    return tensor if kind == "cpu" else tensor.pin_memory().to(device, non_blocking=True)


def read(reader, stretches: dict[str, np.ndarray]) -> dict[str, np.ndarray | tuple]:
    """Stretches {field: (B, T, ...)} with `previous` and `first` as their policy takes them.

    reader: the policy's (see `policies.build`), None: it takes the fields as they are.
    """
    if reader is None:
        return stretches
    order = np.arange(len(stretches["first"]))
    rest = {name: v for name, v in stretches.items() if name not in (*reader.fields, "previous")}
    return rest | {"frames": reader.read(stretches, order)}
