"""What memory is worth: pairs of sections `x` and `x__no_memory` of a study, budget by budget.

    python benchmarks/memory.py docs/tables/sparse.csv [ENDING]        prints Markdown

At each budget the size is that of the lowest dev loss, the mean of its seeds; success and test loss
are of that size, with standard errors over its seeds' episodes and over its seeds.
"""

import sys

import numpy as np
import pandas as pd

ENDING = "__no_memory"


def best(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a budget: the size of the lowest dev loss, its loss and return with standard errors."""
    found = []
    for budget, here in rows.groupby("budget"):
        cells = here.groupby("size")["dev_loss"].mean()
        cell = here[here["size"] == cells.idxmin()]
        runs = len(cell)
        found.append(
            {
                "budget": budget,
                "size": cells.idxmin(),
                "loss": cell["test_loss"].mean(),
                "loss_se": cell["test_loss"].std(ddof=1) / np.sqrt(runs),
                "return": cell["return_mean"].mean(),
                "return_se": np.sqrt((cell["return_se"] ** 2).sum()) / runs,
            }
        )
    return pd.DataFrame(found).set_index("budget")


def main(path: str, ending: str) -> None:
    table = pd.read_csv(path)
    table = table[table["status"] == "done"]
    columns = (
        "game",
        "FLOPs",
        "sizes",
        "test loss, with",
        "without",
        "return, with",
        "without",
        "difference",
    )
    print(f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}", sep="\n")
    for game in table["game"].unique():
        if not (table["game"] == game + ending).any():
            continue
        ours, theirs = (best(table[table["game"] == name]) for name in (game, game + ending))
        for budget in ours.index.intersection(theirs.index):
            a, b = ours.loc[budget], theirs.loc[budget]
            away, se = a["return"] - b["return"], np.hypot(a["return_se"], b["return_se"])
            cells = (
                game, f"{budget:.1e}", f"{a['size']:g}, {b['size']:g}",
                f"{a['loss']:.3f} ± {a['loss_se']:.3f}", f"{b['loss']:.3f} ± {b['loss_se']:.3f}",
                f"{a['return']:.2f}", f"{b['return']:.2f}", f"{away:+.2f} ± {se:.2f}",
            )  # fmt: skip
            print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ENDING)
