"""The families `transformer` and `lstm`, layer by layer and without torch.

One dial, the width d; the rest follows by the rules of `Widths`. With 121 actions, parameters run
from 10,444 at d = 4 over 20k at d = 8 or 9 and 0.19M at d = 45 to 193M and 200M at d = 991 and 992
(transformer), d = 2252 and 2296 (lstm).
"""

import math
from dataclasses import dataclass

from ilscaling.errors import ParamsError

# The screen: 24 rows of 80, of which the map fills rows 1 to 21.
ROWS, COLUMNS = 24, 80
MAP_ROWS = (1, 22)
COLOURS = 32
# Kinds of cells that embeddings tell apart; the first of them are the grey printable characters.
KINDS, PLAIN = 192, 96
CROP = 9
PATCH = (3, 8)
PATCHES = (MAP_ROWS[1] - MAP_ROWS[0]) // PATCH[0] * (COLUMNS // PATCH[1])
# Numbers of the status lines, each in so many buckets.
NUMBERS, BUCKETS = 14, 32
SMALLEST = 4
# Of rotary positions (Su et al. 2021).
BASE = 10_000.0


@dataclass(frozen=True)
class Part:
    """One part of a policy. A frame costs 2 FLOPs an entry of its matrices, and 2 a multiply-add
    with no weight in it (attention); looking a row of a table up costs none."""

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


@dataclass(frozen=True)
class Widths:
    """Every width of a sequence policy, from its size d."""

    family: str
    size: int
    context: int
    actions: int
    depth: int
    inventory: bool

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
        """Rows of previous key, cursor and numbers of the status lines."""
        return self.actions + 1 + ROWS + COLUMNS + NUMBERS * BUCKETS

    @property
    def features(self) -> int:
        """What the encoder's matrix reads: the crop's cells and the map's patches."""
        return CROP**2 * self.cell + PATCHES * self.patch


def widths(
    family: str,
    size: int,
    *,
    context: int,
    actions: int,
    depth: int | None = None,
    inventory: bool = False,
) -> Widths:
    """Widths of a policy; raises ParamsError for a size below 4."""
    if size < SMALLEST:
        raise ParamsError(
            f"size {size} is too small for the family {family!r}",
            where="params: grid.sizes",
            fix=f"give a width of at least {SMALLEST}",
        )
    if depth is None:
        depth = max(2, round(size / {"transformer": 64, "lstm": 512}[family]))
    return Widths(family, size, context, actions, depth, inventory)


def layers(family: str, size: int, **shape) -> tuple[Part, ...]:
    """Parts of a policy: those of the encoder, the layers of the trunk, the head."""
    w = widths(family, size, **shape)
    d = w.size
    parts = [
        Part("encoder.cells", tables=KINDS * w.cell),
        Part("encoder.patches", tables=PATCH[0] * PATCH[1] * KINDS * w.patch),
        Part("encoder.facts", tables=w.facts * d),
        Part("encoder.words", tables=w.words * d),
        *([Part("encoder.inventory", tables=w.words * d)] if w.inventory else []),
        Part("encoder.matrix", matrices=w.features * d),
    ]
    for number in range(w.depth):
        if family == "lstm":
            parts.append(Part(f"layers.{number}", matrices=8 * d * d, biases=8 * d))
            continue
        # Scores and their weighted sum: every frame of a stretch with every other, as executed.
        parts += [
            Part(
                f"attention.{number}",
                matrices=4 * d * w.attention,
                products=2 * w.context * w.attention,
            ),
            Part(f"feedforward.{number}", matrices=3 * d * w.hidden),
        ]
    return (*parts, Part("head", matrices=d * w.actions))
