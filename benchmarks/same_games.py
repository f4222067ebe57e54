"""Four times ahead, on held-out games that no policy of either study was trained on.

    snakemake --cores all --configfile studies/reference.yaml
    snakemake --cores all --configfile studies/ahead.yaml
    python benchmarks/same_games.py [GAME...]

studies/ahead.yaml has more of the same experts' play than studies/reference.yaml; it holds out
other games, and trains on some that the reference study held out. This takes its dev and test games
that the reference study does not train on, told by their seeds. It measures there the reference
study's cells of the largest budget at the size of the lowest dev loss, and those of
studies/ahead.yaml, and prints Markdown: how far the loss fell, and how far it was to fall by the
laws of docs/tables/reference.csv, over the test loss that the reference study measured.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
from ahead import foretold
from equal_flops import markdown

from ilscaling import params, tables
from ilscaling.learning.snapshot import load_policy
from ilscaling.measuring import loss
from ilscaling.pipeline.keys import Keys
from ilscaling.show.titles import title
from ilscaling.store import Split, open_split

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs/tables/reference.csv"
FORMS = {"power law": "power", "saturating": "saturating"}


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


def fallen(game: str, before: Keys, after: Keys, rows: pd.DataFrame) -> list[str]:
    """The row of a game."""
    best, run = largest(rows), next(run for run in after.runs if run.game == game)
    budget = after.params.games[game].grid.budgets[0]
    cells = [
        snapshots(before, game, int(best["size"].iloc[0]), float(best["budget"].iloc[0])),
        snapshots(after, game, run.size, budget),
    ]
    trained = open_split(ROOT / before.demos(game), "train").table["seed"]
    sums, steps, count = np.zeros(2), 0, 0
    for name in ("dev", "test"):
        split = open_split(ROOT / after.demos(game), name)
        new = ~np.isin(split.table["seed"], trained)
        sums += [by_game(files, split)[new].sum() for files in cells]
        steps, count = steps + int(split.table["steps"][new].sum()), count + int(new.sum())
    losses = sums / steps
    shown = [f"{count}", *(f"{value:.3f}" for value in losses), f"{losses[1] / losses[0]:.2f}"]
    return [title(game), *shown, *said(game, budget, float(best["test_loss"].mean()))]


def said(game: str, budget: float, measured: float) -> list[str]:
    """What the laws foretold of the lowest loss, over the one that was measured."""
    table = pd.DataFrame(foretold(game, budget)[1])
    table = table[table["quantity"] == "L_min"]
    texts = []
    for form in FORMS.values():
        of_form = table[table["form"] == form].set_index("method")
        grid, quoted = of_form["estimate"]["grid"], of_form.index[of_form["quoted"]].tolist()
        text = f"{grid / measured:.2f}" + (", quoted" if quoted == ["grid"] else "")
        if quoted and quoted != ["grid"]:
            text += f"; {of_form['estimate'][quoted[0]] / measured:.2f}, quoted"
        texts.append(text)
    return texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("games", nargs="*")
    given = parser.parse_args()
    # The one with extensions last: they are those of the file that was read last.
    after, before = keys("ahead"), keys("reference")
    table = tables.read_table(TABLE)
    lines = []
    for game, rows in table.groupby("game", sort=False):
        if game in (given.games or after.params.games):
            print(title(game), file=sys.stderr, flush=True)
            lines.append(fallen(game, before, after, rows))
    head = ["game", "held-out games", "loss before", "loss after", "after / before", *FORMS]
    print(markdown(head, lines))


if __name__ == "__main__":
    main()
