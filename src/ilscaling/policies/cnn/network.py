"""The network of the family `cnn`: three convolutions and one linear layer."""

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
        first, *rest = self.convolutions
        # Bytes are exact in bfloat16; scaling the few weights instead of them saves a pass.
        x = F.relu_(F.conv2d(x, first.weight / 255, first.bias, first.stride))
        for convolution in rest:
            x = F.relu_(convolution(x))
        return self.linear(x.flatten(1)).float()
