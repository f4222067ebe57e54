"""The network that PPO trains: the expert's policy with a value beside it, as a CPU likes it."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from ilscaling.domains.atari.policy import ExpertPolicy
from ilscaling.policies.cnn.pixels import innermost


class ActorCritic(ExpertPolicy):
    """Stacks uint8 (n, 4, 84, 84) -> logits float32 (n, actions) and values float32 (n,).

    Computes in the type of the autocast around it. Weights are orthogonal at the start, those of
    the policy's head small (Andrychowicz et al., ICLR 2021), and bear the names that the expert's
    file has.

    Parameters
    ----------
    width
        Channels and features as a multiple of the Nature CNN's.
    actions
        How many the game has.
    """

    def __init__(self, width: float, actions: int):
        super().__init__(width, actions)
        self.width, self.actions = width, actions
        self.value_net = nn.Linear(self.features.features_dim, 1)
        gains = {self.action_net: 0.01, self.value_net: 1.0}
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.orthogonal_(layer.weight, gains.get(layer, math.sqrt(2)))
                nn.init.zeros_(layer.bias)
        self.to(memory_format=torch.channels_last)

    def forward(self, screens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        device = screens.device.type
        low = torch.is_autocast_enabled(device)
        first, *rest = (part for part in self.features.cnn if isinstance(part, nn.Conv2d))
        x = innermost(screens, torch.get_autocast_dtype(device) if low else torch.float32)
        # Bytes are exact in bfloat16; scaling the few weights instead of them saves a pass.
        x = F.relu_(F.conv2d(x, first.weight / 255, first.bias, first.stride))
        for convolution in rest:
            x = F.relu_(convolution(x))
        features = self.features.linear(x.flatten(1)).float()
        # A logit's rounding in bfloat16 would be a fifth of the clip range.
        with torch.autocast(device, enabled=False):
            return self.action_net(features), self.value_net(features)[:, 0]

    def policy(self) -> ExpertPolicy:
        """The policy alone, on the CPU."""
        policy = ExpertPolicy(self.width, self.actions)
        weights = self.state_dict()
        policy.load_state_dict({name: weights[name] for name in policy.state_dict()})
        return policy
