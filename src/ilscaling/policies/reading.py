"""From arrays of the CPU to what a policy takes on its device."""

import numpy as np
import torch

# Tensors, or named tuples of them such as `frames.FrameFeatures`.
Batch = dict[str, torch.Tensor | tuple]


def tensors(batch: dict[str, np.ndarray | tuple], device: str | torch.device = "cpu") -> Batch:
    """A batch of arrays, or of named tuples of them, as tensors on a device.

    Parameters
    ----------
    batch
        Name -> array, or a named tuple of arrays; tensors pass as they are.
    device
        Where they go; on a CPU they share the arrays' memory.

    Returns
    -------
    dict
        The same names. Of stretches on a GPU there is also `begins` bool (T,), on the CPU: at which
        of their steps a game begins in any lane.
    """
    kind = torch.device(device).type
    made = {name: _onto(device, kind, values) for name, values in batch.items()}
    if "first" in batch and kind != "cpu":
        # Where any lane's game begins, for who would have to wait for the device to tell.
        made["begins"] = torch.from_numpy(batch["first"].any(0))
    return made


def _onto(device, kind: str, values: np.ndarray | tuple | torch.Tensor) -> torch.Tensor | tuple:
    if isinstance(values, torch.Tensor):
        return values  # there already
    if isinstance(values, tuple):
        return type(values)(*(_onto(device, kind, value) for value in values))
    tensor = torch.from_numpy(values)
    return tensor if kind == "cpu" else tensor.pin_memory().to(device, non_blocking=True)


def read(reader, stretches: dict[str, np.ndarray]) -> dict[str, np.ndarray | tuple]:
    """Stretches as their policy takes them.

    Parameters
    ----------
    reader
        The policy's (see `policies.build`), None: it takes the fields as they are.
    stretches
        {field: (B, T, ...)} with `previous` and `first`.

    Returns
    -------
    dict
        With `frames`, what the reader says, in place of the fields that it reads and of `previous`.
    """
    if reader is None:
        return stretches
    order = np.arange(len(stretches["first"]))
    rest = {name: v for name, v in stretches.items() if name not in (*reader.fields, "previous")}
    return rest | {"frames": reader.read(stretches, order)}
