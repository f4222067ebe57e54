"""Layers as the FLOP ledger counts them, without torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """A convolution without padding, or a linear layer (kernel and stride 1, one position).

    Parameters
    ----------
    name
        Of the layer.
    inputs, outputs
        Channels or features.
    kernel, stride
        Side of the square kernel, and its step, in positions.
    before, after
        Positions (height x width) that the layer reads from and writes to.
    passes
        A training step's cost in forward passes.
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


@dataclass(frozen=True)
class PolicyLayer:
    """One layer of a sequence policy.

    A frame costs 2 FLOPs an entry of its matrices, and 2 a multiply-add with no weight in it
    (attention); looking a row of a table up costs none.

    Parameters
    ----------
    name
        Of the layer.
    matrices, tables, biases
        Entries of its weights, by kind.
    products
        Multiply-adds a frame with no weight in them.
    """

    name: str
    matrices: int = 0
    tables: int = 0
    biases: int = 0
    products: int = 0

    @property
    def params(self) -> int:
        return self.matrices + self.tables + self.biases

    def flops(self, convention: str) -> tuple[int, int]:
        """FLOPs a frame forward and in training. All inputs need gradients, so that training
        costs three forward passes. `published` is 6 N D here, as in Tuyls et al. (TMLR 2024)."""
        exact = convention == "exact"
        forward = 2 * (self.matrices + self.products if exact else self.params)
        return forward, 3 * forward
