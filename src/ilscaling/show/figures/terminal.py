"""Games of NetHack as a terminal shows them: read from a store or played again, and drawn."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from ilscaling.domains.nethack.section import NetHackEmulator
from ilscaling.errors import GameError
from ilscaling.files import atomic
from ilscaling.show.titles import title
from ilscaling.store import open_split

ROWS, COLUMNS = 24, 80
# The 16 colours of curses on a dark ground; NetHack writes 'black' things as 8, so both are grey.
# A colour's bit 16 marks inverse video.
PALETTE = (
    "#6f7681", "#e5686f", "#74b566", "#c08e4e", "#5f8ff0", "#b87fe0", "#45b3bd", "#c6cbd3",
    "#868d98", "#ff9e5e", "#a5e052", "#ffd866", "#86aeff", "#ff85c8", "#7defe0", "#ffffff",
)  # fmt: skip
GROUND = "#14161a"
INVERSE = 16
# Font size whose characters are a whole number of pixels wide: width and height of one.
FONT_SIZE, CELL = 15, (9, 18)
_LEVEL, _TURN = re.compile(rb"\bDlvl:(\d+)"), re.compile(rb"\bT:(\d+)")


@dataclass(frozen=True)
class Play:
    """One game, a step a key; the screen of step i is what was seen before key i.

    Parameters
    ----------
    chars : uint8 array (T, 24, 80)
    colors : int8 array (T, 24, 80)
        See `PALETTE`.
    cursor : uint8 array (T, 2)
        Row and column.
    action : array of int (T,)
        Index into domains.nethack.game.ACTIONS.
    reward : float32 array (T,)
        Points that the key brought.
    """

    chars: np.ndarray
    colors: np.ndarray
    cursor: np.ndarray
    action: np.ndarray
    reward: np.ndarray

    def __len__(self) -> int:
        return len(self.action)

    @property
    def scores(self) -> np.ndarray:
        """Points before each key and after the last: int64 (T + 1,)."""
        return np.concatenate([[0], self.reward.astype(np.float64).cumsum()]).round().astype(int)

    def status(self) -> tuple[np.ndarray, np.ndarray]:
        """Dungeon level and turn on each screen, int64 (T,) each; where a menu hides the status
        line, those last seen."""
        values = np.ones((len(self), 2), np.int64)
        level = turn = 1
        for i, row in enumerate(self.chars[:, -1]):
            line = row.tobytes()
            level = int(m[1]) if (m := _LEVEL.search(line)) else level
            turn = int(m[1]) if (m := _TURN.search(line)) else turn
            values[i] = level, turn
        return values[:, 0], values[:, 1]


def recorded(demos: str | Path, *, split: str = "dev", rank: float = 0.5) -> Play:
    """A game of a store.

    Parameters
    ----------
    demos
        The store (demos.zarr).
    split
        Whose games are ranked by return.
    rank
        0 is the split's lowest return, 1 its highest, 0.5 the (lower) median.

    Raises
    ------
    StoreError
        For bad data.
    """
    data = open_split(demos, split)
    ranked = np.argsort(data.returns(), kind="stable")
    episode = int(ranked[int(rank * (len(ranked) - 1))])
    start, stop = int(data.starts[episode]), int(data.starts[episode + 1])
    names = ("tty_chars", "tty_colors", "tty_cursor", "action", "reward")
    return Play(*(data.read(name, start, stop) for name in names))


def replay(options: NetHackEmulator, seed: int, actions: Sequence[int]) -> Play:
    """Play a game again.

    Parameters
    ----------
    options
        The emulator that it was played with.
    seed
        Of the game.
    actions : sequence of int (T,)
        Indices into domains.nethack.game.ACTIONS.

    Raises
    ------
    GameError
        If the game ends before the last of them: it was another game.
    """
    # Only here: studies of other games need no NetHack.
    from ilscaling.domains.nethack.game import KEYS, Game

    game = Game(options)
    count = len(actions)
    chars = np.zeros((count, ROWS, COLUMNS), np.uint8)
    colors = np.zeros((count, ROWS, COLUMNS), np.int8)
    cursor = np.zeros((count, 2), np.uint8)
    reward = np.zeros(count, np.float32)
    try:
        game.start(seed)
        for i, action in enumerate(actions):
            if game.over:
                raise GameError(
                    f"the game of seed {seed} ended at key {i:,} of {count:,}",
                    where=options.role,
                    fix="replay with the emulator section that the game was played with",
                )
            seen = game.observation
            chars[i], colors[i] = seen["tty_chars"], seen["tty_colors"]
            cursor[i] = seen["tty_cursor"]
            reward[i] = game.press(KEYS[int(action)])
    finally:
        game.close()
    return Play(chars, colors, cursor, np.asarray(actions, np.uint8), reward)


def contact_sheet(
    demos: str | Path, out_png: str | Path, *, split: str = "dev", screens: int = 4
) -> None:
    """Screens at regular times, from the first to the last, of a game of median return.

    Parameters
    ----------
    demos
        The store (demos.zarr).
    out_png
        The file to write.
    split
        Whose game is shown.
    screens
        How many; fewer of a shorter game.

    Raises
    ------
    StoreError
        For bad data.
    """
    game = title(open_split(demos, split).attrs["game"])
    play = recorded(demos, split=split)
    level, turn = play.status()
    steps = np.unique(np.linspace(0, len(play) - 1, screens).round().astype(int))
    gap, line, across = 14, 24, 2
    width, height = COLUMNS * CELL[0] + gap, ROWS * CELL[1] + line + gap
    size = (across * width + gap, -(-len(steps) // across) * height + line + gap)
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    heading = (
        f"The expert in {game}: a game of median return among the {split} games, "
        f"{play.scores[-1]:,} points"
    )
    face = font("DejaVuSans", 15)
    draw.text((gap, line // 2 + 4), heading, fill="#222222", font=face, anchor="lm")
    face = font("DejaVuSans", 13)
    for place, step in enumerate(steps):
        x, y = gap + place % across * width, line + gap + place // across * height
        image.paste(screen(play.chars[step], play.colors[step], play.cursor[step]), (x, y + line))
        text = (
            f"key {step + 1:,} of {len(play):,}, turn {turn[step]:,}, dungeon level {level[step]}, "
            f"score {play.scores[step]:,}"
        )
        draw.text((x, y + line // 2), text, fill="#444444", font=face, anchor="lm")
    with atomic(out_png) as temporary:
        # A palette of what the letters are smoothed to keeps the file small and the colours true.
        image.quantize(palette=_ramps(), dither=Image.Dither.NONE).save(temporary, format="PNG")


def screen(chars: np.ndarray, colors: np.ndarray, cursor: np.ndarray) -> Image.Image:
    """One screen as an image.

    Parameters
    ----------
    chars : uint8 array (24, 80)
    colors : int8 array (24, 80)
        See `PALETTE`.
    cursor : array of int (2,)
        Row and column.
    """
    image = Image.new("RGB", (COLUMNS * CELL[0], ROWS * CELL[1]), GROUND)
    draw, face = ImageDraw.Draw(image), font("DejaVuSansMono", FONT_SIZE)
    at = np.zeros((ROWS, COLUMNS), bool)
    at[min(int(cursor[0]), ROWS - 1), min(int(cursor[1]), COLUMNS - 1)] = True
    for row, column in np.argwhere(at | (chars != ord(" ")) | (colors & INVERSE > 0)):
        x, y = int(column) * CELL[0], int(row) * CELL[1]
        ink = PALETTE[colors[row, column] % INVERSE]
        if at[row, column] or colors[row, column] & INVERSE:
            ground = PALETTE[7] if chars[row, column] == ord(" ") else ink
            draw.rectangle((x, y, x + CELL[0] - 1, y + CELL[1] - 1), fill=ground)
            ink = GROUND
        draw.text((x, y), chr(chars[row, column]), fill=ink, font=face)
    return image


def _ramps(levels: int = 12) -> Image.Image:
    """An image with the palette of a sheet: each ink blended with the ground, and greys."""
    pairs = [*((GROUND, ink) for ink in PALETTE), ("#222222", "#ffffff")]
    rgb = [[np.array(ImageColor.getrgb(colour)) for colour in pair] for pair in pairs]
    ramps = [a + (b - a) * share for a, b in rgb for share in np.linspace(0, 1, levels)]
    holder = Image.new("P", (1, 1))
    holder.putpalette(np.round(ramps).astype(np.uint8).tobytes())
    return holder


def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """A font that comes with matplotlib.

    Parameters
    ----------
    name
        Of its file, such as 'DejaVuSans'.
    size
        Pixels.
    """
    return ImageFont.truetype(Path(mpl.get_data_path()) / f"fonts/ttf/{name}.ttf", size)
