"""The family `lstm`: residual layers of long short-term memory (Hochreiter & Schmidhuber 1997)."""

from dataclasses import dataclass

from ilscaling.params import TrainSequences
from ilscaling.policies.config import NARROW, SMALLEST, Config, reader
from ilscaling.policies.costs import Costs
from ilscaling.policies.family import Family
from ilscaling.policies.layers import PolicyLayer


@dataclass(frozen=True)
class LstmConfig(Config):
    """Widths of an LSTM; a layer more every 512."""

    family = "lstm"
    layer_width = 512


def layers(size: int, **shape) -> tuple[PolicyLayer, ...]:
    """Layers of a policy."""
    config = LstmConfig(size, **shape)
    trunk = [
        PolicyLayer(f"layers.{number}", matrices=8 * size * size, biases=8 * size)
        for number in range(config.depth)
    ]
    return config.around(trunk)


def build(size: int, **shape):
    """The policy that `layers` describes."""
    from ilscaling.policies.lstm.network import Policy

    return Policy(LstmConfig(size, **shape))


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
    from ilscaling.policies.lstm.compiled import Players

    return Players.of(networks, lanes)


FAMILY = Family(
    "lstm",
    layers,
    build,
    SMALLEST,
    settings=TrainSequences,
    sees=("tty_chars",),
    order="streams",
    reader=reader,
    players=players,
    narrow=NARROW,
    # cuDNN's LSTM repeats only under settings of its own that are slow.
    repeatable=False,
    # Not measured since its frames are read by compiled code, as the transformer's are.
    costs=Costs(measured=(16, 96)),
    label="LSTM",
)
