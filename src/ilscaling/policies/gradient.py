"""Arithmetic of policy gradients: advantages of a rollout, PPO's loss of a batch."""

import numpy as np
import torch
from torch.nn import functional as F


def advantages(
    rewards: np.ndarray,
    values: np.ndarray,
    done: np.ndarray,
    truncated: np.ndarray,
    *,
    discount: float,
    trace: float,
) -> np.ndarray:
    """Generalised advantage estimates (Schulman et al., ICLR 2016, equation 16).

    Parameters
    ----------
    rewards
        Of a step, (steps, lanes).
    values
        Of the state before each step, and of the last one's successor: (steps + 1, lanes).
    done, truncated
        Whether the episode ends with the step, and by a limit of ours alone; bool (steps, lanes).
        What would have followed a truncated one is not shown: the value of its last state stands
        for it.
    discount, trace
        Gamma and lambda.

    Returns
    -------
    np.ndarray
        float64 (steps, lanes); with `values` they are the value's targets.
    """
    following = np.where(truncated, values[:-1], np.where(done, 0.0, values[1:]))
    errors = rewards + discount * following - values[:-1]
    estimates = np.zeros(rewards.shape)
    last = np.zeros(rewards.shape[1])
    for step in reversed(range(len(rewards))):
        last = errors[step] + discount * trace * ~done[step] * last
        estimates[step] = last
    return estimates


def surrogate(
    logits: torch.Tensor,
    actions: torch.Tensor,
    before: torch.Tensor,
    advantage: torch.Tensor,
    clip: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """PPO's clipped loss (Schulman et al. 2017, equation 7) and the mean entropy of the policy.

    Parameters
    ----------
    logits
        (samples, actions).
    actions
        int64 (samples,), those that were played.
    before
        Their log-probabilities then, (samples,).
    advantage
        (samples,); brought to mean 0 and deviation 1 here.
    clip
        Epsilon: how far the ratio of probabilities may move from 1.
    """
    logs = F.log_softmax(logits, 1)
    ratio = (logs.gather(1, actions[:, None])[:, 0] - before).exp()
    if len(advantage) > 1:
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    loss = -torch.minimum(advantage * ratio, advantage * ratio.clamp(1 - clip, 1 + clip)).mean()
    return loss, -(logs.exp() * logs).sum(1).mean()
