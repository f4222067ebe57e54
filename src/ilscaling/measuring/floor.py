"""What a policy is worth under the distribution that the expert's actions were drawn from.

The cross-entropy of a demonstrated action is drawn once a step; its expectation under the expert's
distribution has the same mean and no chance of the draw in it:

    expected loss = -sum_a p(a) ln q(a) = H(p) + KL(p || q)

in nats, p the expert, q the policy. H(p) is the floor (`store.floor`), and the excess over it the
Kullback-Leibler divergence.
"""

import numpy as np
import torch

from ilscaling.store import floor


def against(logits: torch.Tensor, stored: np.ndarray) -> dict[str, torch.Tensor]:
    """What a policy is worth under the expert's distribution, at each of n steps.

    Parameters
    ----------
    logits
        Of the policy, float64 (n, actions), on the CPU.
    stored
        `expert_probs` of the steps, float16 (n, actions).

    Returns
    -------
    dict
        `expected_loss` and `kl`, nats, float64 (n,) each.
    """
    probabilities = floor.distribution(stored)
    expert, logs = torch.from_numpy(probabilities), logits.log_softmax(1)
    # An action that the expert never takes costs nothing, whatever the policy says of it.
    expected = -torch.where(expert > 0, expert * logs, 0.0).sum(1)
    return {
        "expected_loss": expected,
        "kl": expected - torch.from_numpy(floor.entropies(probabilities)),
    }
