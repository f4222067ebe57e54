"""The family `mission`: a transformer over views, directions and a mission in words (BabyAI)."""

from dataclasses import dataclass

from ilscaling.params import TrainSequences
from ilscaling.policies.config import SMALLEST
from ilscaling.policies.costs import Costs, Pace
from ilscaling.policies.family import Family
from ilscaling.policies.layers import PolicyLayer
from ilscaling.policies.transformer import TransformerConfig

# A cell of a view: type of object (11), colour (6), state of a door (4 with room to spare).
TYPES, COLOURS, STATES = 11, 6, 4
KINDS = TYPES * COLOURS * STATES
CELLS = 7 * 7
DIRECTIONS = 4
WORDS, SLOTS = 33, 48  # numbers of words with 0, which is none; words of a mission at most


@dataclass(frozen=True)
class MissionConfig(TransformerConfig):
    """Widths of a policy, from its size d.

    With `context` 1 it has no memory at all: it does not see the action before, either.
    """

    family = "mission"

    @property
    def channels(self) -> int:
        """Features of a cell."""
        return max(4, round(self.size / 4))

    @property
    def said(self) -> int:
        """Width of what the mission says: a scale and a shift of each channel, and a vector."""
        return 2 * self.channels + self.size

    @property
    def features(self) -> int:
        """What the encoder's matrix reads."""
        return CELLS * self.channels

    @property
    def remembers(self) -> bool:
        """Whether the policy sees anything of before."""
        return self.context > 1

    def around(self, trunk: list[PolicyLayer]) -> tuple[PolicyLayer, ...]:
        """All layers: those of the encoder, of the trunk, the head."""
        d = self.size
        before = [PolicyLayer("encoder.before", tables=(self.actions + 1) * d)]
        return (
            PolicyLayer("encoder.kinds", tables=KINDS * self.channels),
            PolicyLayer("encoder.words", tables=WORDS * self.said),
            PolicyLayer("encoder.slots", tables=SLOTS * self.said),
            PolicyLayer("encoder.directions", tables=DIRECTIONS * d),
            *(before if self.remembers else []),
            PolicyLayer("encoder.matrix", matrices=self.features * d),
            *trunk,
            PolicyLayer("head", matrices=d * self.actions),
        )


def layers(size: int, **shape) -> tuple[PolicyLayer, ...]:
    """Layers of a policy; attention counts every frame of a stretch with every other, as executed.

    Parameters
    ----------
    size
        d, the width of a layer.
    shape
        Actions, context and depth, as `policies.shape` gives them.
    """
    config = MissionConfig(size, **shape)
    trunk = []
    for number in range(config.depth):
        products = 2 * config.context * config.attention
        trunk += [
            PolicyLayer(f"attention.{number}", 4 * size * config.attention, products=products),
            PolicyLayer(f"feedforward.{number}", 3 * size * config.hidden),
        ]
    return config.around(trunk)


def build(size: int, **shape):
    """The policy that `layers` describes.

    Parameters
    ----------
    size, shape
        Arguments of `layers`.
    """
    from ilscaling.policies.mission.network import Policy

    return Policy(MissionConfig(size, **shape))


FAMILY = Family(
    "mission",
    layers,
    build,
    SMALLEST,
    settings=TrainSequences,
    sees=("view",),
    order="shuffled",
    # On a GPU the gradients of its tables are sums in an order of their own each time.
    repeatable=False,
    costs=Costs(Pace(1 / 20_000, 1 / 3.0e10)),
)
