"""The family `transformer`: the layers of Llama (Touvron et al. 2023) over a window of frames."""

import math
from dataclasses import dataclass

from ilscaling.params import TrainSequences
from ilscaling.policies.config import NARROW, SMALLEST, Config, reader
from ilscaling.policies.costs import Costs
from ilscaling.policies.family import Family
from ilscaling.policies.layers import PolicyLayer

# Of rotary positions (Su et al. 2021).
BASE = 10_000.0


@dataclass(frozen=True)
class TransformerConfig(Config):
    """Widths of a transformer; a layer more every 64."""

    family = "transformer"
    layer_width = 64

    @property
    def heads(self) -> int:
        return max(1, round(math.sqrt(self.size) / 2))

    @property
    def head(self) -> int:
        """Width of an attention head, about 2 sqrt(d) and even for the rotation."""
        return 2 * math.ceil(self.size / (2 * self.heads))

    @property
    def attention(self) -> int:
        return self.heads * self.head

    @property
    def turns(self) -> list[float]:
        """Radians by which each pair of a head's features turns from frame to frame."""
        return [BASE ** (-pair / self.head) for pair in range(0, self.head, 2)]

    @property
    def hidden(self) -> int:
        """Width inside the feed-forward network: 8/3 d to the nearest multiple of 8."""
        return 8 * max(1, round(self.size / 3))


def layers(size: int, **shape) -> tuple[PolicyLayer, ...]:
    """Layers of a policy; attention counts every frame of a stretch with every other, as executed:
    their scores, and the weighted sum."""
    config = TransformerConfig(size, **shape)
    trunk = []
    for number in range(config.depth):
        products = 2 * config.context * config.attention
        trunk += [
            PolicyLayer(f"attention.{number}", 4 * size * config.attention, products=products),
            PolicyLayer(f"feedforward.{number}", 3 * size * config.hidden),
        ]
    return config.around(trunk)


def build(size: int, **shape):
    """The policy that `layers` describes."""
    from ilscaling.policies.transformer.network import Policy

    return Policy(TransformerConfig(size, **shape))


def players(networks: list, lanes: int):
    """The compiled step, up to the width where PyTorch is the faster.

    Parameters
    ----------
    networks
        Of one architecture.
    lanes
        Games side by side.

    Returns
    -------
    CompiledPlayers or None
        None for wide networks, and for those on a GPU.
    """
    from ilscaling.policies.transformer.compiled import Players

    return Players.of(networks, lanes)


FAMILY = Family(
    "transformer",
    layers,
    build,
    SMALLEST,
    settings=TrainSequences,
    sees=("tty_chars",),
    order="shuffled",
    reader=reader,
    players=players,
    narrow=NARROW,
    repeatable=True,
    costs=Costs(measured=(16, 96)),
)
