"""One look for all figures: fonts, colours, axes, and files that are the same on every drawing."""

from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ilscaling.files import atomic
from ilscaling.show import titles, words

LEVELS = {  # reference levels of return, from the top down
    "expert": {"color": "#222222", "linestyle": (0, (6, 2))},
    "human": {"color": "#555555", "linestyle": (0, (2, 1.5))},
    "random": {"color": "#888888", "linestyle": (0, (1, 1.5))},
}

_LOOK = {
    "font.family": ["DejaVu Sans"],
    "mathtext.fontset": "dejavusans",
    "font.size": 9,
    "axes.labelsize": 9,
    "axes.titlesize": 10,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.title_fontsize": 8,
    "axes.linewidth": 0.8,
    "axes.edgecolor": "#444444",
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "xtick.major.size": 3.5,
    "ytick.major.size": 3.5,
    "xtick.minor.size": 1.8,
    "ytick.minor.size": 1.8,
    "xtick.major.width": 0.8,
    "ytick.major.width": 0.8,
    "xtick.minor.width": 0.5,
    "ytick.minor.width": 0.5,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "xtick.labelcolor": "#222222",
    "ytick.labelcolor": "#222222",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "svg.fonttype": "path",  # a reader without DejaVu sees the same text
    "svg.hashsalt": "ilscaling",
}


@contextmanager
def look():
    """Draw inside: the user's own matplotlib settings neither leak in nor get lost."""
    with mpl.rc_context():
        mpl.rcdefaults()
        sns.set_theme(style="ticks", rc=_LOOK)
        yield


def panels(rows: int, columns: int, *, width: float, height: float) -> tuple[Figure, np.ndarray]:
    """A figure of axes in a grid.

    Parameters
    ----------
    rows, columns
        Of the grid.
    width
        Of the whole figure, inches.
    height
        Of a row, inches.

    Returns
    -------
    figure : Figure
    axes : array (rows, columns)
        Of matplotlib's Axes.
    """
    # Not pyplot: its registry of figures would keep each one alive.
    figure = Figure(figsize=(width, height * rows), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.06)
    return figure, figure.subplots(rows, columns, squeeze=False)


