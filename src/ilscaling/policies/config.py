"""What the families that play NetHack share: how its screen is laid out, and the widths and layers
of their encoder, without torch.

One dial, the width d; the rest follows by rules. With 121 actions, parameters run from 10,444 at
d = 4 over 20k at d = 8 or 9 and 0.19M at d = 45 to 193M and 200M at d = 991 and 992 (transformer),
d = 2252 and 2296 (lstm).
"""

import math
from dataclasses import dataclass

from ilscaling.errors import ParamsError
from ilscaling.policies.layers import PolicyLayer

# The screen: 24 rows of 80, of which the map fills rows 1 to 21.
ROWS, COLUMNS = 24, 80
MAP_ROWS = (1, 22)
# Kinds of cells that embeddings tell apart; the first of them are the grey printable characters.
KINDS, PLAIN = 192, 96
CROP = 9
PATCH = (3, 8)
PATCHES = (MAP_ROWS[1] - MAP_ROWS[0]) // PATCH[0] * (COLUMNS // PATCH[1])
# Numbers of the status lines, each in so many buckets.
NUMBERS, BUCKETS = 14, 32
SMALLEST = 4
# On a CPU, widths below which bfloat16 is the slower type (see `learning.precision`).
NARROW = 96


def fact_sizes(actions: int) -> list[int]:
    """Rows that each fact has in the one table of facts: previous key, row and column of the
    cursor, numbers."""
    return [actions + 1, ROWS, COLUMNS, *[BUCKETS] * NUMBERS]


@dataclass(frozen=True)
class Config:
    """Every width of a policy that plays NetHack, from its size d.

    Parameters
    ----------
    size
        d.
    context
        Frames of a stretch.
    actions
        Keys of the keyboard.
    depth
        Layers; None: by the family's rule.
    inventory
        Whether the policy sees what the player carries.
    observation
        Shape of an array that the game shows; None: it shows none, as NetHack does.

    Raises
    ------
    ParamsError
        For a size below 4, and for a game that shows an array.
    """

    size: int
    context: int
    actions: int
    depth: int | None = None
    inventory: bool = False
    observation: tuple[int, ...] | None = None

    # Set by a family: its name, and the width at which a layer more is added.
    family = ""
    layer_width = 1

    def __post_init__(self):
        if self.observation is not None:
            raise ParamsError(
                f"the family {self.family!r} sees NetHack alone",
                where="params: grid.family",
                fix="choose a family of arrays, such as 'cnn', or bring one: docs/extending.md",
            )
        if self.size < SMALLEST:
            raise ParamsError(
                f"size {self.size} is too small for the family {self.family!r}",
                where="params: grid.sizes",
                fix=f"give a width of at least {SMALLEST}",
            )
        if self.depth is None:
            object.__setattr__(self, "depth", max(2, round(self.size / self.layer_width)))

    @property
    def cell(self) -> int:
        """Width of an embedded cell of the crop."""
        return max(2, round(0.75 * math.sqrt(self.size)))

    @property
    def patch(self) -> int:
        """Channels of a patch of the map."""
        return max(1, round(0.5 * math.sqrt(self.size)))

    @property
    def words(self) -> int:
        """Rows that words are hashed to: 32 d between 256 and 8192, a power of two."""
        return 2 ** min(13, max(8, round(math.log2(32 * self.size))))

    @property
    def facts(self) -> int:
        """Rows of the table of facts."""
        return sum(fact_sizes(self.actions))

    @property
    def features(self) -> int:
        """What the encoder's matrix reads: the crop's cells and the map's patches."""
        return CROP**2 * self.cell + PATCHES * self.patch

    def around(self, trunk: list[PolicyLayer]) -> tuple[PolicyLayer, ...]:
        """All layers of a policy: those of the encoder, of its trunk, the head."""
        d = self.size
        words = [PolicyLayer("encoder.words", tables=self.words * d)]
        if self.inventory:
            words.append(PolicyLayer("encoder.inventory", tables=self.words * d))
        return (
            PolicyLayer("encoder.cells", tables=KINDS * self.cell),
            PolicyLayer("encoder.patches", tables=PATCH[0] * PATCH[1] * KINDS * self.patch),
            PolicyLayer("encoder.facts", tables=self.facts * d),
            *words,
            PolicyLayer("encoder.matrix", matrices=self.features * d),
            *trunk,
            PolicyLayer("head", matrices=d * self.actions),
        )


def reader(*, actions: int, inventory: bool = False, **_):
    """What reads NetHack's frames for a family that plays it.

    Parameters
    ----------
    actions
        Keys of the keyboard.
    inventory
        Whether the policy sees what the player carries.
    """
    from ilscaling.policies.frames import Reader

    return Reader(actions, inventory)
