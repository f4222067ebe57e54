"""Settings of one game side by side: the best loss and return that each buys with its compute."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ilscaling import laws
from ilscaling.show import looks, words
from ilscaling.show.figures import laws as law_figure
from ilscaling.show.figures import style
from ilscaling.show.figures.style import title

NAME, TITLE = "conditions", "Settings compared"
PANELS = {"L_min": "L", "R_max": "R"}  # law -> symbol of its exponent
MARKERS = "osD^vP*Xph"


def data(table: pd.DataFrame, fit: laws.StudyFit) -> pd.DataFrame:
    """What the figure draws: the settings of games with two or more sections (by their titles).

    A section's points are the best cells of its budgets and its line is the law through them, so
    that settings differ by what was measured alone and not by which method found an optimum.

    Parameters
    ----------
    table
        A results table; unused, as all that is drawn is in `fit`.
    fit
        Its laws.

    Returns
    -------
    DataFrame
        A row a point: the columns of `figures.laws.data` and `setting_of`.
    """
    rows = []
    played = {game: title(game).partition(": ")[0] for game in fit.games}
    for name in dict.fromkeys(played.values()):
        points = [
            {**row, "setting_of": name}
            for game in fit.games
            if played[game] == name
            for law in PANELS
            for row in law_figure.points(fit, game, law)
            if row["method"] == "grid"
        ]
        if len({row["game"] for row in points}) > 1:
            rows += points
    return law_figure.frame(rows).assign(setting_of=[row["setting_of"] for row in rows])


def draw(data: pd.DataFrame) -> Figure:
    """One row a game: lowest dev loss and highest return, a colour and a marker a section."""
    played = list(dict.fromkeys(data["setting_of"]))
    with style.look():
        figure, axes = style.panels(max(len(played), 1), 2, width=10.4, height=3.8)
        for row, name in zip(axes, played, strict=True):
            of = data[data["setting_of"] == name]
            games = list(dict.fromkeys(of["game"]))
            styles = {
                game: (colour, MARKERS[i % len(MARKERS)])
                for i, (game, colour) in enumerate(style.kinds(games).items())
            }
            for ax, law in zip(row, PANELS, strict=True):
                _panel(ax, of[of["law"] == law], law, styles)
            row[0].set_title(name, loc="left")
            _legend(row[1], of, styles)
    return figure


def _panel(ax: Axes, part: pd.DataFrame, law: str, styles: dict) -> None:
    points = part[(part["kind"] == "optimum") & (part["y"] > 0)]
    ax.set_xlabel(looks.FLOPS)
    ax.set_ylabel(looks.LAWS[law].axis)
    if points.empty:
        style.empty(ax, "no optimum to fit")
        return
    for game, (colour, marker) in styles.items():
        of, line = points[points["game"] == game], part[part["game"] == game]
        line = line[line["kind"] == "line"]
        ax.plot(line["x"], line["y"], color=colour, lw=1.4)
        for used, at in of.groupby("used", sort=True):
            ax.plot(
                at["x"],
                at["y"],
                ls="none",
                marker=marker,
                ms=5.5,
                mec=colour,
                mfc=colour if used else "none",
                zorder=4,
            )
    style.log_axis(ax.xaxis, points["x"].min(), points["x"].max(), most=6)
    style.log_axis(ax.yaxis, points["y"].min(), points["y"].max(), plain=True)
    ax.grid(True, which="major")


def _legend(ax: Axes, of: pd.DataFrame, styles: dict) -> None:
    """Each section with its fitted exponents of loss and return."""
    lines = of[of["kind"] == "line"].drop_duplicates(["game", "law"])
    exponents = lines.set_index(["game", "law"])["estimate"].to_dict()
    handles = []
    for game, (colour, marker) in styles.items():
        slopes = [
            rf"${symbol}\propto C^{{\,{words.exponent(exponents[game, law])}}}$"
            for law, symbol in PANELS.items()
            if (game, law) in exponents
        ]
        name = title(game).partition(": ")[2] or "default"
        text = f"{name}\n{',  '.join(slopes) or 'not fitted'}"
        handles.append(style.handle(text, color=colour, marker=marker, ms=5.5))
    if not of.loc[of["kind"] == "optimum", "used"].all():
        look = {"ls": "none", "marker": "o", "ms": 5.5, "mfc": "none", "mec": looks.FAINT}
        handles.append(style.handle("not in the fits", **look))
    ax.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(1.02, 1.03),
        alignment="left",
        labelspacing=0.6,
    )


def caption(data: pd.DataFrame) -> str:
    """What a reader needs beside the figure."""
    return (
        "Settings of one game on common axes: the lowest loss (left) and the highest return "
        "(right) at each FLOP budget, with the law fitted through the best cells and its exponent. "
        "Levels compare where the settings share their demonstrations, as those of one study do "
        "unless it says otherwise; hollow points do not enter the fits."
    )