def facets(count: int) -> tuple[int, int]:
    """Rows and columns of a grid of `count` panels, three columns at most."""
    columns = min(count, 3)
    return -(-count // columns), columns


def shades(values: Iterable[float], palette: str = "viridis") -> dict[float, tuple]:
    """A colour of a perceptually uniform palette for each value, by rank; its pale end is left out.

    Parameters
    ----------
    values
        In any order; equal ones share a colour.
    palette
        A colour map of matplotlib.

    Returns
    -------
    dict
        Value -> (red, green, blue, alpha), from 0 to 1.
    """
    values = sorted(set(values))
    colours = mpl.colormaps[palette](np.linspace(0.0, 0.88, max(len(values), 2)))
    return {value: tuple(colours[i]) for i, value in enumerate(values)}


def kinds(names: Iterable[str]) -> dict[str, tuple | str]:
    """Name -> colour of unordered things: Okabe and Ito's as far as they go, else by hue."""
    names = list(names)
    if len(names) <= len(_KINDS):
        return dict(zip(names, _KINDS, strict=False))
    return dict(zip(names, sns.husl_palette(len(names), s=0.85, l=0.55), strict=True))


_KINDS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#222222")


def log_axis(
    axis, low: float, high: float, *, plain: bool = False, room: float = 0.06, most: int = 7
) -> None:
    """A logarithmic axis with labels that fit its span.

    Parameters
    ----------
    axis
        ax.xaxis or ax.yaxis.
    low, high
        Ends of what is shown, positive.
    plain
        0.3 instead of 3 x 10^-1.
    room
        Share of the span, in logarithms, left free at either end.
    most
        Labels, at most.
    """
    getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
    span = np.log10(high / low)
    margin = 10 ** max(room * span, 0.03)
    low, high = low / margin, high * margin
    getattr(axis.axes, f"set_{axis.axis_name}lim")(low, high)
    # The densest set of steps that leaves room between the labels.
    for steps in _STEPS:
        ticks = [f * 10.0**d for d in range(-12, 31) for f in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        # On a logarithmic axis few labels can still crowd: powers side by side are wide.
        wide = axis.axis_name == "x" and not plain
        apart = np.diff(np.log10(ticks)).min(initial=np.inf) * 9 >= np.log10(high / low)
        if len(ticks) <= most and (apart or not wide):
            break
    if len(ticks) < 2:
        inside = ticker.MaxNLocator(4).tick_values(low, high)
        ticks = [tick for tick in inside if low <= tick <= high]
    ticks = ticks[:: -(-len(ticks) // most)]
    axis.set_major_locator(ticker.FixedLocator(ticks))
    axis.set_minor_locator(ticker.LogLocator(subs=tuple(range(2, 10)), numticks=99))
    write = words.number if plain else words.power
    axis.set_major_formatter(ticker.FuncFormatter(lambda v, _: write(v)))
    axis.set_minor_formatter(ticker.NullFormatter())


_STEPS = ((1, 1.2, 1.4, 1.7, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8), (1, 1.5, 2, 3, 4, 5, 7))
_STEPS += ((1, 2, 3, 5), (1, 2, 5), (1, 3), (1,))


def return_axis(ax: Axes, values: Iterable[float]) -> None:
    """The y axis of returns: logarithmic, unless a policy scores too little for it.

    It is linear below 1 if a policy scores less, so that one that scores nothing stays on the page,
    and linear throughout if any is clearly negative, or all are below 8.

    Parameters
    ----------
    ax
        The panel.
    values
        Returns, in points of the game, that are to be seen; NaN and infinity are passed over.
    """
    values = np.asarray([v for v in values if np.isfinite(v)], float)
    low, high = values.min(initial=np.inf), values.max(initial=1.0)
    if low <= -1 or high < 8:
        room = 0.06 * max(high - min(low, 0.0), 1.0)
        ax.set_ylim(min(low, 0.0) - room, high + room)
    elif low >= 1:
        log_axis(ax.yaxis, low, high, plain=True)
    else:
        ax.set_yscale("symlog", linthresh=1.0, linscale=0.4)
        ax.set_ylim(min(-0.12, 1.5 * low), high * 1.3)
        steps = (1,) if high > 1000 else (1, 3)
        marks = [0.0] + [f * 10.0**d for d in range(9) for f in steps]
        ax.yaxis.set_major_locator(ticker.FixedLocator([m for m in marks if m <= high * 1.3]))
        minor = [f * 10.0**d for d in range(9) for f in range(1, 10)]
        ax.yaxis.set_minor_locator(ticker.FixedLocator(minor))
        ax.yaxis.set_major_formatter(ticker.FuncFormatter(lambda v, _: words.number(v)))
        ax.yaxis.set_minor_formatter(ticker.NullFormatter())


def level_lines(ax: Axes, levels: dict[str, float], *, vertical: bool = False) -> int:
    """Reference levels of return as lines, each named outside the panel, at the right or on top.

    Parameters
    ----------
    ax
        Which must have its limits and scale: names of levels that lie close are moved apart.
    levels
        Key of LEVELS -> return.
    vertical
        Whether returns are on the x axis.

    Returns
    -------
    int
        In how many rows the names stand above the panel.
    """
    draw = ax.axvline if vertical else ax.axhline
    to_axes = ax.transData + ax.transAxes.inverted()
    free, ends, rows = -np.inf, [], 0
    for name, value in sorted(levels.items(), key=lambda item: item[1]):
        draw(value, lw=0.9, zorder=1, **LEVELS[name])
        text = f"{name} {words.number(value)}"
        at = to_axes.transform((value, value))[0 if vertical else 1]
        settings = {"fontsize": 7, "color": LEVELS[name]["color"], "textcoords": "offset points"}
        if vertical:
            # The lowest row whose last name ends before this one begins.
            half = 0.55 * 7 * len(text) / 72 / _inches(ax) / 2
            at = max(at, half)
            row = next((i for i, end in enumerate(ends) if end < at - half), len(ends))
            ends[row:] = [at + half + 0.02, *ends[row + 1 :]]
            where, offset, align = (at, 1.0), (0, 2 + 8 * row), ("center", "bottom")
            rows = max(rows, row + 1)
        else:
            free = max(at, free + 0.05)
            where, offset, align = (1.0, free), (3, 0), ("left", "center")
        ax.annotate(text, where, offset, "axes fraction", ha=align[0], va=align[1], **settings)
    return rows


def _inches(ax: Axes) -> float:
    """About how wide a panel will be, before the figure is laid out."""
    columns = ax.get_subplotspec().get_gridspec().ncols
    return 0.7 * ax.figure.get_figwidth() / columns


def empty(ax: Axes, why: str) -> None:
    """A panel without data says so, and shows no numbers of its own making.

    Parameters
    ----------
    ax
        The panel.
    why
        What it says.
    """
    ax.text(0.5, 0.5, why, transform=ax.transAxes, ha="center", va="center", color="#777777")
    ax.set(xticks=[], yticks=[])


def handle(label: str, **settings) -> Line2D:
    """A legend entry that stands for artists drawn elsewhere."""
    return Line2D([], [], label=label, **settings)


def title(game: str) -> str:
    """A game's name in a figure, as characters: what stands between dollars would be a formula."""
    return titles.title(game).replace("$", r"\$")


def save(figure: Figure, stem: Path) -> None:
    """Write a figure as PNG and SVG without date, host or version: equal figures, equal bytes.

    Parameters
    ----------
    figure
        What to write; its layout is fixed by this.
    stem
        The files' path without .png and .svg.
    """
    # `savefig` draws a figure twice, once for nothing; its canvases draw it once.
    with look():
        figure.set_dpi(_LOOK["savefig.dpi"])
        with atomic(stem.with_suffix(".png")) as temporary:
            FigureCanvasAgg(figure).print_png(temporary, metadata={"Software": None})
        # That has laid it out for both: it is much of the time.
        figure.set_layout_engine("none")
        with atomic(stem.with_suffix(".svg")) as temporary:
            nobody = dict.fromkeys(("Date", "Creator", "Format", "Type"))
            FigureCanvasSVG(figure).print_svg(temporary, metadata=nobody)


def done(table: pd.DataFrame) -> pd.DataFrame:
    """Rows that were measured.

    Parameters
    ----------
    table
        A results table.

    Returns
    -------
    DataFrame
        With a column `seed`, 0 where the table has none.
    """
    rows = table[(table["status"] == "done") & table["dev_loss"].notna()]
    return rows if "seed" in rows else rows.assign(seed=0)
