"""Return against dev loss: every cell, and the law through the loss-optimal ones."""

import pandas as pd
from matplotlib.figure import Figure

from ilscaling.show import looks
from ilscaling.show.figures import laws, style
from ilscaling.show.figures.style import title

NAME, TITLE = "return_on_loss", "Return against dev loss"


def data(table: pd.DataFrame, fit, human: dict[str, float]) -> pd.DataFrame:
    """What the figure draws: returns of all cells on their losses, and the law.

    Parameters
    ----------
    table
        A results table.
    fit : StudyFit
        Its laws.
    human
        Game -> return of a human player (game points).

    Returns
    -------
    DataFrame
        A row a point, of the columns of `figures.laws.frame`: kind (cell, optimum, line, level), x
        (dev loss, nats a step), y (return, game points), low and high (confidence band).
    """
    rows = []
    cells = style.done(table)
    if "return_mean" not in cells:
        return laws.frame([])
    for game, known in cells[cells["return_mean"].notna()].groupby("game", sort=False):
        rows += [
            {"game": game, "kind": "cell", "budget": c.budget, "x": c.dev_loss, "y": c.return_mean}
            for c in known.sort_values(["budget", "params", "seed"]).itertuples()
        ]
        rows += [{**row, "x": 1.0 / row["x"]} for row in laws.points(fit, game, "R_on_1/L")]
        levels = {
            "expert": known.get("expert_return", pd.Series(dtype=float)).mean(),
            "human": human.get(game),
            "random": known.get("random_return", pd.Series(dtype=float)).mean(),
        }
        rows += [
            {"game": game, "kind": "level", "label": name, "y": y}
            for name, y in levels.items()
            if y is not None and pd.notna(y)
        ]
    return laws.frame(rows)


def draw(data: pd.DataFrame) -> Figure:
    """One panel a game, three in a row; loss falls to the right, as policies get better."""
    games = list(dict.fromkeys(data["game"]))
    with style.look():
        rows, columns = style.facets(max(len(games), 1))
        width = 6.4 if columns == 1 else 4.0 * columns
        figure, axes = style.panels(rows, columns, width=width, height=3.8)
        for ax in axes.flat[len(games) :]:
            ax.set_visible(False)
        for ax, game in zip(axes.flat, games, strict=False):
            part = data[data["game"] == game]
            cells = part[part["kind"] == "cell"]
            ax.plot(cells["x"], cells["y"], "o", ms=3.4, color="#bdbdbd", mew=0, zorder=2)
            laws.marks(ax, part)
            style.log_axis(ax.xaxis, cells["x"].min(), cells["x"].max(), plain=True)
            ax.invert_xaxis()
            seen = part[part["kind"].isin(["cell", "level"])]
            style.return_axis(ax, seen["y"])
            levels = part[part["kind"] == "level"].set_index("label")["y"].to_dict()
            style.level_lines(ax, levels)
            laws.exponents(ax, part, "R_on_1/L")
            ax.set_xlabel(looks.DEV_LOSS + ", falling")
            ax.set_ylabel(looks.RETURN)
            ax.grid(True, which="major")
            ax.set_title(title(game), loc="left", pad=laws.ABOVE)
        entries = [style.handle("all cells", ls="none", marker="o", ms=4, color="#bdbdbd")]
        entries += laws.handles(data)
        figure.legend(handles=entries, loc="outside lower center", ncols=3 if columns < 2 else 5)
    return figure


def caption(data: pd.DataFrame) -> str:
    """What a reader needs beside the figure."""
    return (
        "All cells (grey) and the loss-optimal cell of each budget with "
        "the law fitted through those within its regime, band and bracket as before. Horizontal "
        "lines: reference returns."
    )
