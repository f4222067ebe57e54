"""Loss of a policy on held-out demonstrations, with a standard error over whole episodes."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn

from ilscaling.learning.precision import autocast
from ilscaling.policies.reading import tensors
from ilscaling.store import GameLoader, Loader, Split

# Games side by side, and frames of all of them, in one pass of a sequence policy.
LANES, PASS = 8, 512


def dev_loss(
    policy: nn.Module,
    split: Split,
    *,
    frames: int | None = None,
    inventory: bool = False,
    batch: int = 256,
    lanes: int = LANES,
    precision: str = "float32",
    device: str = "cpu",
    cut: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict:
    """Cross-entropy (nats a step) and accuracy of `policy` over every step of `split`.

    frames: observations of a stack, of which `batch` are served at once, in order. None: a sequence
    policy, which goes through each game from its start with its state, as when it plays; `lanes`
    games at a time, which changes no more than rounding. cut: frames after which its memory is
    emptied, as between the stretches of its training (`train.context`), None: never. Returns
    dev_loss, dev_loss_se (see `ratio`), top1 (share of steps whose action is the likeliest),
    dev_steps and dev_episodes. `precision`: float32, or bfloat16 for the network alone (the
    cross-entropy is taken in float64 anyway). `progress` is called with the steps of each batch.
    """
    sums = np.zeros(split.episodes)
    hits = 0
    if frames is None:
        passes = _games(policy, split, inventory, lanes, device, cut)
    else:
        passes = _stacks(policy, split, frames, batch, device)
    with torch.inference_mode(), autocast(device, precision):
        for logits, actions, index in passes:
            logits, action = logits.double().cpu(), torch.from_numpy(actions)
            loss = torch.nn.functional.cross_entropy(logits, action, reduction="none")
            episode = np.searchsorted(split.starts, index, side="right") - 1
            sums += np.bincount(episode, loss.numpy(), split.episodes)
            hits += int((logits.argmax(1) == action).sum())
            if progress is not None:
                progress(len(action))
    mean, error = ratio(sums, np.diff(split.starts))
    return {
        "dev_loss": mean,
        "dev_loss_se": error,
        "top1": hits / split.steps,
        "dev_steps": split.steps,
        "dev_episodes": split.episodes,
    }


# Logits (n, actions), actions int64 (n,) and index int64 (n,) of n steps.
Pass = tuple[torch.Tensor, np.ndarray, np.ndarray]


def _stacks(
    policy: nn.Module, split: Split, frames: int, batch: int, device: str
) -> Iterator[Pass]:
    with Loader(split, frames=frames, batch=batch, shuffle=False, stop=split.steps) as loader:
        (field,) = split.observation
        for samples in loader:
            logits = policy(torch.from_numpy(samples[field]).to(device))
            yield logits, samples["action"], samples["index"]


def _games(
    policy: nn.Module, split: Split, inventory: bool, lanes: int, device: str, cut: int | None
) -> Iterator[Pass]:
    state, lanes = None, min(lanes, split.episodes)
    seen = {"inventory": inventory, "reader": getattr(policy, "reader", None)}
    with GameLoader(split, context=cut or max(1, PASS // lanes), lanes=lanes, **seen) as loader:
        for samples in loader:
            index = samples["index"]
            if state is not None:
                state = {name: values[: len(index)] for name, values in state.items()}
            batch = tensors(samples, device)
            logits, state = policy(batch, None if cut else state)
            # What a lane ends with is padding, which is not scored.
            real = index >= 0
            yield logits[batch["index"] >= 0], samples["action"][real], index[real]


def ratio(sums: np.ndarray, sizes: np.ndarray) -> tuple[float, float | None]:
    """Mean of a quantity over the steps of m sampled episodes, and its standard error.

    sums: its sum in each episode, sizes: steps of each, both (m,). The steps of an episode are
    not independent, the episodes are, and their lengths are random too: R = sum y / sum n is a
    ratio of two means over clusters, with variance m / (m - 1) * sum (y - R n)^2 / (sum n)^2
    (Cochran, Sampling Techniques, 3rd ed. 1977, sections 2.11 and 9A.1; no correction for a
    finite population). None for a single episode, from which no error can be told.
    """
    sums, sizes = np.asarray(sums, np.float64), np.asarray(sizes, np.float64)
    count, total = len(sizes), sizes.sum()
    mean = sums.sum() / total
    if count < 2:
        return float(mean), None
    variance = count / (count - 1) * ((sums - mean * sizes) ** 2).sum() / total**2
    return float(mean), float(np.sqrt(variance))
