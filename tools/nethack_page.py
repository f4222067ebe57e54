"""The losses of docs/nethack.md: NetHack cloned from AutoAscend's games.

tools/readme_numbers.py writes them.
"""

from pathlib import Path

import pandas as pd

TABLE = Path(__file__).resolve().parent.parent / "docs/tables/nld-mini.csv"


def losses() -> str:
    """Markdown: dev loss over the seeds, a row a budget, a column a size; the lowest is bold."""
    table = pd.read_csv(TABLE)
    done = table[table["status"] == "done"]
    means = done.pivot_table(values="dev_loss", index="budget", columns="size")
    lines = [["FLOPs", *(f"d = {size}" for size in means.columns)], ["---"] * (means.shape[1] + 1)]
    for budget, row in means.iterrows():
        texts = ("" if pd.isna(loss) else f"{loss:.3f}" for loss in row)
        bold = (f"**{t}**" if loss == row.min() else t for t, loss in zip(texts, row, strict=True))
        lines.append([f"{budget:.2g}", *bold])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
