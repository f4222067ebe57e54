"""The family `cnn`, layer by layer and without torch: the FLOP ledger needs nothing else."""

from dataclasses import dataclass

from ilscaling.errors import ParamsError


@dataclass(frozen=True)
class Layer:
    """A convolution without padding, or a linear layer (kernel and stride 1, one position).

    inputs, outputs: channels or features; before, after: positions (height x width) that the
    layer reads from and writes to; passes: a training step's cost in forward passes.
    """

    name: str
    inputs: int
    outputs: int
    kernel: int = 1
    stride: int = 1
    before: int = 1
    after: int = 1
    passes: int = 3

    @property
    def weights(self) -> int:
        """Entries of the weight, each used once a position."""
        return self.inputs * self.outputs * self.kernel**2

    @property
    def params(self) -> int:
        """Trainable parameters: weight and bias."""
        return self.weights + self.outputs

    def flops(self, convention: str) -> tuple[int, int]:
        """FLOPs a sample forward and in training; `published` counts positions read from, and
        the gradient of the first layer's inputs."""
        exact = convention == "exact"
        forward = 2 * self.weights * (self.after if exact else self.before)
        return forward, (self.passes if exact else 3) * forward


def cnn(
    size: int, *, frames: int, actions: int, screen: tuple[int, int] = (84, 84)
) -> tuple[Layer, ...]:
    """The convolutional family of Tuyls et al. (TMLR 2024): the convolutions of Mnih et al.
    (Nature 2015) with `size`, 2 `size` and 2 `size` channels, and one linear layer to the logits.
    """
    layers, inputs, (height, width) = [], frames, screen
    for number, (outputs, kernel, stride) in enumerate(
        ((size, 8, 4), (2 * size, 4, 2), (2 * size, 3, 1)), start=1
    ):
        before = height * width
        height, width = ((side - kernel) // stride + 1 for side in (height, width))
        if min(height, width) < 1:
            raise ParamsError(
                f"a screen of {screen[0]} x {screen[1]} is too small for the family 'cnn'",
                fix="give screens of at least 36 x 36",
            )
        # The screens, which the first layer reads, need no gradient.
        passes = 2 if number == 1 else 3
        after = height * width
        layers.append(
            Layer(f"conv{number}", inputs, outputs, kernel, stride, before, after, passes)
        )
        inputs = outputs
    return (*layers, Layer("linear", inputs * height * width, actions))
