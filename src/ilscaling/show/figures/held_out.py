"""The largest budget held out: what every method predicted for it, and what was measured."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ilscaling import laws
from ilscaling.show import looks, words
from ilscaling.show.figures import forest, style
from ilscaling.show.figures.validation import COLUMNS

NAME, TITLE = "held_out", "The held-out budget"


def data(fit: laws.StudyFit) -> pd.DataFrame:
    """What the figure draws: the held-out rows of `StudyFit.validation`, of each game's largest
    budget."""
    of_laws = fit.validation["law"].isin(laws.LAWS)
    rows = forest.known(fit.validation[of_laws & fit.validation["held_out"].astype(bool)])
    last = rows.groupby("game")["position"].transform("max")
    return rows.loc[rows["position"] == last, list(COLUMNS)].reset_index(drop=True)


def draw(data: pd.DataFrame) -> Figure:
    """A row of panels a game, one a law; in it a row a way of fitting."""
    return forest.by_law(data, _panel, _handles, lane=0.21)


def _panel(ax: Axes, part: pd.DataFrame, law: str, lanes: list) -> None:
    ax.set_title(looks.LAWS[law].name, fontsize=8)
    if part.empty:
        forest.remark(ax, (len(lanes) - 1) / 2, "nothing was predicted")
        ax.set_xticks([])
        return
    logs = np.log(part[["predicted", "low", "high"]].astype(float))
    low, high = forest.window(logs["predicted"], logs["low"], logs["high"])
    measured = part["measured"]
    low, high = min(np.exp(low), 0.97 * measured.min()), max(np.exp(high), 1.03 * measured.max())
    plain = looks.LAWS[law].plain
    most = 4 if plain and high < 1e4 else 3
    style.log_axis(ax.xaxis, low, high, plain=plain, room=0.0, most=most)
    ax.grid(True, axis="x", which="major")
    for y, way in enumerate(lanes):
        mine = part[(part["method"] == way[0]) & (part["form"] == way[1])]
        for row in mine.itertuples():
            look = looks.way(*way)
            ax.plot([row.measured] * 2, [y - 0.42, y + 0.42], color=looks.INK, lw=1.8, zorder=3)
            forest.interval(ax, y, row.low, row.high, look.colour, lw=2.4, alpha=0.4)
            held = str(row.covered) != "False"
            forest.estimate(ax, y, row.predicted, look, filled=held, size=4.2)
            beside = {"transform": ax.get_yaxis_transform(), "ha": "left", "va": "center"}
            ax.text(1.02, y, words.off(row.error), fontsize=6.2, **beside)


def _handles(data: pd.DataFrame) -> list:
    point = {"ls": "none", "marker": "o", "ms": 4.2, "mec": looks.INK}
    level = data["level"].dropna()
    share = f"{100 * level.iloc[0]:.3g} % " if len(level) else ""
    return [
        style.handle("predicted", mfc=looks.INK, **point),
        style.handle("measured outside the interval", mfc="white", **point),
        style.handle(f"{share}prediction interval", color=looks.INK, lw=2.4, alpha=0.4),
        style.handle("measured", color=looks.INK, ls="none", marker="|", ms=9, mew=1.8),
    ]


def caption(data: pd.DataFrame) -> str:
    """What a reader needs beside the figure."""
    judged = data["covered"].dropna().astype(str)
    tail = f" {(judged == 'True').sum()} of {len(judged)} intervals held it." if len(judged) else ""
    return (
        "The largest budget, which these fits have not seen: what each method predicted, and what "
        "was measured (by the vertex for the vertex; for surfaces, which are fitted to dev losses, "
        f"the dev loss).{tail} Numbers: how far off the prediction was. An arrow head: the "
        "interval goes on."
    )
