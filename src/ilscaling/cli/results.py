"""Verbs from a results table to laws, figures and report."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ilscaling import files
from ilscaling.cli.options import PARAMS, Demos, GameName, ParamsFile
from ilscaling.cli.sections import section

Compute = Literal["realised", "nominal"]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", help="OURS=THEIRS: a column of the table by another name."),
]
Table = Annotated[Path, typer.Argument(help="Results table, a row a cell (CSV or Parquet).")]


def tabulate(
    game: GameName,
    evaluations: Annotated[list[Path], typer.Argument(help="Folders by 'ilscaling evaluate'.")],
    random: Annotated[Path, typer.Option(help="JSON by 'ilscaling random'.")],
    demos: Demos,
    out: Annotated[Path, typer.Option(help="The results table to write (CSV).")],
    path: ParamsFile = PARAMS,
) -> None:
    """Gather the measurements of a game's runs into a results table: one row a cell."""
    from ilscaling import grid, params, store, tables
    from ilscaling import tabulate as table
    from ilscaling.store.floor import expert_entropy
    from ilscaling.tabulate import HELD_OUT

    study, settings = params.read(path), section(path, game)
    only = study.model_copy(update={"games": {game: settings}})
    train = store.open_split(demos, "train")
    judged_by = table.levels(
        train.attrs["splits"],
        train.action_counts(),
        files.read_json(random),
        domain=settings.domain,
        floors={name: expert_entropy(store.open_split(demos, name)) for name in HELD_OUT},
    )
    folders = {}
    for folder in evaluations:
        for file in folder.glob("[0-9]*.json"):
            record = files.read_json(file)
            folders[record["size"], record["seed"]] = folder
    rows = []
    for cell in grid.cells(only):
        folder = folders.get((cell.run.size, cell.run.seed))
        file = folder / f"{cell.name}.json" if folder else None
        record = files.read_json(file) if cell.declared and file and file.is_file() else None
        rows.append(table.row(cell, record, "", judged_by))
    tables.write_table(out, rows)


def table_and_settings(table: Path, columns: list[str] | None, path: Path, **changes):
    """A results table and how it is to be fitted; options given by hand (not None) win."""
    from ilscaling import params, tables

    settings = params.read(path).laws if path.exists() else params.Laws()
    given = {name: value for name, value in changes.items() if value is not None}
    values = {**settings.model_dump(), **given}
    read = tables.read_table(table, columns=tables.mapping(columns or []))
    return read, params.Laws.model_validate(values)


def buildable(path: Path, read) -> dict[str, list[tuple[int, int]]]:
    """Sizes and parameters that can be built for each game of the table, where the parameter file
    has a section for it."""
    from ilscaling import grid, params

    study = params.read(path) if path.exists() else None
    largest = read.groupby("game")["params"].max()
    return {
        name: grid.buildable(name, game, 100 * largest[name])
        for name, game in (study.games.items() if study else ())
        if name in largest
    }


def fit(
    table: Table,
    out: Annotated[Path, typer.Option(help="Folder for fits, tables, notes and figures.")],
    path: ParamsFile = PARAMS,
    column: Columns = None,
    flops: Annotated[
        Compute | None, typer.Option(help="FLOPs to fit on; default: as the parameters say.")
    ] = None,
    bootstrap: Annotated[
        int | None, typer.Option(help="Resamples of the runs; 0: none.", min=0)
    ] = None,
    processes: Annotated[int, typer.Option(help="Games are fitted in parallel.", min=1)] = 1,
    pictures: Annotated[bool, typer.Option("--figures/--no-figures", help="Draw, too.")] = True,
    metrics: Annotated[Path | None, typer.Option(help="Headline numbers (JSON).")] = None,
) -> None:
    """Fit the scaling laws of a table of runs, ours or anyone's.

    Writes fits.json, fits.md and the tables behind them (docs/laws.md), and figures.
    """
    from ilscaling.pipeline import fit_laws

    read, settings = table_and_settings(table, column, path, flops=flops, bootstrap=bootstrap)
    fit = fit_laws.fit(read, settings, out, metrics=metrics, processes=processes)
    if pictures:
        from ilscaling.show import figures as drawing

        drawing.draw_all(read, fit, out / "figures")
    print(out / "fits.md")


def forecast(
    table: Table,
    budget: Annotated[float, typer.Option(help="Training FLOPs to forecast for.")],
    game: Annotated[str | None, typer.Option("--game", help="Only this game.")] = None,
    wanted: Annotated[
        float | None, typer.Option("--return", help="Also: the budget that reaches this return.")
    ] = None,
    path: ParamsFile = PARAMS,
    column: Columns = None,
    flops: Annotated[Compute | None, typer.Option(help="FLOPs to fit on.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the numbers here (CSV).")] = None,
) -> None:
    """Parameters, samples, dev loss and return at a larger budget, by every method."""
    from ilscaling import laws

    read, settings = table_and_settings(table, column, path, flops=flops)
    if game is not None:
        read = read[read["game"] == game]
    sizes = buildable(path, read)
    found = laws.forecast(read, settings, budget, sizes=sizes)
    names = ["game", "quantity", "estimate", "low", "high", "method", "form", "flags"]
    best = found.loc[found["quoted"], names]
    print("The verdicts' choice:")
    print(best.to_string(index=False, float_format="%.4g", na_rep=""))
    print("\nBy every method and form:")
    print(found.to_string(index=False, float_format="%.4g", na_rep=""))
    if wanted is not None:
        reached = laws.goals(read, settings, wanted)
        print(f"\n{reached.to_string(index=False, float_format='%.4g', na_rep='')}")
    if out:
        with files.atomic(out) as temporary:
            found.to_csv(temporary, index=False)


def figures(
    table: Annotated[Path, typer.Argument(help="Results table (CSV).")],
    out: Annotated[Path, typer.Option(help="Folder for figures and the data behind them.")],
    path: ParamsFile = PARAMS,
) -> None:
    """Draw isoFLOP profiles, laws, and return against loss of a table of runs."""
    from ilscaling import laws, params, tables
    from ilscaling.show import figures as drawing

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
