"""What a sample is worth when it is seen again, from the table of studies/repeat.yaml.

    python benchmarks/repeated.py docs/tables/repeat.csv        prints Markdown, in two minutes

Muennighoff's law against the one without repeats on all cells, on those up to each run's lowest
loss, and on those of at most four epochs; and the residuals of the first by epochs.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from ilscaling import params, tables
from ilscaling.laws import relations
from ilscaling.laws.relations import repeated

ROOT = Path(__file__).resolve().parent.parent
LATE = 16  # epochs


def until_lowest(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells of each run up to its lowest dev loss, as of one who stops there."""
    parts = []
    for _, run in cells.sort_values("budget").groupby(["game", "size", "seed"]):
        parts.append(run.iloc[: int(np.argmin(run["dev_loss"])) + 1])
    return pd.concat(parts)


def estimate(rows: pd.DataFrame) -> str:
    """R_D with its interval."""
    of = rows.set_index("parameter").loc["R_D"]
    return f"{of['estimate']:.2f} [{of['low']:.2f}, {of['high']:.3g}]"


def residuals(cells: pd.DataFrame, rows: pd.DataFrame) -> pd.Series:
    """Of ln L by the fitted law of repeats."""
    theta = rows.set_index("parameter")["estimate"]
    values = {name: cells[name].to_numpy(float) for name in ("params", "samples", "unique_samples")}
    fitted = repeated.mean(values, [theta[name] for name in repeated.NAMES])
    return np.log(cells["dev_loss"]) - np.log(fitted)


def main() -> None:
    table = tables.read_table(sys.argv[1])
    settings = params.read(ROOT / "params.yaml", ROOT / "studies/repeat.yaml").laws
    cells = table[table["status"] == "done"]
    parts = {
        "all": cells,
        "up to each run's lowest loss": until_lowest(cells),
        "at most four epochs": cells[cells["epochs"] <= 4],
    }
    print("| cells | game | number | most epochs | repeats against none, delta AICc | R_D |")
    print("| --- | --- | --- | --- | --- | --- |")
    late = []
    for name, part in parts.items():
        fits = relations.table(part, settings, pooled=True)
        fits = fits[fits["relation"] == "repeated"]
        for game, rows in fits.groupby("game"):
            mine = part[part["game"].str.startswith(game)]
            better = rows["verdict"].iloc[0].partition("AIC ")[2].partition(",")[0]
            print(
                f"| {name} | {game} | {len(mine)} | {mine['epochs'].max():.1f} | {better} |"
                f" {estimate(rows)} |"
            )
            if name == "all":
                left = residuals(mine, rows)[mine["epochs"] >= LATE]
                of_run = left.groupby([mine["game"], mine["size"], mine["seed"]]).mean()
                error = of_run.std() / len(of_run) ** 0.5
                late.append(f"{game}: {of_run.mean():.3f} +- {error:.3f} of {len(of_run)} runs")
    print(f"\nResidual of ln L from {LATE} epochs on, all cells: {'; '.join(late)}")


if __name__ == "__main__":
    main()
