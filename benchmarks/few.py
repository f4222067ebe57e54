"""What studies/few.yaml says: return of each algorithm by the number of demonstrations.

    python benchmarks/few.py docs/tables/few.csv [FIGURE.png]        prints Markdown

At the largest budget, the mean over sizes and seeds and its standard error, as results/LOG.md laid
down before a cell was trained. Nothing is chosen.
"""

import sys

import numpy as np
import pandas as pd

from ilscaling.show.figures import style

PLAIN = "cloning"


def returns(table: pd.DataFrame) -> pd.DataFrame:
    """A row an algorithm and number of demonstrations: `return`, `se`, `cells`, `loss`, `own`."""
    done = table[table["status"] == "done"]
    largest = done[done["budget"] == done["budget"].max()]
    # Some lack a split, such as what failed; a section's number is that of its own cells.
    cells = largest.groupby(["demonstrations", "algorithm"], sort=False)
    found = cells["return_mean"].agg(["mean", "std", "count"])
    return pd.DataFrame(
        {
            "return": found["mean"],
            "se": found["std"] / np.sqrt(found["count"]),
            "cells": found["count"],
            "loss": cells["dev_expected_loss"].mean(),
            "own": cells["own_loss"].mean(),
        }
    ).sort_index(level=0, sort_remaining=False)


def differences(found: pd.DataFrame) -> pd.DataFrame:
    """Return of each other algorithm less cloning's, in standard errors of the difference."""
    away, error = found["return"].unstack(), found["se"].unstack()
    others = [name for name in away if name != PLAIN]
    gain = away[others].sub(away[PLAIN], axis=0)
    se = np.hypot(error[others], error[[PLAIN]].to_numpy())
    return pd.concat({"gain": gain, "se": se}, axis=1)


def draw(found: pd.DataFrame, expert: float, random: float, path: str) -> None:
    """Returns on numbers of demonstrations, a line an algorithm."""
    algorithms = list(dict.fromkeys(found.index.get_level_values("algorithm")))
    colours = style.kinds(algorithms)
    with style.look():
        figure, axes = style.panels(1, 1, width=6.4, height=3.8)
        ax = axes[0, 0]
        for name in algorithms:
            line = found.xs(name, level="algorithm")
            ax.errorbar(line.index, line["return"], line["se"], color=colours[name], marker="o",
                        ms=4, elinewidth=0.8, label=name)  # fmt: skip
        numbers = found.index.get_level_values("demonstrations")
        style.log_axis(ax.xaxis, numbers.min(), numbers.max(), plain=True)
        ax.set_xticks(sorted(set(numbers)))
        style.return_axis(ax, [*found["return"], expert, random])
        style.level_lines(ax, {"expert": expert, "random": random})
        ax.set_xlabel("demonstrated episodes")
        ax.set_ylabel("return, mean over sizes and seeds")
        figure.legend(loc="outside lower center", ncols=len(algorithms))
        figure.savefig(path)


def markdown(frame: pd.DataFrame) -> str:
    """A table of numbers by the number of demonstrations."""
    lines = [["episodes", *frame], ["---"] * (1 + len(frame.columns))]
    lines += [
        [f"{number:g}", *map(str, row)]
        for number, row in zip(frame.index, frame.to_numpy(), strict=True)
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def main(path: str, picture: str | None = None) -> None:
    table = pd.read_csv(path)
    found = returns(table)
    shown = found.apply(lambda row: f"{row['return']:.1f} ± {row['se']:.1f}", axis=1).unstack()
    shown = shown[list(dict.fromkeys(found.index.get_level_values("algorithm")))]
    print(markdown(shown))
    apart = differences(found)
    told = pd.DataFrame(
        {
            name: [
                f"{g:+.1f} ± {s:.1f}"
                for g, s in zip(apart["gain"][name], apart["se"][name], strict=True)
            ]
            for name in apart["gain"]
        },
        index=apart.index,
    )
    print(markdown(told))
    for column in ("loss", "own"):
        print(markdown(found[column].unstack()[shown.columns].round(3)))
    most = table[table["demonstrations"] == table["demonstrations"].max()]
    if picture:
        draw(found, most["expert_return"].mean(), table["random_return"].mean(), picture)


if __name__ == "__main__":
    main(*sys.argv[1:3])
