"""The network of the family `cnn`: three convolutions and one linear layer."""

from collections.abc import Iterator, Sequence

import torch
from torch import nn
from torch.nn import functional as F

from ilscaling.policies.cnn.pixels import innermost
from ilscaling.policies.layers import Layer


class Policy(nn.Module):
    """screens uint8 (batch, frames, height, width) -> logits float32 (batch, actions).

    Computes in the type of the autocast around it, float32 without one.

    Parameters
    ----------
    layers
        As `layers` of the family gives them.
    """

    def __init__(self, layers: tuple[Layer, ...]):
        super().__init__()
        *convolutions, linear = layers
        self.convolutions = nn.ModuleList(
            nn.Conv2d(layer.inputs, layer.outputs, layer.kernel, layer.stride)
            for layer in convolutions
        ).to(memory_format=torch.channels_last)
        self.linear = nn.Linear(linear.inputs, linear.outputs)

    def forward(self, screens: torch.Tensor) -> torch.Tensor:
        device = self.linear.weight.device.type
        low = torch.is_autocast_enabled(device)
        x = innermost(screens, torch.get_autocast_dtype(device) if low else torch.float32)
        first = self.convolutions[0]
        # Bytes are exact in bfloat16; scaling the few weights instead of them saves a pass.
        return self._rest(F.relu_(F.conv2d(x, first.weight / 255, first.bias, first.stride)))

    def _rest(self, x: torch.Tensor) -> torch.Tensor:
        """From what the first layer says to the logits."""
        for convolution in self.convolutions[1:]:
            x = F.relu_(convolution(x))
        return self.linear(x.flatten(1)).float()

    @staticmethod
    def together(policies: Sequence["Policy"], screens: torch.Tensor) -> list[torch.Tensor]:
        """Logits of several policies on the same screens, in float32, on a CPU.

        Their first layers are one: it takes as long for AT_ONCE channels as for two, and most of a
        small policy's time. On AVX-512 the logits are the same to the bit as each policy's alone.
        """
        x = innermost(screens, torch.float32)
        logits = []
        for group in _groups(policies):
            firsts = [policy.convolutions[0] for policy in group]
            weight = torch.cat([first.weight / 255 for first in firsts])
            weight = weight.contiguous(memory_format=torch.channels_last)
            bias = torch.cat([first.bias for first in firsts])
            seen = F.relu_(F.conv2d(x, weight, bias, firsts[0].stride))
            parts = seen.split([first.out_channels for first in firsts], 1)
            for policy, part in zip(group, parts, strict=True):
                logits.append(policy._rest(part.contiguous(memory_format=torch.channels_last)))
        return logits


# Output channels that a CPU computes in the time of one: the numbers of a vector of AVX-512.
AT_ONCE = 16


def _groups(policies: Sequence[Policy]) -> Iterator[list[Policy]]:
    """Neighbours whose first layers have AT_ONCE channels together; a larger one is alone."""
    group: list[Policy] = []
    for policy in policies:
        channels = sum(one.convolutions[0].out_channels for one in (*group, policy))
        if group and channels > AT_ONCE:
            yield group
            group = []
        group.append(policy)
    yield group
