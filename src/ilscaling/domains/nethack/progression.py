"""NetHack's progression as BALROG reports it: a second return, bounded, beside the score.

How far a game came, by how many of the people who came as far have won: the larger of two
estimates, of the deepest dungeon level and of the highest experience level (Paglieri et al.,
'BALROG', ICLR 2025; its table of estimates, from games on a public server, is
`environments/nle/achievements.json` of github.com/balrog-ai/BALROG, under the MIT licence). A game
that stays on both first levels has 0; without an ascension .807 is the most.

Both levels are read from the status line of the screens that a policy saw. Where it shows a name in
place of a level (the quest's home, the planes), the deepest level before it counts.
"""

import re
from typing import NamedTuple

import numpy as np

# Share of people's games won that reached dungeon level 1, 2, ..., and experience level 1, 2, ...
DEPTH = (
    0.0, 0.015392, 0.017540, 0.021221, 0.026482, 0.035429, 0.048461, 0.069581, 0.097709, 0.125586,
    0.161268, 0.206129, 0.256604, 0.292472, 0.308812, 0.324907, 0.340079, 0.352646, 0.365488,
    0.378957, 0.392937, 0.408323, 0.425836, 0.445181, 0.466376, 0.506761, 0.554357, 0.601565,
    0.646505, 0.691311, 0.710109, 0.717646, 0.723212, 0.728441, 0.732776, 0.736853, 0.742146,
    0.747132, 0.753731, 0.761040, 0.767408, 0.772534, 0.777163, 0.781257, 0.785899, 0.789026,
    0.792972, 0.796741, 0.801847, 0.806796,
)  # fmt: skip
EXPERIENCE = (
    0.0, 0.018478, 0.020812, 0.024160, 0.029109, 0.036888, 0.050758, 0.074536, 0.117050, 0.179100,
    0.254805, 0.332649, 0.414426, 0.494039, 0.577882, 0.626122, 0.656282, 0.681022, 0.701533,
    0.717449, 0.728698, 0.737100, 0.744345, 0.751345, 0.758554, 0.764215, 0.770338, 0.775981,
    0.778335, 0.780456,
)  # fmt: skip

_STATUS = re.compile(rb"Dlvl:(\d+) .*Xp:(\d+)")
_NAMED = re.compile(rb"HP:-?\d+\(\d+\) .*Xp:(\d+)")


class Progress(NamedTuple):
    """Deepest dungeon level, highest experience level, and what they are worth, in [0, 1]."""

    depth: int
    level: int
    value: float


def of(depth: int, level: int) -> float:
    """Progression of a game.

    Parameters
    ----------
    depth
        Deepest dungeon level reached, from 1.
    level
        Highest experience level reached, from 1.

    Returns
    -------
    float
        In [0, 1].
    """
    at = min(max(depth, 1), len(DEPTH)), min(max(level, 1), len(EXPERIENCE))
    return max(DEPTH[at[0] - 1], EXPERIENCE[at[1] - 1])


def seen(screens: np.ndarray) -> Progress:
    """Progression of what the screens of a game show.

    Parameters
    ----------
    screens
        `tty_chars` uint8 (steps, 24, 80), of a game or a part of one.
    """
    depth = level = 1
    for row in screens[:, 22:].reshape(len(screens), -1):
        line = row.tobytes()
        if match := _STATUS.search(line):
            depth, level = max(depth, int(match[1])), max(level, int(match[2]))
        elif match := _NAMED.search(line):
            level = max(level, int(match[1]))
    return Progress(depth, level, of(depth, level))
