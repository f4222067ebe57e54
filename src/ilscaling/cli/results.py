"""Verbs from measurements to a results table, figures and report."""

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from ilscaling.cli import outputs
from ilscaling.cli.fit import Table, read_study, table_and_settings
from ilscaling.cli.options import PARAMS, Demos, GameName, ParamsFile, Study
from ilscaling.cli.sections import section
from ilscaling.errors import DamagedFile, FitError

# What tells the record of a cell.
CELL = ("family", "size", "seed", "budget")
# What `ilscaling figures` leaves in its folder.
MANIFEST = "figures.json"


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


def _fitted(table, settings):
    """The laws of a table, its games side by side on the cores that this process may use."""
    from ilscaling import laws

    return laws.fit_table(table, settings, processes=_cores())


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def figures(
    table: Table,
    out: Annotated[Path, typer.Option(help="Folder for figures and the data behind them.")],
    path: ParamsFile = PARAMS,
    study: Study = None,
) -> None:
    """Draw isoFLOP profiles, laws, and return against loss of a table of runs."""
    from ilscaling.show import figures as drawing

    outputs.refuse_folder(out, MANIFEST, table, path)
    read, settings = table_and_settings(table, None, read_study(path, study))
    for drawn in drawing.draw_all(read, _fitted(read, settings), out, processes=_cores()).values():
        print(drawn["png"])


def report(
    table: Table,
    out: Annotated[Path, typer.Option(help="The page to write (HTML).")],
    pictures: Annotated[
        Path | None,
        typer.Option("--figures", help="Folder by 'ilscaling figures'; default: drawn anew."),
    ] = None,
    forecast: Annotated[
        Path | None,
        typer.Option(help="What a forecast came to: results/STUDY/keys/forecast.json."),
    ] = None,
    path: ParamsFile = PARAMS,
    study: Study = None,
    title: Annotated[str, typer.Option(help="Title of the page.")] = "Scaling laws",
) -> None:
    """Write one offline HTML page of a table's laws, figures and cells.

    Its figures are drawn into the folder PAGE_files beside it, unless there are some.
    """
    from ilscaling import params
    from ilscaling.show import figures as drawing
    from ilscaling.show import report as page

    # Before the fits, which take their time.
    files_beside = out.with_name(f"{out.stem}_files")
    if pictures is None:
        outputs.refuse_folder(files_beside, MANIFEST, table, path)
    foretold = None if forecast is None else read_forecast(forecast)
    known = params.read(path, *(study or []))
    read, settings = table_and_settings(table, None, known)
    if lacking := [name for name in ("family", "size", "seed", "episodes") if name not in read]:
        raise FitError(
            f"a report is of a table of ours; this one has no {', '.join(lacking)}",
            where=str(table),
            fix=shlex.join(["ilscaling", "fit", str(table), "--out", "laws"]),
        )
    fitted = _fitted(read, settings)
    if pictures is None:
        pictures = files_beside
        drawing.draw_all(read, fitted, pictures, forecast=foretold, processes=_cores())
    page.write(
        out,
        title=title,
        params=known.model_dump(mode="json"),
        table=read,
        fit=fitted,
        figures_dir=pictures,
        demonstrations={},
        provenance={},
        links={},
        forecast=foretold,
    )
    print(out)


def read_forecast(path: Path) -> dict:
    """What was foretold and what came out, as `show.figures.forecast` and the report take it.

    Parameters
    ----------
    path
        JSON that the workflow's forecast leaves in results/STUDY/keys.

    Raises
    ------
    FitError
        If it is no such file.
    """
    from ilscaling.pipeline import study_context

    try:
        return study_context.foretold(path)
    except (OSError, DamagedFile, LookupError) as error:
        raise FitError(
            f"no forecast of a study: {error}",
            where=str(path),
            fix="snakemake --cores all forecast  # leaves results/STUDY/keys/forecast.json",
        ) from None
