"""An expert for NetHack: it walks about, and goes down whatever stairs it sees."""

from pathlib import Path

import numpy as np

from ilscaling.domains.expert import Act, Expert
from ilscaling.domains.nethack.game import ACTIONS, ESC, KEYS

# Key of a step of (rows, columns): north is up.
STEPS = dict(zip([(-1, 0), (0, 1), (1, 0), (0, -1), (-1, 1), (1, 1), (1, -1), (-1, -1)],
                 "kljhunby", strict=True))  # fmt: skip
WALKS, DOWN = [KEYS.index(ord(key)) for key in STEPS.values()], KEYS.index(ord(">"))
LEAVE = KEYS.index(ESC)


def player(file: Path | None) -> Act:
    """The player; it sees what a terminal shows, {field: (lanes, ...)}."""

    def act(seen: dict[str, np.ndarray], fresh: np.ndarray) -> np.ndarray:
        weights = np.zeros((len(fresh), len(ACTIONS)))
        for lane, (chars, cursor) in enumerate(
            zip(seen["tty_chars"], seen["tty_cursor"], strict=True)
        ):
            if cursor[0] == 0:  # a question stands in the first line
                weights[lane, LEAVE] = 1
                continue
            weights[lane, WALKS] = 0.1
            weights[lane, DOWN] = 0.1  # the stairs are not seen while one stands on them
            stairs = np.argwhere(chars[:22] == ord(">"))
            if len(stairs):
                way = tuple(np.sign(stairs[0] - cursor.astype(int)))
                weights[lane, KEYS.index(ord(STEPS.get(way, ">")))] += 1
        return weights

    return act


EXPERT = Expert(name="descender", player=player)
