"""Rows of estimates with their intervals, one row a way of fitting: what forest plots share."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ilscaling.show import looks
from ilscaling.show.figures import style
from ilscaling.show.figures.style import title


def known(rows: pd.DataFrame) -> pd.DataFrame:
    """Those of `rows` that have a look."""
    there = [looks.has_way(*way) for way in zip(rows["method"], rows["form"], strict=True)]
    return rows.loc[np.array(there, dtype=bool)]


def blocks(
    games: list[str], lanes: dict[str, list], *, lane: float, width: float = 12.0
) -> tuple[Figure, np.ndarray]:
    """A row of panels a game, one a law, with the ways of fitting as rows of each panel.

    Parameters
    ----------
    games
        From the top down.
    lanes
        Game -> its (method, form) pairs.
    lane
        Height of a way's row, inches.
    width
        Of the figure, inches.

    Returns
    -------
    figure : Figure
    axes : array (games, laws)
        Of matplotlib's Axes; one row without games.
    """
    heights = [0.75 + lane * max(len(lanes[game]), 2) for game in games] or [1.5]
    # Laid out at the resolution of the file: hinting makes long names wider there.
    figure = Figure(figsize=(width, sum(heights)), dpi=200, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.05, h_pad=0.05)
    axes = figure.subplots(len(heights), len(looks.LAWS), squeeze=False, height_ratios=heights)
    for row, game in zip(axes, games, strict=False):
        for ax in row:
            _lanes(ax, lanes[game], named=ax is row[0])
        where = {"xy": (0, 1), "xytext": (-4, 5), "textcoords": "offset points"}
        named = {"ha": "right", "va": "bottom", "fontsize": 10}
        row[0].annotate(title(game), xycoords="axes fraction", **where, **named)
    return figure, axes


def by_law(
    data: pd.DataFrame,
    panel: Callable[[Axes, pd.DataFrame, str, list], None],
    handles: Callable[[pd.DataFrame], list],
    *,
    lane: float,
    x: str = "",
) -> Figure:
    """Blocks whose panels a function fills, with a legend below.

    Parameters
    ----------
    data
        Rows with game, law, method and form.
    panel
        (ax, rows of game and law, law, ways of the game) -> None: draws one.
    handles
        Data -> the legend's entries.
    lane
        Height of a way's row, inches.
    x
        Label below the last game's panels.
    """
    games = list(dict.fromkeys(data["game"]))
    lanes = {game: looks.ways_of(data[data["game"] == game]) for game in games}
    with style.look():
        figure, axes = blocks(games, lanes, lane=lane)
        for row, game in zip(axes, games, strict=False):
            for ax, law in zip(row, looks.LAWS, strict=True):
                panel(ax, data[(data["game"] == game) & (data["law"] == law)], law, lanes[game])
        for ax in axes[-1] if x else ():
            ax.set_xlabel(x, fontsize=8)
        if games:
            figure.legend(handles=handles(data), loc="outside lower center", ncols=4)
    return figure


def _lanes(ax: Axes, lanes: list, *, named: bool) -> None:
    ax.set_ylim(len(lanes) - 0.4, -0.6)
    ax.set_yticks(range(len(lanes)), [looks.way(*way).label for way in lanes] if named else [])
    ax.tick_params(axis="y", length=0, labelsize=7.5)
    ax.tick_params(axis="x", labelsize=7)
    ax.spines["left"].set_visible(False)
    for edge in range(1, len(lanes)):
        ax.axhline(edge - 0.5, color="#efefef", lw=0.6, zorder=0)


def window(
    estimates: Iterable[float], low: Iterable[float], high: Iterable[float]
) -> tuple[float, float]:
    """Limits of an axis that hold most estimates and intervals.

    One wild row would squeeze all others; `interval` marks what goes beyond.

    Parameters
    ----------
    estimates, low, high
        Of each row; NaN where there is none.

    Returns
    -------
    first, last : float
        0 and 1 without an estimate.
    """
    estimates, low, high = (np.asarray(list(v), dtype=np.float64) for v in (estimates, low, high))
    known = np.isfinite(estimates)
    if not known.any():
        return 0.0, 1.0
    estimates, low, high = estimates[known], low[known], high[known]
    middle = float(np.median(estimates))
    width = np.nan_to_num(high - low)
    far = 3 * max(
        float(np.quantile(np.abs(estimates - middle), 0.75)),
        float(np.quantile(width, 0.6)) / 2,
        0.02 * abs(middle),
        1e-6,
    )
    ends = np.concatenate([estimates, low[np.isfinite(low)], high[np.isfinite(high)]])
    first, last = max(ends.min(), middle - far), min(ends.max(), middle + far)
    room = 0.08 * max(last - first, 1e-6)
    return float(first - room), float(last + room)


def interval(ax: Axes, y: float, low: float, high: float, colour: str, **look) -> None:
    """A horizontal interval within the panel's limits; an arrow head where it goes beyond.

    Parameters
    ----------
    ax
        Whose limits are set.
    y
        Height of the row, in the panel's units.
    low, high
        In units of the x axis; nothing is drawn unless both are finite.
    colour
        Of line and heads.
    **look
        Of the line, in matplotlib's words.
    """
    if not (np.isfinite(low) and np.isfinite(high)):
        return
    left, right = _inside(ax)
    ax.plot(np.clip([low, high], left, right), [y, y], color=colour, solid_capstyle="butt", **look)
    for end, beyond, head in ((left, low < left, "<"), (right, high > right, ">")):
        if beyond:
            ax.plot([end], [y], marker=head, ms=3.5, color=colour, mew=0)


def estimate(
    ax: Axes, y: float, at: float, way: looks.Way, *, filled: bool, size: float = 4.5
) -> None:
    """The marker of a row's estimate; an arrow head at the panel's edge if it lies beyond.

    Parameters
    ----------
    ax
        Whose limits are set.
    y
        Height of the row, in the panel's units.
    at
        The estimate, in units of the x axis.
    way
        Its colour and marker.
    filled
        Whether the marker is.
    size
        Of the marker, points.
    """
    left, right = _inside(ax)
    marker = way.marker if left <= at <= right else "<" if at < left else ">"
    look = {"mfc": way.colour if filled else "white", "mec": way.colour, "mew": 1.0, "ms": size}
    ax.plot([np.clip(at, left, right)], [y], marker=marker, ls="none", zorder=5, **look)


def _inside(ax: Axes) -> tuple[float, float]:
    """The panel's limits less the width of an arrow head."""
    ends = ax.transAxes.transform([(0.015, 0), (0.985, 0)])
    left, right = ax.transData.inverted().transform(ends)[:, 0]
    return float(left), float(right)


def remark(ax: Axes, y: float, text: str) -> None:
    """Why a row is empty, where its estimate would be.

    Parameters
    ----------
    ax
        The panel.
    y
        Height of the row, in the panel's units.
    text
        A line or a few.
    """
    look = {"fontsize": 6, "color": "#777777", "va": "center", "ha": "center", "zorder": 6}
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
    ax.text(0.5, y, text, transform=ax.get_yaxis_transform(), linespacing=0.95, bbox=box, **look)


def linear_ticks(ax: Axes) -> None:
    """Few ticks, which fit beside each other in a narrow panel."""
    ax.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "\N{MINUS SIGN}"))
    ax.grid(True, axis="x", which="major")
