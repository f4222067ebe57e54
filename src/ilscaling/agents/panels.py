"""Several players of one game side by side, as a GIF: agents by budget beside the expert."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ilscaling.agents.episode import PlayedEpisode
from ilscaling.agents.film import SECOND, picture
from ilscaling.files import atomic
from ilscaling.show.figures.terminal import font

SIDE, LINE, GAP = 168, 34, 6
GREYS = 64
LIMIT = 900_000  # bytes


def side_by_side(
    episodes: dict[str, PlayedEpisode],
    out: str | Path,
    *,
    seconds: float = 12.0,
    per_second: float = SECOND,
    limit: int = LIMIT,
) -> Path:
    """Write the first steps of some episodes of one game as a GIF, a panel each.

    A panel whose episode has ended shows its last screen. It is shortened until the file has at
    most `limit` bytes.

    Parameters
    ----------
    episodes
        Name -> episode, from left to right.
    out
        The file (.gif).
    seconds, per_second
        How long it is, at most, and steps a second.
    limit
        Bytes.
    """
    out = Path(out)
    longest = max(map(len, episodes.values()))
    count = min(longest, max(2, round(seconds * per_second)))
    while True:
        first, *rest = [_frame(episodes, step) for step in range(count)]
        with atomic(out) as temporary:
            first.save(
                temporary, format="GIF", save_all=True, append_images=rest,
                duration=max(20, round(100 / per_second) * 10), loop=0, optimize=False,
            )  # fmt: skip
            size = temporary.stat().st_size
        if size <= limit or count <= 2:
            return out
        count = max(2, int(0.9 * count * limit / size))


def _frame(episodes: dict[str, PlayedEpisode], step: int) -> Image.Image:
    width = len(episodes) * (SIDE + GAP) - GAP
    image = Image.new("L", (width, LINE + SIDE), 24)
    draw, face = ImageDraw.Draw(image), font("DejaVuSans", 12)
    for place, (name, episode) in enumerate(episodes.items()):
        x, at = place * (SIDE + GAP), min(step, len(episode) - 1)
        seen = picture(episode, at).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
        image.paste(seen, (x, LINE))
        over = step >= len(episode)
        score = episode.score[-1 if over else at]
        draw.text((x + 3, 9), name, fill=255, font=face, anchor="lm")
        said = f"score {score:,.6g}{', over' if over else ''}"
        draw.text((x + 3, 25), said, fill=200, font=face, anchor="lm")
    index = (np.asarray(image).astype(np.uint16) * (GREYS - 1) + 127) // 255
    coloured = Image.fromarray(index.astype(np.uint8), mode="P")
    coloured.putpalette([level * 255 // (GREYS - 1) for level in range(GREYS) for _ in range(3)])
    return coloured
