"""Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019) by PyTorch's fused kernels.

PyTorch's classes of these names import its compiler, a second of every job.
"""

import torch
from torch import nn
from torch.optim.adam import adam

from ilscaling.params import Train, TrainSequences

EPSILON = 1e-8


class Adam:
    """Moments of the weights of a policy, and the update from their gradients.

    Adam for stacks, AdamW for sequences, whose weight decay is for matrices: weights of two or
    more axes but `tables`, of which a batch looks up few rows while decay would shrink all.
    """

    def __init__(self, policy: nn.Module, settings: Train | TrainSequences, tables: frozenset[str]):
        """tables: names of weights."""
        sequences = isinstance(settings, TrainSequences)
        self.beta2 = settings.beta2 if sequences else 0.999
        self.decays: dict[str, float] = {}
        self.moments: dict[str, dict[str, torch.Tensor]] = {}
        self.weights = dict(policy.named_parameters())
        for name, weight in self.weights.items():
            decayed = sequences and weight.ndim > 1 and name not in tables
            self.decays[name] = settings.weight_decay if decayed else 0.0
            # In the memory format of the weight, which the fused kernel takes for granted.
            self.moments[name] = {
                "exp_avg": torch.zeros_like(weight),
                "exp_avg_sq": torch.zeros_like(weight),
                "step": torch.zeros((), device=weight.device),
            }

    def forget(self) -> None:
        """Drop the gradients."""
        for weight in self.weights.values():
            weight.grad = None

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move the weights that have gradients, by a rate."""
        for decay in sorted(set(self.decays.values())):
            names = [
                name
                for name, weight in self.weights.items()
                if self.decays[name] == decay and weight.grad is not None
            ]
            moments = [self.moments[name] for name in names]
            adam(
                [self.weights[name] for name in names],
                [self.weights[name].grad for name in names],
                [values["exp_avg"] for values in moments],
                [values["exp_avg_sq"] for values in moments],
                [],
                [values["step"] for values in moments],
                fused=True,
                amsgrad=False,
                beta1=0.9,
                beta2=self.beta2,
                lr=rate,
                weight_decay=decay,
                decoupled_weight_decay=True,
                eps=EPSILON,
                maximize=False,
            )
