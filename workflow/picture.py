"""Draw every figure of the study, with the data behind it, and the expert at play."""

import argparse
from pathlib import Path

import pandas as pd
import stamps
from keys import Keys

from ilscaling import cells, figures, files, games, laws, params, store
from ilscaling.figures import gallery

SPLITS = ("train", "dev", "test")


def returns(keys: Keys) -> pd.DataFrame:
    """Return of every recorded episode: game, split, return."""
    rows = []
    for game in keys.params.games:
        for split in SPLITS:
            found = store.open_split(keys.demos(game), split).returns()
            rows.append(pd.DataFrame({"game": game, "split": split, "return": found}))
    return pd.concat(rows, ignore_index=True)


def curves(keys: Keys) -> pd.DataFrame:
    """Learning curves of all runs: the columns of curve.csv, with game, size and seed."""
    rows = []
    for run, of_run in keys.runs.items():
        curve = pd.read_csv(Path(keys.run_dir(run)) / "curve.csv")
        # A run that was once trained further than this study's budgets still shows this study.
        curve = curve[curve["flops"] <= of_run[-1].flops]
        rows.append(curve.assign(game=run.game, size=run.size, seed=run.seed))
    return pd.concat(rows, ignore_index=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=Path, required=True)
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--stamp", type=Path, required=True)
    arguments = parser.parse_args()
    keys = Keys(params.read(arguments.params))
    table = cells.read_table(arguments.table)
    specs = {name: games.spec(game.domain, name) for name, game in keys.params.games.items()}
    figures.draw_all(
        table,
        laws.fit_table(table, keys.params.laws, games=list(keys.params.games)),
        arguments.out,
        curves=curves(keys),
        returns=returns(keys),
        human={name: spec.human_return for name, spec in specs.items()},
    )
    for game in keys.params.games:
        demos = keys.demos(game)
        gallery.contact_sheet(demos, arguments.out / f"expert-{game}.png")
        gallery.animation(demos, arguments.out / f"expert-{game}.gif")
    made = sorted(path for path in arguments.out.iterdir() if not path.name.startswith("."))
    stamps.write(arguments.stamp, {"sha256": {path.name: files.sha256(path) for path in made}})


if __name__ == "__main__":
    main()
