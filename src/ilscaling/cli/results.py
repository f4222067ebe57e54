"""Verbs from measurements to a results table, figures and report."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from ilscaling.cli import outputs
from ilscaling.cli.options import PARAMS, Demos, GameName, ParamsFile
from ilscaling.cli.sections import section
from ilscaling.errors import FitError

# What tells the record of a cell.
CELL = ("family", "size", "seed", "budget")


def tabulate(
    game: GameName,
    evaluations: Annotated[
        list[Path], typer.Argument(help="Folders by 'ilscaling evaluate' and 'evaluate-best'.")
    ],
    random: Annotated[Path, typer.Option(help="JSON by 'ilscaling random'.")],
    demos: Demos,
    out: Annotated[Path, typer.Option(help="The results table to write (CSV).")],
    path: ParamsFile = PARAMS,
) -> None:
    """Gather the measurements of a game's runs into a results table: one row a cell."""
    from ilscaling import files, grid, params, store, tables
    from ilscaling import tabulate as table
    from ilscaling.store.floor import expert_entropy
    from ilscaling.store.horizon import returns_after
    from ilscaling.tabulate import HELD_OUT

    study, settings = params.read(path), section(path, game)
    only = study.model_copy(update={"games": {game: settings}})
    train = store.open_split(demos, "train")
    judged_by = table.levels(
        train.attrs["splits"],
        train.action_counts(),
        files.read_sealed(random, f"rm {random}, and measure it again: ilscaling random"),
        domain=settings.domain,
        floors={name: expert_entropy(store.open_split(demos, name)) for name in HELD_OUT},
        returns_after=returns_after(
            [store.open_split(demos, name) for name in store.SPLITS],
            settings.evaluation.horizons,
        ),
    )
    measured: dict[tuple, dict] = {}
    for file in (file for folder in evaluations for file in sorted(folder.glob("*.json"))):
        record = files.read_json(file)
        if set(CELL) <= record.keys():
            cell = tuple(record[name] for name in CELL)
            # Of the same cell by more episodes, the more.
            measured[cell] = max(measured.get(cell, record), record, key=_episodes)
    rows = []
    for cell in grid.cells(only):
        record = measured.get((cell.run.family, cell.run.size, cell.run.seed, cell.budget))
        rows.append(table.row(cell, record if cell.declared else None, "", judged_by))
    tables.write_table(out, rows)


def _episodes(record: dict) -> int:
    return record.get("episodes") or 0


def figures(
    table: Annotated[Path, typer.Argument(help="Results table (CSV).")],
    out: Annotated[Path, typer.Option(help="Folder for figures and the data behind them.")],
    path: ParamsFile = PARAMS,
) -> None:
    """Draw isoFLOP profiles, laws, and return against loss of a table of runs."""
    from ilscaling import laws, params, tables
    from ilscaling.show import figures as drawing

    outputs.refuse_folder(out, "figures.json", table, path)
    settings = params.read(path).laws if path.exists() else params.Laws()
    read = tables.read_table(table)
    for drawn in drawing.draw_all(read, laws.fit_table(read, settings), out).values():
        print(drawn["png"])


def report(
    table: Annotated[Path, typer.Argument(help="Results table (CSV).")],
    pictures: Annotated[Path, typer.Option("--figures", help="Folder by 'ilscaling figures'.")],
    out: Annotated[Path, typer.Option(help="The page to write (HTML).")],
    path: ParamsFile = PARAMS,
    title: Annotated[str, typer.Option(help="Title of the page.")] = "Scaling laws",
) -> None:
    """Write one offline HTML page of a table's laws, figures and cells."""
    from ilscaling import laws, params, tables
    from ilscaling.show import report as page

    study = params.read(path)
    read = tables.read_table(table)
    if lacking := [name for name in ("family", "size", "seed", "episodes") if name not in read]:
        raise FitError(
            f"a report is of a table of ours; this one has no {', '.join(lacking)}",
            where=str(table),
            fix=shlex.join(["ilscaling", "fit", str(table), "--out", "laws"]),
        )
    page.write(
        out,
        title=title,
        params=study.model_dump(mode="json"),
        table=read,
        fit=laws.fit_table(read, study.laws),
        figures_dir=pictures,
        demonstrations={},
        provenance={},
        links={},
    )
    print(out)
