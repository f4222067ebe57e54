"""The figure of what laws said beyond their data: losses that came out, over those foretold.

    python benchmarks/beyond.py docs/figures/reference-beyond.png

Left: the lowest loss of each game's largest budget, by the laws of the smaller ones, of the sizes
that the largest budget has (docs/tables/reference_misses.csv). Right: that of games that were
trained at four times that budget, on held-out games that are the same before and after:
docs/tables/reference_same_games.csv, and docs/tables/reference_forecast.json where the
demonstrations were enough and so are the same. Laws of the grid's minima, in two forms.
"""

import json
import sys

import numpy as np
import pandas as pd
from judged import FORMS, MISSES, ROOT

from ilscaling import laws, tables
from ilscaling.show.figures import style

FACTOR = 4.0


def largest_budget() -> pd.DataFrame:
    """Measured over foretold, a row a game and a column a form: the largest budget, held out."""
    missed = pd.read_csv(MISSES)
    missed = missed[missed["part"] == "its sizes alone"].set_index("game")
    return 1 / (1 + missed[list(FORMS)])


def four_times(table: pd.DataFrame) -> pd.DataFrame:
    """The same of games that were trained at four times their largest budget."""
    same = pd.read_csv(ROOT / "docs/tables/reference_same_games.csv").set_index("game")
    found = {
        game: {form: row["after"] / row["before"] / row[form] for form in FORMS}
        for game, row in same.iterrows()
    }
    shipped = json.loads((ROOT / "docs/tables/reference_forecast.json").read_text("utf-8"))
    realised, said = (pd.DataFrame(shipped[part]) for part in ("realised", "predictions"))
    said = said[(said["quantity"] == "L_min") & (said["method"] == "grid")]
    for game, rows in realised.groupby("game"):
        most = table.loc[table["game"] == game, "budget"].max()
        if game in found or not np.isclose(rows["budget"].iloc[0], FACTOR * most):
            continue
        of = said[said["game"] == game].set_index("form")["estimate"]
        found[game] = {form: rows["test_loss"].mean() / of[form] for form in FORMS}
    return pd.DataFrame(found).T


def draw(parts: dict[str, pd.DataFrame], path: str) -> None:
    """A panel a part, a line a game, a mark a form."""
    with style.look():
        figure, axes = style.panels(1, len(parts), width=9.0, height=4.4)
        ends = np.array([1.0, *np.concatenate([of.to_numpy().ravel() for of in parts.values()])])
        for ax, (name, of) in zip(axes[0], parts.items(), strict=True):
            of = of.sort_values("power")
            places = np.arange(len(of))
            ax.hlines(places, of.min(axis=1), of.max(axis=1), color="#c8c8c8", lw=1.5, zorder=1)
            # The first is larger, so that it is seen where they say the same.
            for form, mark, size in zip(FORMS, "oD", (8.5, 5), strict=True):
                ax.plot(of[form], places, mark, ms=size, color=laws.FORMS[form].colour, zorder=3)
            ax.axvline(1.0, color="#222222", lw=0.9, ls=(0, (2, 2)), zorder=2)
            style.log_axis(ax.xaxis, np.nanmin(ends), np.nanmax(ends), plain=True)
            ax.set_yticks(places, [style.title(game) for game in of.index])
            ax.set_ylim(-0.7, max(len(part) for part in parts.values()) - 0.3)
            ax.set_title(name, loc="left", fontsize=9)
            ax.set_xlabel("loss that came out, over the loss foretold")
        handles = [
            style.handle(text, ls="none", marker=mark, color=laws.FORMS[form].colour, ms=6)
            for form, mark, text in zip(FORMS, "oD", ("power law", "saturating law"), strict=True)
        ]
        handles.append(style.handle("right", color="#222222", lw=0.9, ls=(0, (2, 2))))
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
        figure.savefig(path)


def main(path: str) -> None:
    table = tables.read_table(ROOT / "docs/tables/reference.csv")
    parts = {
        "the largest budget, by the smaller ones": largest_budget(),
        "four times the largest budget, by all of them": four_times(table),
    }
    draw(parts, path)


if __name__ == "__main__":
    main(*sys.argv[1:])
