"""Algorithms at equal cost: return on FLOPs, on steps of the game and on labels of the expert."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ilscaling.laws import relations
from ilscaling.show import looks
from ilscaling.show.figures import style

NAME, TITLE = "currencies", "Algorithms at equal cost"
# currency -> (label of its axis, what a row has paid, a variable of laws)
CURRENCIES = {
    "flops": (looks.FLOPS, "compute"),
    "steps": ("steps of the game", "steps"),
    "labels": ("labels of the expert", "labels"),
}


def data(table: pd.DataFrame) -> pd.DataFrame:
    """What the figure draws: what each algorithm paid for its returns, of games that several play.

    Sections that are one game by their names (`breakout`, `breakout__soft`) are compared. At each
    budget the size is chosen by the mean return of its seeds over the first half of the episodes,
    and judged by the second half.

    Parameters
    ----------
    table
        A results table.

    Returns
    -------
    DataFrame
        A row for each algorithm, budget and currency: `cost` (FLOPs, steps or labels), `return` and
        its `se` over seeds (game points), and reference levels. Empty without a game that two or
        more algorithms play.
    """
    costs = {column for _, name in CURRENCIES.values() for column in relations.VARIABLES[name][0]}
    if not {"algorithm", "return_first", "return_second", *costs} <= set(table):
        return pd.DataFrame()
    rows = style.done(table)
    rows = rows[rows["return_first"].notna() & rows["return_second"].notna()]
    rows = rows.assign(played=[game.partition("__")[0] for game in rows["game"]])
    several = rows.groupby("played")["algorithm"].transform("nunique") > 1
    rows = rows[several]
    made = []
    for (played, game, algorithm, budget), cells in rows.groupby(
        ["played", "game", "algorithm", "budget"], sort=False
    ):
        best = cells.groupby("size")["return_first"].mean().idxmax()
        mine = cells[cells["size"] == best]
        count = len(mine)
        error = mine["return_second"].std(ddof=1) / np.sqrt(count) if count > 1 else np.nan
        common = {
            "game": played, "section": game, "algorithm": algorithm, "budget": budget,
            "size": best, "runs": count, "return": mine["return_second"].mean(), "se": error,
            "expert": mine["expert_return"].mean(), "random": mine["random_return"].mean(),
        }  # fmt: skip
        for name, (_, paid) in CURRENCIES.items():
            cost = relations.VARIABLES[paid][1](mine).mean()
            if cost > 0:
                made.append({**common, "currency": name, "cost": cost})
    return pd.DataFrame(made)


def draw(data: pd.DataFrame) -> Figure:
    """A row of panels a game, one a currency."""
    games = list(dict.fromkeys(data["game"]))
    sections = list(dict.fromkeys(zip(data["algorithm"], data["section"], strict=True)))
    algorithms = list(dict.fromkeys(algorithm for algorithm, _ in sections))
    colours = style.kinds(algorithms)
    with style.look():
        figure, axes = style.panels(len(games), len(CURRENCIES), width=10.0, height=3.2)
        for line, game in zip(axes, games, strict=True):
            for ax, (currency, (label, _)) in zip(line, CURRENCIES.items(), strict=True):
                mine = data[(data["game"] == game) & (data["currency"] == currency)]
                ax.set_xlabel(label)
                if mine.empty:
                    style.empty(ax, "no algorithm pays in it")
                    continue
                _panel(ax, mine, colours)
            line[0].set_ylabel(looks.RETURN)
            line[0].set_title(style.title(game), loc="left")
        handles = [style.handle(name, color=colours[name], marker="o", ms=4) for name in algorithms]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _panel(ax, mine: pd.DataFrame, colours: dict) -> None:
    for (algorithm, _), line in mine.groupby(["algorithm", "section"], sort=False):
        line = line.sort_values("budget")
        ax.errorbar(
            line["cost"], line["return"], line["se"].fillna(0.0), color=colours[algorithm],
            marker="o", ms=3.5, elinewidth=0.8,
        )  # fmt: skip
    style.log_axis(ax.xaxis, mine["cost"].min(), mine["cost"].max(), most=4)
    levels = {"expert": mine["expert"].mean(), "random": mine["random"].mean()}
    style.return_axis(ax, [*mine["return"], *levels.values()])
    style.level_lines(ax, levels)
    ax.grid(True, which="major")


def caption(data: pd.DataFrame) -> str:
    """What a reader needs beside the figure."""
    seeds = data["runs"].max()
    bars = "with standard errors over seeds" if seeds > 1 else "of one seed"
    return (
        "Return of each algorithm's best size at each budget, over what it had paid by then: FLOPs "
        "of the kinds that the study's budgets count, steps of the game that it played or learned "
        "from, and steps that the expert labelled, each step once. The size is chosen by the first "
        f"half of the episodes and shown by the second, {bars}."
    )
