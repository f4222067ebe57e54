"""All games together: interquartile mean of expert-normalised return on training FLOPs."""

import pandas as pd
from matplotlib.figure import Figure

from ilscaling import laws
from ilscaling.show import looks
from ilscaling.show.figures import style

NAME, TITLE = "across", "Across games"


def data(fit: laws.StudyFit) -> pd.DataFrame:
    """What the figure draws: the rows of `StudyFit.across` with a mean at a budget, if it is over
    two or more games anywhere."""
    rows = fit.across[fit.across["iqm"].notna() & fit.across["budget"].notna()]
    several = len(rows) and rows["games"].max() >= 2
    return rows.reset_index(drop=True) if several else rows.iloc[:0]


def draw(data: pd.DataFrame) -> Figure:
    """One panel."""
    with style.look():
        figure, axes = style.panels(1, 1, width=6.4, height=3.8)
        ax = axes[0, 0]
        data = data.sort_values("budget")
        ax.fill_between(data["budget"], data["low"], data["high"], color=looks.GRID, alpha=0.16)
        ax.plot(data["budget"], data["iqm"], "o-", color=looks.GRID, ms=5)
        style.log_axis(ax.xaxis, data["budget"].min(), data["budget"].max(), most=6)
        ends = data[["iqm", "low", "high"]].min().min(), data[["iqm", "high"]].max().max()
        room = 0.08 * max(ends[1] - min(ends[0], 0), 0.2)
        ax.set_ylim(min(ends[0], 0) - room, ends[1] + 2 * room)
        style.level_lines(ax, {"expert": 1.0} if ends[1] > 0.7 else {})
        ax.set_xlabel(looks.FLOPS)
        ax.set_ylabel("normalised return (IQM)")
        ax.grid(True, which="major")
        for row in data.itertuples():
            text = {"xytext": (0, 7), "textcoords": "offset points", "ha": "center"}
            ax.annotate(f"{row.games:g}", (row.budget, row.iqm), fontsize=6.5, **text)
    return figure


def caption(data: pd.DataFrame) -> str:
    """What a reader needs beside the figure."""
    level, random = data["level"].dropna(), data["scale"].str.contains("random").all()
    ends = "without an interval where a game has one run"
    if data["low"].notna().any():
        ends = f"with {100 * level.iloc[0]:.3g} % intervals by bootstrap within each game"
    scale = "0 is random play, 1 the expert" if random else "1 is the expert"
    return (
        "Interquartile mean, over games and the runs of each game's best size, of the return at "
        f"each budget that all games share ({scale}), {ends}. Numbers: games at that budget."
    )
