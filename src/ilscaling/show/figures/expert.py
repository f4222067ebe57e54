"""How well the expert plays: the returns of its recorded episodes, by split."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import ticker
from matplotlib.figure import Figure

from ilscaling.show import looks, words
from ilscaling.show.figures import style
from ilscaling.show.titles import together

NAME, TITLE = "expert", "The expert's returns"
SPLITS = {"train": "#0072B2", "dev": "#D55E00", "test": "#009E73"}
DASHES = {"train": "-", "dev": (0, (4, 1.5)), "test": (0, (1, 1))}


def data(returns: pd.DataFrame, human: dict[str, float], random: dict[str, float]) -> pd.DataFrame:
    """What the figure draws: the returns of demonstrated episodes, and reference levels.

    Sections that were trained on the same demonstrations (equal returns in equal order) are drawn
    once, under the first one's name and a title that names all.

    Parameters
    ----------
    returns
        One row an episode with game, split and return (game points).
    human, random
        Game -> return of a human player, of random play; NaN or absent if unknown.

    Returns
    -------
    DataFrame
        game, title, kind (episode, level), split, label, return.
    """
    rows, seen = [], {}
    for game, of in returns.groupby("game", sort=False):
        seen.setdefault((*of["split"], *of["return"]), []).append(game)
    for same in seen.values():
        game = same[0]
        of = returns[returns["game"] == game]
        first = len(rows)
        for split in SPLITS:
            rows += [
                {"game": game, "kind": "episode", "split": split, "return": value}
                for value in of.loc[of["split"] == split, "return"]
            ]
        for label, levels in (("human", human), ("random", random)):
            if levels.get(game) is not None and np.isfinite(levels[game]):
                rows.append({"game": game, "kind": "level", "label": label, "return": levels[game]})
        for row in rows[first:]:
            row["title"] = together(same)
    return pd.DataFrame(rows, columns=["game", "title", "kind", "split", "label", "return"])


def draw(data: pd.DataFrame) -> Figure:
    """One row a set of demonstrations: histogram, and cumulative distributions by split."""
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
                mean = words.with_error(values.mean(), values.std(ddof=1) / len(values) ** 0.5)
                text = f"{split}: {len(values):,} episodes,\nmean {mean}"
                entries.append(style.handle(text, color=SPLITS[split], ls=DASHES[split]))
            right.legend(handles=entries, loc="upper left", bbox_to_anchor=(1.0, 1.02))
            for ax in (left, right):
                low = min(episodes["return"].min(), *levels.values(), 0.0)
                high = max(episodes["return"].max(), *levels.values())
                ax.set_xlim(low - 0.03 * (high - low), high + 0.03 * (high - low))
                ax.set_xlabel(looks.RETURN)
                ax.xaxis.set_major_locator(ticker.MaxNLocator(6))
                ax.xaxis.set_major_formatter(ticker.FuncFormatter(lambda v, _: words.number(v, 6)))
                ax.grid(True, axis="y")
                above = style.level_lines(ax, levels, vertical=True)
            left.set_title(part["title"].iloc[0], loc="left", pad=8 + 9 * above)
    return figure


def caption(data: pd.DataFrame) -> str:
    """What a reader needs beside the figure."""
    return (
        "Returns of the recorded episodes. Left: histogram, splits stacked. Right: cumulative "
        "share by split; the splits are disjoint whole episodes of one expert and should agree. "
        "Vertical lines: the expert's mean, a human player (Mnih et al. 2015) and uniformly "
        "random play, where known."
    )
