"""Algorithms at one budget, size by size: losses and returns, and each beside cloning.

    python benchmarks/equal_flops.py docs/tables/algorithms_breakout.csv        prints Markdown

At the largest budget, means over seeds with standard errors; the best return is of the size that
the first half of the episodes chooses, judged by the second.
"""

import sys

import numpy as np
import pandas as pd

PLAIN = "cloning"
# Column -> its heading, and digits.
MEASURED = {
    "dev_expected_loss": ("loss on the demonstrations' states", 3),
    "own_loss": ("loss on its own states", 3),
    "return_mean": ("return", 1),
}


def largest(table: pd.DataFrame) -> pd.DataFrame:
    """The measured cells of the largest budget."""
    done = table[table["status"] == "done"]
    return done[done["budget"] == done["budget"].max()]


def by_size(table: pd.DataFrame, column: str) -> str:
    """Markdown of a column: a row a size, a column an algorithm and what it has beyond cloning."""
    cells = largest(table).groupby(["size", "algorithm"], sort=False)[column]
    mean, error, digits = cells.mean().unstack(), cells.sem().unstack(), MEASURED[column][1]
    lines = []
    for size, row in mean.sort_index().iterrows():
        line = [f"{size:g}"]
        for name, value in row.items():
            text = f"{value:.{digits}f} ± {error.loc[size, name]:.{digits}f}"
            if name != PLAIN and np.isfinite(value) and np.isfinite(row[PLAIN]):
                away = np.hypot(error.loc[size, name], error.loc[size, PLAIN])
                text += f" ({(value - row[PLAIN]) / away:+.1f})"
            line.append(text if np.isfinite(value) else "")
        lines.append(line)
    return markdown(["size", *mean], lines)


def markdown(head: list[str], lines: list[list[str]]) -> str:
    """A table of texts."""
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines))


def best(table: pd.DataFrame) -> pd.DataFrame:
    """Best return of each algorithm at the largest budget: `size`, `return`, `se` over seeds."""
    rows = {}
    for name, cells in largest(table).groupby("algorithm", sort=False):
        size = cells.groupby("size")["return_first"].mean().idxmax()
        chosen = cells.loc[cells["size"] == size, "return_second"]
        rows[name] = {"size": size, "return": chosen.mean(), "se": chosen.sem()}
    return pd.DataFrame(rows).T


def main(path: str) -> None:
    table = pd.read_csv(path)
    for column, (title, _) in MEASURED.items():
        print(f"{title}; in brackets: less cloning's, in standard errors of the difference\n")
        print(by_size(table, column), end="\n\n")
    for name, row in best(table).iterrows():
        print(f"{name}: {row['return']:.1f} ± {row['se']:.1f} at size {row['size']:g}")


if __name__ == "__main__":
    main(sys.argv[1])
