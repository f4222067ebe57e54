"""An episode to look at: a GIF or a video, or, of games that are text, the terminal itself."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
from PIL import Image, ImageDraw

from ilscaling.agents.episode import PlayedEpisode
from ilscaling.errors import GameError
from ilscaling.files import atomic
from ilscaling.show.figures import terminal
from ilscaling.show.figures.terminal import font

SIDE = 336  # pixels of a screen's longer side, at least
LINE = 24  # pixels of the line of text above it
COLOURS = 32  # of a GIF
SECOND = 15  # steps a second: an Atari step lasts four of sixty frames
KEYS_A_SECOND = 10
VIDEO = (".mp4", ".webm", ".mov")
# Escape sequences of a terminal.
HOME, CLEAR, PLAIN, HIDE, SHOW = "\033[H", "\033[2J", "\033[0m", "\033[?25l", "\033[?25h"


def animate(
    episode: PlayedEpisode,
    out: str | Path,
    *,
    seconds: float = 20.0,
    per_second: float | None = None,
    whole: bool = False,
) -> Path:
    """Write an episode as a GIF or, by the file's ending, as a video.

    Parameters
    ----------
    episode
        What was played.
    out
        A file .gif, .mp4, .webm or .mov.
    seconds
        How long it is, at most: of a longer episode the stretch in which the score rises most.
    per_second
        Steps a second; None: 15, of text 10.
    whole
        All of the episode, however long.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    GameError
        For a file of another kind.
    """
    out = Path(out)
    refuse_kind(out)
    rate = per_second or (KEYS_A_SECOND if episode.entry.replays else SECOND)
    length = len(episode) if whole else min(len(episode), max(2, round(seconds * rate)))
    first = stretch(episode, length)
    images = _images(episode, first, first + length)
    with atomic(out) as temporary:
        if out.suffix == ".gif":
            _gif(images, temporary, rate)
        else:
            _video(images, temporary, rate, out.suffix)
    return out


def refuse_kind(out: Path) -> None:
    """Raise GameError for a file that is neither a GIF nor a video."""
    kinds = (".gif", *VIDEO)
    if out.suffix not in kinds:
        raise GameError(
            f"an animation is a file {', '.join(kinds[:-1])} or {kinds[-1]}",
            where=str(out),
            fix=f"--out {out.with_suffix('.gif')}",
        )


def stretch(episode: PlayedEpisode, length: int) -> int:
    """Where the first `length` steps in a row begin in which the score rises most."""
    score = episode.score
    return int(np.argmax(score[length:] - score[:-length]))


def _gif(images: Iterator[Image.Image], out: Path, rate: float) -> None:
    # One palette for all: of an image only what differs from the one before is written then.
    every = list(images)
    some = [np.asarray(image)[::2] for image in every[:: max(1, len(every) // 8)]]
    palette = Image.fromarray(np.concatenate(some)).quantize(COLOURS, dither=Image.Dither.NONE)
    first, *rest = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in every]
    duration = max(20, round(100 / rate) * 10)  # a GIF counts in units of 10 ms
    first.save(
        out, format="GIF", save_all=True, append_images=rest, duration=duration, loop=0,
        optimize=False,
    )  # fmt: skip


def _video(images: Iterator[Image.Image], out: Path, rate: float, kind: str) -> None:
    # Only here: it brings ffmpeg along, which nothing else needs.
    import imageio.v2 as imageio

    options = {"format": kind, "fps": rate, "macro_block_size": 2}
    with imageio.get_writer(out, **options) as writer:
        for image in images:
            writer.append_data(np.asarray(image.convert("RGB")))


def _images(episode: PlayedEpisode, start: int, stop: int) -> Iterator[Image.Image]:
    """The steps [start, stop) as images of one size, each below a line of text."""
    text = font("DejaVuSans", 14)
    for step in range(start, stop):
        seen = picture(episode, step)
        width, height = seen.size
        image = Image.new("RGB", (width + width % 2, LINE + height + height % 2), "#14161a")
        image.paste(seen, (0, LINE))
        draw = ImageDraw.Draw(image)
        left, right = f"step {step:,}", f"score {episode.score[step]:,.6g}"
        draw.text((6, LINE // 2), left, fill="white", font=text, anchor="lm")
        draw.text((width - 6, LINE // 2), right, fill="white", font=text, anchor="rm")
        yield image


def picture(episode: PlayedEpisode, step: int) -> Image.Image:
    """What was seen before a step, as its domain draws it."""
    seen = episode.observation
    if episode.entry.replays:
        return terminal.screen(
            seen["tty_chars"][step], seen["tty_colors"][step], seen["tty_cursor"][step]
        )
    drawn = episode.entry.picture(episode.game, seen[episode.entry.shows][step])
    image = Image.fromarray(np.asarray(drawn, np.uint8)).convert("RGB")
    times = max(1, -(-SIDE // max(image.size)))
    return image.resize([times * side for side in image.size], Image.Resampling.NEAREST)


def show_in_terminal(
    episode: PlayedEpisode, *, per_second: float = KEYS_A_SECOND, out: TextIO | None = None
) -> None:
    """Play an episode of a game of text in the terminal; where that is none, its last screen.

    Parameters
    ----------
    episode
        Of a game whose screens are text.
    per_second
        Keys a second.
    out
        Where to; None: standard output.

    Raises
    ------
    GameError
        For a game whose screens are pictures.
    """
    out = out or sys.stdout
    if not episode.entry.replays:
        raise GameError(
            f"the screens of {episode.game} are pictures, which a terminal does not show",
            where=episode.game,
            fix="--out FILE.gif",
        )
    live = out.isatty()
    steps = range(len(episode)) if live else [len(episode) - 1]
    if live:
        out.write(HIDE + CLEAR)
    try:
        for step in steps:
            head = f"{episode.player}: key {step + 1:,} of {len(episode):,}"
            out.write((HOME if live else "") + f"{head}, score {episode.score[step]:,.0f}\n")
            out.write(ansi(episode, step, colour=live))
            out.flush()
            if live:
                time.sleep(1 / per_second)
    finally:
        out.write(PLAIN + SHOW if live else "")


def ansi(episode: PlayedEpisode, step: int, *, colour: bool = True) -> str:
    """A screen of text as lines for a terminal, with its 16 colours if wanted."""
    chars = episode.observation["tty_chars"][step]
    colors = episode.observation["tty_colors"][step]
    lines = []
    for row, inks in zip(chars, colors, strict=True):
        text = bytes(row).decode("latin-1")
        if not colour:
            lines.append(text.rstrip())
            continue
        line, before = [], None
        for letter, ink in zip(text, inks.tolist(), strict=True):
            if ink != before:
                code = 30 + ink % 8 if ink % terminal.INVERSE < 8 else 90 + ink % 8
                line.append(f"{PLAIN}\033[{code}m" + ("\033[7m" if ink & terminal.INVERSE else ""))
                before = ink
            line.append(letter)
        lines.append("".join(line) + PLAIN)
    return "\n".join(lines) + "\n"
