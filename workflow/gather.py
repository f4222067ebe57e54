"""Gather the measurements of every cell into the results table."""

from pathlib import Path

import stamps
import study

from ilscaling import files, plan, store, tables, tabulate
from ilscaling.cells import budget_name


def levels(game: dict, domain: str) -> dict:
    """What the game's rows are judged by: expert, random play, blind prediction of actions."""
    train = store.open_split(game["demos"], "train")
    random = files.read_json(game["random"])
    return tabulate.levels(train.attrs["splits"], train.action_counts(), random, domain=domain)


def main() -> None:
    given = study.arguments(__doc__)
    domains = {name: game.domain for name, game in given.study.params.games.items()}
    of_game = {name: levels(game, domains[name]) for name, game in given.study.games.items()}
    rows = []
    for cell in plan.cells(given.study.params):
        record, key = None, ""
        if cell.declared:
            made = given.study.by_run[cell.run]
            key = made["evaluation_key"]
            folder = Path(made["evaluation_dir"])
            record = files.read_json(folder / f"{budget_name(cell.budget)}.json")
        rows.append(tabulate.row(cell, record, key, of_game[cell.run.game]))
    tables.write_table(given.out, rows)
    stamps.write(given.stamp, {"rows": len(rows), "sha256": files.sha256(given.out)})


if __name__ == "__main__":
    main()
