"""Gather the measurements of every cell into the results table."""

import argparse
from functools import cache
from pathlib import Path

from ilscaling import files, plan, store, tables, tabulate
from ilscaling.errors import DamagedFile, remake
from ilscaling.params import Section
from ilscaling.pipeline import result_folder, study_context
from ilscaling.store.floor import expert_entropy
from ilscaling.store.horizon import returns_after
from ilscaling.tabulate import HELD_OUT


def levels(game: dict, section: Section) -> dict:
    """What the game's rows are judged by: expert, random play, blind prediction of actions.

    Parameters
    ----------
    game
        Paths of its store and of its random play: `demos`, `random`.
    section
        Its parameters.

    Returns
    -------
    dict
        As of `tabulate.levels`.
    """
    train = store.open_split(game["demos"], "train")
    random = files.read_sealed(game["random"], remake(game["random"]))
    floors = {name: expert_entropy(store.open_split(game["demos"], name)) for name in HELD_OUT}
    return tabulate.levels(
        train.attrs["splits"],
        train.action_counts(),
        random,
        domain=section.domain,
        floors=floors,
        returns_after=returns_after(
            [store.open_split(game["demos"], name) for name in store.SPLITS],
            section.evaluation.horizons,
        ),
    )


def rows(known: study_context.Study) -> list[dict]:
    """A row of the results table for every cell of a study's grid."""
    sections = known.params.games
    of_game = {name: levels(game, sections[name]) for name, game in known.games.items()}
    rows, listed = [], cache(files.read_list)
    for cell in plan.cells(known.params):
        record, key = None, ""
        if cell.declared:
            made = known.by_run[cell.run]
            key = made["evaluation_key"]
            name, list_file = f"{cell.name}.json", made["evaluation_list"]
            if name not in (measured := listed(list_file)):
                raise DamagedFile(f"it lacks {name}", where=list_file, fix=remake(list_file))
            record = files.read_json(measured[name])
            # The same cell by more episodes.
            more = known.games[cell.run.game]["best_list"]
            if more and (best := listed(more).get(f"{cell.run.name}-{name}")):
                record, key = files.read_json(best), known.games[cell.run.game]["best_key"]
        rows.append(tabulate.row(cell, record, key, of_game[cell.run.game]))
    return rows


def make(study: study_context.Study, out: Path, inputs: argparse.Namespace) -> dict:
    """The step `table`.

    Parameters
    ----------
    study
        What is collected.
    out
        Folder of the step.
    inputs
        Nothing that it uses.

    Returns
    -------
    dict
        Number of rows, for `done.json`.
    """
    table = rows(study)
    tables.write_table(out / "results.csv", table)
    return {"rows": len(table)}


if __name__ == "__main__":
    result_folder.main(make, __doc__)
