"""How well the expert plays: the returns of its recorded episodes, by split."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from ilscaling.cells import title
from ilscaling.figures import style

NAME, TITLE = "expert", "The expert's returns"
SPLITS = {"train": "#0072B2", "dev": "#D55E00", "test": "#009E73"}
DASHES = {"train": "-", "dev": (0, (4, 1.5)), "test": (0, (1, 1))}


def data(returns: pd.DataFrame, human: dict[str, float], random: dict[str, float]) -> pd.DataFrame:
    """What the figure draws: game, kind (episode, level), split, label, return.

    `returns`: one row an episode with game, split and return; `human`, `random`: game -> level.
    """
    rows = []
    for game, of in returns.groupby("game", sort=True):
        for split in SPLITS:
            rows += [
                {"game": game, "kind": "episode", "split": split, "return": value}
                for value in of.loc[of["split"] == split, "return"]
            ]
        for label, levels in (("human", human), ("random", random)):
            if levels.get(game) is not None and np.isfinite(levels[game]):
                rows.append({"game": game, "kind": "level", "label": label, "return": levels[game]})
    return pd.DataFrame(rows, columns=["game", "kind", "split", "label", "return"])


def draw(data: pd.DataFrame) -> Figure:
    """One row a game: histogram of all episodes, and the splits' cumulative distributions."""
    games = list(dict.fromkeys(data["game"]))
    with style.look():
        figure, axes = style.panels(max(len(games), 1), 2, width=9.0, height=3.2)
        for (left, right), game in zip(axes, games, strict=True):
            part = data[data["game"] == game]
            episodes = part[part["kind"] == "episode"]
            levels = part[part["kind"] == "level"].set_index("label")["return"].to_dict()
            levels["expert"] = episodes["return"].mean()
            present = [split for split in SPLITS if split in set(episodes["split"])]
            sns.histplot(
                data=episodes,
                x="return",
                hue="split",
                hue_order=present,
                palette=SPLITS,
                multiple="stack",
                bins=30,
                ax=left,
                legend=False,
                edgecolor="white",
                lw=0.4,
                alpha=0.85,
            )
            left.set_ylabel("episodes")
            for split in present:
                values = episodes.loc[episodes["split"] == split, "return"]
                sns.ecdfplot(x=values, ax=right, color=SPLITS[split], ls=DASHES[split], lw=1.5)
            right.set_ylabel("share of episodes at or below")
            right.set_ylim(0, 1.005)
            entries = []
            for split in present:
                values = episodes.loc[episodes["split"] == split, "return"]
                error = f" ± {values.std(ddof=1) / len(values) ** 0.5:.3g}" * (len(values) > 1)
                text = f"{split}: {len(values)} episodes,\nmean {values.mean():.4g}{error}"
                entries.append(style.handle(text, color=SPLITS[split], ls=DASHES[split]))
            right.legend(handles=entries, loc="upper left", bbox_to_anchor=(1.0, 1.02))
            for ax in (left, right):
                low = min(episodes["return"].min(), *levels.values(), 0.0)
                high = max(episodes["return"].max(), *levels.values())
                ax.set_xlim(low - 0.03 * (high - low), high + 0.03 * (high - low))
                ax.set_xlabel(style.RETURN)
                ax.grid(True, axis="y")
                style.level_lines(ax, levels, vertical=True)
            left.set_title(title(game), loc="left", pad=36)
    return figure


def caption(data: pd.DataFrame) -> str:
    """What a reader needs beside the figure."""
    return (
        "Returns of the recorded episodes. Left: histogram, splits stacked. Right: cumulative "
        "share by split; the splits are disjoint whole episodes of one expert and should agree. "
        "Vertical lines: the expert's mean, a human player (Mnih et al. 2015) and uniformly "
        "random play, where known."
    )
