"""Games of NetHack for the report's terminal player: a stretch of each as small JSON.

A file is {"rows", "columns", "ground", "palette" (16 colours), "games": [game]}. A game holds
`name`, `about`, and per key, from the stretch's first: `screens` (what changed since the last
screen, from a blank one: flat [place, text, colours, ...], place = row * columns + column, a
colour a character in base 32 or one for all), `cursors` (places), `keys` (into `keyboard`:
[key, command] each), `scores`, `turns`, `levels`.
"""

import json
from pathlib import Path

import numpy as np

from ilscaling.errors import StoreError
from ilscaling.files import atomic
from ilscaling.show.figures import terminal
from ilscaling.show.figures.terminal import Play

GAP = 6  # unchanged characters that are cheaper to repeat than a new run
DIGITS = "0123456789abcdefghijklmnopqrstuv"
NAMED = {13: "Enter", 27: "Esc", 32: "Space", 127: "Del"}


def write(
    path: str | Path, games: dict[str, Play], *, frames: int = 600, limit: int = 300_000
) -> None:
    """Write the file of some games, in the order in which they are to be shown.

    Of each game the keys in which the score rises most are taken: the first such, so the opening of
    a game without points.

    Parameters
    ----------
    path
        The file (JSON).
    games
        Name -> game.
    frames
        Keys of each game, in a row.
    limit
        Bytes of each game; fewer keys are taken if they need more.

    Raises
    ------
    StoreError
        For a game without a key.
    """
    out = {
        "rows": terminal.ROWS,
        "columns": terminal.COLUMNS,
        "ground": terminal.GROUND,
        "palette": list(terminal.PALETTE),
        "games": [_within(name, play, frames, limit) for name, play in games.items()],
    }
    with atomic(path) as temporary:
        temporary.write_text(_compact(out), encoding="utf-8")


def _within(name: str, play: Play, frames: int, limit: int) -> dict:
    """The game's most rewarding stretch that is small enough."""
    if not len(play):
        raise StoreError("a game without a key cannot be shown", where=name)
    length = min(frames, len(play))
    while True:
        first = stretch(play, length)
        game = {"name": name, **_encoded(play, first, first + length)}
        size = len(_compact(game))
        if size <= limit or length <= 2:
            return game
        length = max(2, int(0.9 * length * limit / size))


def stretch(play: Play, length: int) -> int:
    """Where the keys in a row begin in which the score rises most.

    Parameters
    ----------
    play
        The game.
    length
        How many keys, from 1 to those of the game.

    Returns
    -------
    int
        Index of the first key, of several such stretches that of the first.
    """
    return int(np.argmax(play.scores[length:] - play.scores[:-length]))


def _encoded(play: Play, first: int, stop: int) -> dict:
    levels, turns = play.status()
    used, keys = np.unique(play.action[first:stop], return_inverse=True)
    where = f"Keys {first + 1:,} to {stop:,} of {len(play):,}"
    if stop - first == len(play):
        where = f"All {len(play):,} keys"
    elif play.scores[stop] > play.scores[first]:
        where += ", in which the score rises most"
    return {
        "about": f"{where}. The game ends with {play.scores[-1]:,} points on dungeon level "
        f"{levels[-1]} in turn {turns[-1]:,}.",
        "first": first + 1,
        "screens": list(_changes(play.chars[first:stop], play.colors[first:stop])),
        "cursors": [int(r) * terminal.COLUMNS + int(c) for r, c in play.cursor[first:stop]],
        "keys": keys.tolist(),
        "keyboard": [key_name(int(action)) for action in used],
        "scores": play.scores[first:stop].tolist(),
        "turns": turns[first:stop].tolist(),
        "levels": levels[first:stop].tolist(),
    }


def _changes(chars: np.ndarray, colors: np.ndarray):
    """The runs that turn each screen into the next, from a blank one; arrays (T, 24, 80)."""
    count = len(chars)
    # A blank has no colour unless it is inverse.
    colors = np.where((chars == ord(" ")) & (colors < terminal.INVERSE), 0, colors)
    shown = np.full(terminal.ROWS * terminal.COLUMNS, ord(" "), np.uint8)
    painted = np.zeros(len(shown), np.int8)
    for text, ink in zip(chars.reshape(count, -1), colors.reshape(count, -1), strict=True):
        changed = np.flatnonzero((text != shown) | (ink != painted))
        runs: list = []
        for run in np.split(changed, np.flatnonzero(np.diff(changed) > GAP) + 1):
            if not len(run):
                continue
            start, stop = int(run[0]), int(run[-1]) + 1
            paint = "".join(DIGITS[c] for c in ink[start:stop])
            paint = paint[0] if len(set(paint)) == 1 else paint
            runs += [start, bytes(text[start:stop]).decode("latin-1"), paint]
        shown, painted = text, ink
        yield runs


def key_name(action: int) -> tuple[str, str]:
    """A key as on the keyboard, and the command it gives: ('k', 'N'), ('s', 'search')."""
    from ilscaling.domains.nethack.game import ACTIONS, KEYS

    code = KEYS[action]
    if code in NAMED:
        return NAMED[code], ""
    key = f"Alt-{chr(code & 127)}" if code > 127 else chr(code)
    key = f"Ctrl-{chr(code + 64)}" if code < 32 else key
    kind, _, name = ACTIONS[action].partition(".")
    if kind == "TextCharacters":
        return key, ""
    meaning = name if kind.startswith("Compass") else name.replace("_", " ").lower()
    return key, f"{'far ' * kind.endswith('Longer')}{meaning}"


def agent(budget: float) -> str:
    """Name of the agent trained with `budget` FLOPs: 'agent at 3.2×10¹⁰ FLOPs'."""
    mantissa, exponent = f"{budget:.1e}".split("e")
    mantissa = mantissa.removesuffix(".0")
    raised = str(int(exponent)).translate(str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"))
    factor = "" if mantissa == "1" else f"{mantissa}\N{MULTIPLICATION SIGN}"
    return f"agent at {factor}10{raised} FLOPs"


def _compact(value) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
