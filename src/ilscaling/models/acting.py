"""From a policy network to the probabilities that the playing loop samples from."""

import numpy as np
import torch
from torch import nn

# The last bits of a row of logits depend on the shape of the batch it is computed in, seen with
# one to three rows against more. With one shape for all, an episode is the same whatever plays
# beside it.
ROWS = 16


def probabilities(policy: nn.Module, stacks: np.ndarray, temperature: float) -> np.ndarray:
    """Action probabilities float64 (lanes, actions) for stacks uint8 (lanes, frames, 84, 84).

    `temperature` divides the logits; 0 puts all weight on the largest (the first of equals). The
    result of a row is a function of (policy, row) alone on one machine and thread count.
    """
    device = next((p.device for p in policy.parameters()), torch.device("cpu"))
    lanes = len(stacks)
    padded = np.zeros((-(-lanes // ROWS) * ROWS, *stacks.shape[1:]), np.uint8)
    padded[:lanes] = stacks
    with torch.inference_mode():
        blocks = [policy(block.to(device)) for block in torch.from_numpy(padded).split(ROWS)]
        logits = torch.cat(blocks)[:lanes].double().cpu()
        if temperature > 0:
            return (logits / temperature).softmax(1).numpy()
    best = np.zeros(logits.shape)
    best[np.arange(lanes), logits.numpy().argmax(1)] = 1
    return best
