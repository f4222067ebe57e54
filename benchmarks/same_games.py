"""Four times ahead, on held-out games that no policy was trained on or chosen by.

    snakemake --cores all --configfile studies/reference.yaml
    snakemake --cores all --configfile studies/ahead.yaml
    python benchmarks/ahead.py results/ahead/results.csv
    python benchmarks/same_games.py [GAME...]

studies/ahead.yaml has more of the same experts' play than studies/reference.yaml; it holds out
other games, and trains on some that the reference study held out. This takes its dev and test games
that the reference study neither trains on nor chooses sizes by, told by their seeds. It measures
there the reference study's cells of the largest budget at the size of the lowest dev loss, and
those of studies/ahead.yaml: how far the loss fell, and how far it was to fall by the predictions of
docs/tables/reference_forecast.json, over the test loss that the reference study measured. It writes
the rows of these games into docs/tables/reference_same_games.csv and prints the table as Markdown.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
from ahead import FORECAST, ROOT, TABLE
from equal_flops import markdown
from judged import FORMS

from ilscaling import params, tables
from ilscaling.learning.snapshot import load_policy
from ilscaling.measuring import loss
from ilscaling.pipeline.keys import Keys
from ilscaling.show.titles import title
from ilscaling.store import Split, open_split

OUT = ROOT / "docs/tables/reference_same_games.csv"


def keys(study: str) -> Keys:
    """Of a study of this repository: where its demonstrations and snapshots lie."""
    return Keys(params.read(ROOT / "params.yaml", ROOT / f"studies/{study}.yaml"))


def largest(rows: pd.DataFrame) -> pd.DataFrame:
    """The cells of a game's largest budget at the size of the lowest dev loss there."""
    done = rows[rows["status"] == "done"]
    done = done[done["budget"] == done["budget"].max()]
    return done[done["size"] == done.groupby("size")["dev_loss"].mean().idxmin()]


def snapshots(of: Keys, game: str, size: int, budget: float) -> list[Path]:
    """The snapshots of a game's cells, one a seed."""
    return [
        ROOT / of.run_dir(run) / f"{cell.name}.safetensors"
        for run, cells in of.runs.items()
        for cell in cells
        if (run.game, run.size, cell.budget) == (game, size, budget)
    ]


def by_game(files: Sequence[Path], split: Split) -> np.ndarray:
    """Mean loss over the seeds, summed over the steps of each game of a split, nats (games,)."""
    policies, records = zip(*map(load_policy, files), strict=True)
    shape = records[0].run.shape
    # A study writes down the losses of neighbours together where games are many.
    with mock.patch.object(loss, "PARTS", split.episodes):
        measured = loss.held_out_together(policies, split, frames=shape.get("frames"))
    return np.mean([[np.prod(game) for game in of.losses] for of in measured], axis=0)


def fallen(game: str, before: Keys, after: Keys, rows: pd.DataFrame) -> dict:
    """How many held-out games no policy was trained on or chosen by, and the losses there, nats a
    step."""
    best, run = largest(rows), next(run for run in after.runs if run.game == game)
    cells = [
        snapshots(before, game, int(best["size"].iloc[0]), float(best["budget"].iloc[0])),
        snapshots(after, game, run.size, after.params.games[game].grid.budgets[0]),
    ]
    splits = [open_split(ROOT / before.demos(game), name) for name in ("train", "dev")]
    seen = np.concatenate([split.table["seed"] for split in splits])
    sums, steps, count = np.zeros(2), 0, 0
    for name in ("dev", "test"):
        split = open_split(ROOT / after.demos(game), name)
        new = ~np.isin(split.table["seed"], seen)
        sums += [by_game(files, split)[new].sum() for files in cells]
        steps, count = steps + int(split.table["steps"][new].sum()), count + int(new.sum())
    losses = dict(zip(("before", "after"), (sums / steps).tolist(), strict=True))
    return {"game": game, "held_out_games": count, **losses}


def said(game: str, rows: pd.DataFrame, budget: float) -> dict:
    """What the laws foretold of the lowest loss of a budget, over the one that was measured: by
    both forms of the grid's minima, and as it was quoted."""
    table = pd.DataFrame(json.loads(FORECAST.read_text(encoding="utf-8"))["predictions"])
    table = table[(table["game"] == game) & (table["quantity"] == "L_min")]
    if not np.allclose(table["budget"], budget):
        sys.exit(f"{game}: {FORECAST} is of another budget; first python benchmarks/ahead.py")
    measured = float(largest(rows)["test_loss"].mean())
    of_grid = table[table["method"] == "grid"].set_index("form")["estimate"] / measured
    (quoted,) = table[table["quoted"]].to_dict("records")
    return {
        **{form: of_grid[form] for form in FORMS},
        "quoted": quoted["estimate"] / measured,
        "quoted_form": quoted["form"],
        "quoted_method": quoted["method"],
    }


def shown(table: pd.DataFrame) -> str:
    """Markdown of the rows."""
    lines = []
    for row in table.to_dict("records"):
        line = [title(row["game"]), f"{row['held_out_games']}"]
        line += [f"{row['before']:.3f}", f"{row['after']:.3f}"]
        line.append(f"{row['after'] / row['before']:.2f}")
        for form in FORMS:
            text = f"{row[form]:.2f}"
            if row["quoted_form"] == form:
                of_grid = row["quoted_method"] == "grid"
                text += ", quoted" if of_grid else f"; {row['quoted']:.2f}, quoted"
            line.append(text)
        lines.append(line)
    head = ["game", "held-out games", "loss before", "loss after", "after / before"]
    return markdown([*head, *FORMS.values()], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("games", nargs="*")
    given = parser.parse_args()
    # The one with extensions last: they are those of the file that was read last.
    after, before = keys("ahead"), keys("reference")
    table = tables.read_table(TABLE)
    order = list(dict.fromkeys(table["game"]))
    made = pd.read_csv(OUT).to_dict("records") if OUT.exists() else []
    for game, rows in table.groupby("game", sort=False):
        if game in (given.games or after.params.games):
            print(title(game), file=sys.stderr, flush=True)
            budget = after.params.games[game].grid.budgets[0]
            row = fallen(game, before, after, rows) | said(game, rows, budget)
            made = [*(other for other in made if other["game"] != game), row]
    made.sort(key=lambda row: order.index(row["game"]))
    shipped = pd.DataFrame(made)
    shipped.to_csv(OUT, index=False, float_format="%.6g")
    print(shown(shipped))


if __name__ == "__main__":
    main()
