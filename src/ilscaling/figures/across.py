"""All games together: interquartile mean of expert-normalised return on training FLOPs."""

import pandas as pd
from matplotlib.figure import Figure

from ilscaling import laws
from ilscaling.figures import style

NAME, TITLE = "across", "Across games"


def data(fit: laws.StudyFit) -> pd.DataFrame:
    """What the figure draws: the rows of `StudyFit.across` that have a mean, if it is over two or
    more games anywhere."""
    rows = fit.across[fit.across["iqm"].notna()]
    several = len(rows) and rows["games"].max() >= 2
    return rows.reset_index(drop=True) if several else rows.iloc[:0]


def draw(data: pd.DataFrame) -> Figure:
    """One panel."""
    with style.look():
        figure, axes = style.panels(1, 1, width=6.4, height=3.8)
        ax = axes[0, 0]
        data = data.sort_values("budget")
        ax.fill_between(data["budget"], data["low"], data["high"], color=style.GRID, alpha=0.16)
        ax.plot(data["budget"], data["iqm"], "o-", color=style.GRID, ms=5)
        ax.axhline(1.0, lw=0.9, zorder=1, **style.LEVELS["expert"])
        shown = {"va": "bottom", "ha": "right", "fontsize": 7, "color": "#444444"}
        ax.annotate("the experts", (1, 1), xycoords=("axes fraction", "data"), **shown)
        style.log_axis(ax.xaxis, data["budget"].min(), data["budget"].max(), most=6)
        ends = data[["iqm", "low", "high"]].min().min(), data[["iqm", "high"]].max().max()
        room = 0.08 * max(ends[1] - min(ends[0], 0), 0.2)
        ax.set_ylim(min(ends[0], 0) - room, max(ends[1], 1.0) + room)
        ax.set_xlabel(style.FLOPS)
        ax.set_ylabel("return, share of the expert's (IQM)")
        ax.grid(True, which="major")
        for row in data.itertuples():
            text = {"xytext": (0, 7), "textcoords": "offset points", "ha": "center"}
            ax.annotate(f"{row.games:g}", (row.budget, row.iqm), fontsize=6.5, **text)
    return figure


def caption(data: pd.DataFrame) -> str:
    """What a reader needs beside the figure."""
    level = data["level"].dropna()
    band = f"{100 * level.iloc[0]:.3g} % " if len(level) else ""
    return (
        "Interquartile mean, over games and runs, of the best return at each budget as a share of "
        f"the expert's, with its {band}interval by stratified bootstrap (runs are drawn anew "
        "within each game). Numbers: games at that budget."
    )
