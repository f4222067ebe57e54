"""From a policy network to the probabilities that the playing loop samples from."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from ilscaling.policies.reading import read, tensors

# The last bits of a row of logits depend on the shape of the batch it is computed in: of stacks
# with one to three rows against four and more, of sequences where tensors do not end with a vector.
# In blocks of so many rows, filled up to a multiple of FEW or whole, an episode is the same
# whatever plays beside it. A GPU takes other kernels for any other number of rows: always whole.
ROWS, FEW = 16, 4


def probabilities(policy: nn.Module, stacks: np.ndarray, temperature: float) -> np.ndarray:
    """Action probabilities of a policy of stacks.

    The result of a row is a function of (policy, row) alone on one machine and thread count.

    Parameters
    ----------
    policy
        Of a family of stacks.
    stacks
        In the game's own type, such as uint8 (lanes, frames, 84, 84).
    temperature
        Divides the logits; 0 puts all weight on the largest (the first of equals).

    Returns
    -------
    np.ndarray
        float64 (lanes, actions).
    """
    device = _device(policy)
    whole = FEW if device.type == "cpu" else ROWS
    padded = torch.from_numpy(stacks[_padded(np.arange(len(stacks)), whole)])
    return _chances(lambda block: policy(padded[block].to(device)), len(stacks), temperature)


def step(
    policy: nn.Module,
    batch: dict[str, np.ndarray],
    state: dict[str, torch.Tensor],
    lanes: np.ndarray,
    temperature: float,
) -> np.ndarray:
    """Action probabilities of a sequence policy in some lanes, whose states move on by the frame.

    The result of a row is a function of (policy, row) alone on one machine and thread count.

    Parameters
    ----------
    policy
        Of a sequence family.
    batch
        One frame a lane, {field: (all lanes, ...)} with `previous` and `first`.
    state
        Name -> tensor (all lanes, ...), of which the rows `lanes` are changed in place.
    lanes
        Where the policy plays, int64 (n,).
    temperature
        As of `probabilities`.

    Returns
    -------
    np.ndarray
        float64 (n, actions).
    """
    device, reader = _device(policy), getattr(policy, "reader", None)
    padded = _padded(lanes, ROWS)
    stretches = {name: values[padded][:, None] for name, values in batch.items()}
    rows = torch.from_numpy(padded).to(device)

    def logits(block: slice) -> torch.Tensor:
        mine = rows[block]
        before = {name: values[mine] for name, values in state.items()}
        frames = read(reader, {name: values[block] for name, values in stretches.items()})
        answer, after = policy(tensors(frames, device), before)
        # Padding repeats a lane of the last block: the same row is written twice.
        for name, values in state.items():
            values[mine] = after[name].to(values.dtype)
        return answer[:, 0]

    return _chances(logits, len(lanes), temperature)


def _device(policy: nn.Module) -> torch.device:
    return next((p.device for p in policy.parameters()), torch.device("cpu"))


def _padded(rows: np.ndarray, whole: int) -> np.ndarray:
    """`rows` with the last one repeated up to a multiple of `whole`."""
    return np.concatenate([rows, np.repeat(rows[-1:], -len(rows) % whole)])


def _chances(logits: Callable[[slice], torch.Tensor], count: int, temperature: float) -> np.ndarray:
    """Probabilities of the first `count` rows from the logits of each block of ROWS rows."""
    with torch.inference_mode():
        blocks = [logits(slice(k, k + ROWS)) for k in range(0, count, ROWS)]
        return sampling(torch.cat(blocks)[:count], temperature)


def sampling(logits: torch.Tensor, temperature: float) -> np.ndarray:
    """Probabilities that logits mean at a temperature.

    Parameters
    ----------
    logits
        (n, actions), on any device.
    temperature
        As of `probabilities`.

    Returns
    -------
    np.ndarray
        float64 (n, actions).
    """
    logits = logits.double().cpu()
    if temperature > 0:
        return (logits / temperature).softmax(1).numpy()
    best = np.zeros(logits.shape)
    best[np.arange(len(best)), logits.numpy().argmax(1)] = 1
    return best
