"""The cells of a game as plain SVG whose points say what they are: loss against parameters."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup

from ilscaling.show.words import MISSING, known, number, power_html, with_error
from ilscaling.tables import positions

WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 14, 46


@dataclass(frozen=True)
class Point:
    """A cell.

    Parameters
    ----------
    x, y : float
        Its place, pixels.
    budget : int
        From 0.
    label : str
        It in a line of text.
    details : str
        All that is said of it, as HTML.
    replay : bool
        Whether the page replays one of its games.
    """

    x: float
    y: float
    budget: int
    label: str
    details: str
    replay: bool


@dataclass(frozen=True)
class Chart:
    """A drawing.

    Parameters
    ----------
    points : list of Point
    lines : list of str
        A line a budget, as SVG's points.
    hues : list of int
        A colour a budget, degrees.
    budgets : list of Markup
        Their FLOPs.
    x_ticks, y_ticks : list of (place, label)
        Places in pixels.
    """

    points: list[Point]
    lines: list[str]
    hues: list[int]
    budgets: list[Markup]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]


def cells(table: pd.DataFrame, game: str, *, replays: bool = False) -> Chart | None:
    """The measured cells of a game; None if there are fewer than two.

    Parameters
    ----------
    table
        The results table.
    game
        The section.
    replays
        Whether the page replays a game of each budget's best cell.
    """
    mine = table[(table["game"] == game) & table["dev_loss"].notna() & (table["dev_loss"] > 0)]
    mine = mine[mine["status"] == "done"].reset_index(drop=True)
    if len(mine) < 2:
        return None
    x = _scaled(mine["params"], LEFT, WIDTH - RIGHT)
    y = _scaled(mine["dev_loss"], HEIGHT - BOTTOM, TOP)
    places = positions(mine["budget"])
    best = set(mine.groupby(places)["dev_loss"].idxmin())
    points = [
        Point(
            round(float(x(row["params"])), 1),
            round(float(y(row["dev_loss"])), 1),
            int(place),
            _label(row),
            _details(row),
            replays and number in best,
        )
        for number, (place, row) in enumerate(zip(places, mine.to_dict("records"), strict=True))
    ]
    count = int(places.max()) + 1
    return Chart(
        points,
        [
            " ".join(f"{p.x},{p.y}" for p in sorted(points, key=lambda p: p.x) if p.budget == place)
            for place in range(count)
        ],
        [round(225 + 165 * place / max(1, count - 1)) % 360 for place in range(count)],
        [power_html(mine["budget"][places == place].iloc[0], 2) for place in range(count)],
        [(round(float(x(tick)), 1), number(tick)) for tick in _ticks(mine["params"])],
        [(round(float(y(tick)), 1), number(tick)) for tick in _ticks(mine["dev_loss"])],
    )


def _scaled(values: pd.Series, start: float, stop: float):
    """A function from values to pixels, logarithmic, with a margin of 4 %."""
    low, high = np.log(values.min()), np.log(values.max())
    span = max(high - low, 1e-9)
    return lambda value: start + (stop - start) * (0.04 + 0.92 * (np.log(value) - low) / span)


def _ticks(values: pd.Series) -> list[float]:
    """Round numbers within the range: 1, 2 and 5 times powers of ten, more of a short range."""
    low, high = values.min(), values.max()
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8), np.arange(1, 10, 0.5),
                  np.arange(1, 10, 0.1)):  # fmt: skip
        powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
        ticks = [float(f"{a * b:.3g}") for b in powers for a in steps if low <= a * b <= high]
        if len(ticks) >= 3:
            return ticks[:: -(-len(ticks) // 8)]
    return [float(low), float(high)]


def _label(row: dict) -> str:
    """A cell in a line, for who cannot see its place."""
    size, budget, loss = (number(row[name]) for name in ("params", "budget", "dev_loss"))
    return f"{size} parameters, {budget} FLOPs: dev loss {loss}"


def _details(row: dict) -> str:
    """All that the panel says of a cell, as HTML."""
    loss = with_error(row["dev_loss"], row.get("dev_loss_se"))
    returned = row.get("return_mean")
    score = with_error(returned, row.get("return_se")) if known(returned) else MISSING
    size = f"size {row['size']}, " if known(row.get("size")) else ""
    flops = row["flops"] if known(row.get("flops")) else row["budget"]
    return Markup("{}{} parameters, {} training FLOPs, {} samples: dev loss {}, return {}").format(
        size, number(row["params"]), power_html(flops), power_html(row.get("samples")), loss, score
    )
