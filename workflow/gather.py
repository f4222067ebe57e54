"""Gather the measurements of every cell into the results table."""

import argparse
from pathlib import Path

import stamps
from keys import Keys

from ilscaling import cells, files, params, store, tabulate
from ilscaling.cells import budget_name


def levels(keys: Keys, game: str) -> dict:
    """What the game's rows are judged by: expert, random play, blind prediction of actions."""
    train = store.open_split(keys.demos(game), "train")
    random = files.read_json(keys.random(game))
    return tabulate.levels(train.attrs["splits"], train.action_counts(), random)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--stamp", type=Path, required=True)
    arguments = parser.parse_args()
    keys = Keys(params.read(arguments.params))
    of_game = {game: levels(keys, game) for game in keys.params.games}
    rows = []
    for cell in keys.cells:
        record, key = None, ""
        if cell.declared:
            key = keys.evaluation_key(cell.run)
            folder = Path(keys.evaluation_dir(cell.run))
            record = files.read_json(folder / f"{budget_name(cell.budget)}.json")
        rows.append(tabulate.row(cell, record, key, of_game[cell.run.game]))
    cells.write_table(arguments.out, rows)
    stamps.write(arguments.stamp, {"rows": len(rows), "sha256": files.sha256(arguments.out)})


if __name__ == "__main__":
    main()
