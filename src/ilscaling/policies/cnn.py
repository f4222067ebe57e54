"""The family `cnn`: three convolutions and one linear layer, as `shapes.cnn` describes them."""

import torch
from torch import nn
from torch.nn import functional as F

from ilscaling.policies import shapes
from ilscaling.policies.pixels import innermost
from ilscaling.rows import Rows


class Policy(nn.Module):
    """screens uint8 (batch, frames, height, width) -> logits float32 (batch, actions).

    On a CPU screens may be `Rows` of a loader's. Computes in the type of the autocast around it,
    float32 without one.
    """

    def __init__(self, layers: tuple[shapes.Layer, ...]):
        super().__init__()
        *convolutions, linear = layers
        self.convolutions = nn.ModuleList(
            nn.Conv2d(layer.inputs, layer.outputs, layer.kernel, layer.stride)
            for layer in convolutions
        ).to(memory_format=torch.channels_last)
        self.linear = nn.Linear(linear.inputs, linear.outputs)

    def forward(self, screens: torch.Tensor | Rows) -> torch.Tensor:
        device = self.linear.weight.device.type
        low = torch.is_autocast_enabled(device)
        x = innermost(screens, torch.get_autocast_dtype(device) if low else torch.float32)
        first, *rest = self.convolutions
        # Bytes are exact in bfloat16; scaling the few weights instead of them saves a pass.
        x = F.relu_(F.conv2d(x, first.weight / 255, first.bias, first.stride))
        for convolution in rest:
            x = F.relu_(convolution(x))
        return self.linear(x.flatten(1)).float()


def build(size: int, **shape) -> Policy:
    """The policy that `shapes.cnn` describes."""
    return Policy(shapes.cnn(size, **shape))
