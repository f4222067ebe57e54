"""Rolling-origin prediction: every budget foretold from the smaller ones, and how far off."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ilscaling import laws
from ilscaling.show import looks, words
from ilscaling.show.figures import forest, style

NAME, TITLE = "validation", "Rolling prediction"
COLUMNS = ("game", "law", "method", "form", "trained_on", "origin", "position", "budget", "ahead")
COLUMNS += ("flops", "predicted", "low", "high", "level", "measured", "error")
COLUMNS += ("covered", "held_out")
# Half a row stands for such a factor between prediction and measurement: the first that is enough.
FACTORS = (1.02, 1.05, 1.1, 1.2, 1.5, 2, 3, 5, 10, 30, 100)
HALF = 0.42


def data(fit: laws.StudyFit) -> pd.DataFrame:
    """What the figure draws: the rows of `StudyFit.validation` that look one budget ahead."""
    of_laws = fit.validation["law"].isin(laws.LAWS)
    rows = forest.known(fit.validation[of_laws & (fit.validation["ahead"] == 1)])
    return rows[list(COLUMNS)].reset_index(drop=True)


def draw(data: pd.DataFrame) -> Figure:
    """A row of panels a game, one a law; in it a row a way of fitting, along the budgets."""
    return forest.by_law(data, _panel, _handles, lane=0.27, x="budget predicted (FLOPs)")


def _panel(ax: Axes, part: pd.DataFrame, law: str, lanes: list) -> None:
    factor = _factor(part)
    ax.set_title(
        f"{looks.LAWS[law].name}\nrow: ÷{factor:g} to {words.TIMES}{factor:g}", fontsize=7.5
    )
    if part.empty:
        forest.remark(ax, (len(lanes) - 1) / 2, "nothing to predict")
        ax.set_xticks([])
        return
    style.log_axis(ax.xaxis, part["budget"].min(), part["budget"].max(), most=2)
    unit = HALF / np.log(factor)
    for y, way in enumerate(lanes):
        mine = part[(part["method"] == way[0]) & (part["form"] == way[1])]
        if mine.empty:
            continue
        ax.axhline(y, color="#c8c8c8", lw=0.7, zorder=1)
        colour = looks.way(*way).colour
        at, measured = mine["budget"].to_numpy(), mine["measured"].to_numpy()
        errors = unit * mine["error"].to_numpy(dtype=np.float64)
        ends = unit * np.log(mine[["low", "high"]].to_numpy(dtype=np.float64) / measured[:, None])
        ends = np.clip(ends, -HALF, HALF)
        ax.vlines(at, y - ends[:, 1], y - ends[:, 0], color=colour, lw=2.2, alpha=0.35)
        missed = (mine["covered"].astype(str) == "False").to_numpy()
        for shown, marker in ((np.abs(errors) <= HALF, "o"), (errors > HALF, "^")):
            _marks(ax, at, y - np.clip(errors, -HALF, HALF), shown, missed, marker, colour)
        _marks(ax, at, y - np.clip(errors, -HALF, HALF), errors < -HALF, missed, "v", colour)
        _summary(ax, y, mine)


def _marks(ax: Axes, x, y, shown, missed, marker: str, colour: str) -> None:
    look = {"marker": marker, "ls": "none", "ms": 3.6, "mew": 0.9, "mec": colour, "zorder": 4}
    for hollow in (False, True):
        of = shown & (missed == hollow)
        ax.plot(x[of], y[of], mfc="white" if hollow else colour, **look)


def _factor(part: pd.DataFrame) -> float:
    errors = np.abs(part["error"].to_numpy(dtype=np.float64))
    if not len(errors):
        return FACTORS[2]
    wide = np.log((part["high"] / part["low"]).to_numpy(dtype=np.float64)) / 2
    wide = wide[np.isfinite(wide)]
    needed = max(np.quantile(errors, 0.9), np.quantile(wide, 0.5) if len(wide) else 0.0)
    return next((f for f in FACTORS if np.log(f) >= needed), FACTORS[-1])


def _summary(ax: Axes, y: float, mine: pd.DataFrame) -> None:
    """Root mean square error, and how many intervals held, beside the row."""
    line = laws.summary(mine).iloc[0]
    held = f"  {line['held']}/{line['intervals']}" if line["intervals"] else ""
    text = words.off(line["one_step"], signed=False) + held
    where = {"transform": ax.get_yaxis_transform(), "ha": "left", "va": "center"}
    ax.text(1.02, y, text, fontsize=6.2, color="#444444", **where)


def _handles(data: pd.DataFrame) -> list:
    point = {"ls": "none", "marker": "o", "ms": 4, "mec": looks.INK}
    level = data["level"].dropna()
    share = f"{100 * level.iloc[0]:.3g} % " if len(level) else ""
    return [
        style.handle("predicted over measured", mfc=looks.INK, **point),
        style.handle("measured outside the interval", mfc="white", **point),
        style.handle(f"{share}prediction interval", color=looks.INK, lw=2.2, alpha=0.35),
    ]


def caption(data: pd.DataFrame) -> str:
    """What a reader needs beside the figure."""
    judged = data["covered"].dropna().astype(str)
    tail = f" {(judged == 'True').sum()} of {len(judged)} intervals held." if len(judged) else ""
    return (
        "Each budget predicted from all smaller ones, four or more: above a row's grey line the "
        "prediction was too high, below it too low. A triangle: further off than the row shows. "
        "Beside each row the root mean square error, and how many intervals held the measurement."
        f"{tail} The best cells judge grid and surfaces, the vertices the vertex."
    )
