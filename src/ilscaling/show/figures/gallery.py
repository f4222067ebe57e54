"""The expert at play: pictures of its recorded episodes. Which ones are drawn, a domain says.

A contact sheet shows a few episodes. An animation shows the best one: screens as the policy gets
them (square and grey), enlarged without smoothing.
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ilscaling import registry
from ilscaling.files import atomic
from ilscaling.show.figures import style
from ilscaling.show.figures.style import title
from ilscaling.store import Split, open_split

STEP_MS = 70  # a step lasts 4 of 60 frames, 67 ms; GIF counts in units of 10 ms
GREYS = 64  # colours of the animation: Atari screens use far fewer


def pictures(demos: str | Path, folder: str | Path, name: str) -> dict[str, Path]:
    """Draw what is shown of a store of demonstrations.

    Parameters
    ----------
    demos
        The store (demos.zarr).
    folder
        Where to: expert-`name`.png and so on.
    name
        Of the files.

    Returns
    -------
    dict
        Caption -> file.

    Raises
    ------
    StoreError
        For bad data.
    """
    domain = open_split(demos, "dev").attrs["domain"]
    files = paths(domain, folder, name)
    for picture, path in zip(
        registry.get("DOMAIN", domain).pictures(), files.values(), strict=True
    ):
        picture.draw(demos, path)
    return files


def paths(domain: str, folder: str | Path, name: str) -> dict[str, Path]:
    """Where `pictures` puts what it draws of a game.

    Parameters
    ----------
    domain
        Name of the game's domain, which says what is shown.
    folder, name
        See `pictures`.

    Returns
    -------
    dict
        Caption -> file.
    """
    shown = registry.get("DOMAIN", domain).pictures()
    return {picture.caption: Path(folder) / f"expert-{name}{picture.ending}" for picture in shown}


def contact_sheet(
    demos: str | Path,
    out_png: str | Path,
    *,
    split: str = "dev",
    episodes: int = 3,
    frames: int = 7,
) -> None:
    """Observations at regular times of a few episodes, from the lowest to the highest return.

    Rows are episodes at evenly spaced ranks of return, columns evenly spaced steps from the first
    to the last, each with its step and the score before it.

    Parameters
    ----------
    demos
        The store (demos.zarr).
    out_png
        The file to write.
    split
        Whose episodes are shown.
    episodes
        Rows; fewer if the split has fewer.
    frames
        Columns.

    Raises
    ------
    StoreError
        For bad data.
    """
    data = open_split(demos, split)
    domain = registry.get("DOMAIN", data.attrs["domain"])
    ranked = np.argsort(data.returns(), kind="stable")
    ranks = np.unique(np.linspace(0, len(ranked) - 1, min(episodes, len(ranked))).round())
    rows = [int(ranked[int(rank)]) for rank in ranks]
    with style.look():
        figure, axes = style.panels(len(rows), frames, width=1.35 * frames, height=1.5)
        for line, episode in zip(axes, rows, strict=True):
            start, stop, scores = _episode(data, episode)
            name = _rank(int(np.flatnonzero(ranked == episode)[0]), len(ranked))
            line[0].set_ylabel(f"{name} of {len(ranked)}\nreturn {scores[-1]:,.6g}", labelpad=6)
            steps = np.linspace(0, stop - start - 1, frames).round().astype(int)
            for ax, step in zip(line, steps, strict=True):
                seen = data.read(domain.shows, start + step, start + step + 1)[0]
                image = domain.picture(data.attrs["game"], seen)
                ax.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
                ax.set_title(f"step {step:,}, score {scores[step]:,.6g}", fontsize=6.5, pad=2.5)
                ax.set(xticks=[], yticks=[])
                ax.spines[:].set_visible(False)
        game = title(data.attrs["game"])
        figure.suptitle(f"The expert in {game}: {split} episodes by return")
        with atomic(out_png) as temporary:
            figure.savefig(temporary, format="png", metadata={"Software": None})


def animation(
    demos: str | Path,
    out_gif: str | Path,
    *,
    split: str = "dev",
    seconds: float = 8.0,
    zoom: int = 3,
    limit: int = 1_000_000,
) -> None:
    """The most rewarding stretch of the split's best episode at the game's own speed, as a GIF.

    Parameters
    ----------
    demos
        The store (demos.zarr), with `screen` among its arrays.
    out_gif
        The file to write.
    split
        Whose episode is shown.
    seconds
        Length of the stretch; it is shortened until the file has at most `limit` bytes, or two
        screens.
    zoom
        Pixels a side of a screen's pixel.
    limit
        Bytes.

    Raises
    ------
    StoreError
        For bad data.
    """
    data = open_split(demos, split)
    episode = int(np.argmax(data.returns()))
    start, stop, scores = _episode(data, episode)
    length = min(stop - start, max(2, round(1000 * seconds / STEP_MS)))
    while True:
        gains = scores[length:] - scores[:-length]
        first = int(np.argmax(gains))
        screens = data.read("screen", start + first, start + first + length)
        images = [
            _frame(screen, f"step {first + i:,}", f"score {scores[first + i]:,.6g}", zoom)
            for i, screen in enumerate(screens)
        ]
        with atomic(out_gif) as temporary:
            images[0].save(
                temporary,
                format="GIF",
                save_all=True,
                append_images=images[1:],
                duration=STEP_MS,
                loop=0,
                optimize=False,
            )
            size = temporary.stat().st_size
            if size <= limit or length <= 2:
                return
            temporary.unlink()
            length = max(2, int(0.9 * length * limit / size))
            temporary.touch()


def _episode(data: Split, episode: int) -> tuple[int, int, np.ndarray]:
    """First step, end and score before each step and after the last, float64 (steps + 1,)."""
    start, stop = int(data.starts[episode]), int(data.starts[episode + 1])
    rewards = data.read("reward", start, stop).astype(np.float64)
    return start, stop, np.concatenate([[0.0], rewards.cumsum()])


def _rank(place: int, count: int) -> str:
    """'lowest', 'median' and so on, for a place among `count` in rising order."""
    names = {0: "lowest", count - 1: "highest", (count - 1) // 2: "median", count // 2: "median"}
    names |= {0: "lowest", count - 1: "highest"}
    return names.get(place, f"rank {place + 1}")


def _frame(screen: np.ndarray, left: str, right: str, zoom: int) -> Image.Image:
    """One enlarged screen over a line of text, in the animation's fixed greys."""
    side = screen.shape[0] * zoom
    line = 7 * zoom
    font = ImageFont.truetype(
        Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", max(9, 4 * zoom)
    )
    image = Image.new("L", (side, side + line), 0)
    image.paste(Image.fromarray(screen).resize((side, side), Image.Resampling.NEAREST), (0, line))
    draw = ImageDraw.Draw(image)
    draw.text((2 * zoom, line // 2), left, fill=255, font=font, anchor="lm")
    draw.text((side - 2 * zoom, line // 2), right, fill=255, font=font, anchor="rm")
    index = (np.asarray(image).astype(np.uint16) * (GREYS - 1) + 127) // 255
    coloured = Image.fromarray(index.astype(np.uint8), mode="P")
    coloured.putpalette([level * 255 // (GREYS - 1) for level in range(GREYS) for _ in range(3)])
    return coloured
