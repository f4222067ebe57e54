"""The verb of laws of more than size and data."""

from pathlib import Path
from typing import Annotated

import typer

from ilscaling import files
from ilscaling.cli.fit import Columns, Table, read_study, table_and_settings
from ilscaling.cli.options import PARAMS, ParamsFile, Study


def relations(
    table: Table,
    out: Annotated[Path, typer.Option(help="Where to write the numbers (CSV).")],
    path: ParamsFile = PARAMS,
    study: Study = None,
    column: Columns = None,
    pool: Annotated[
        bool, typer.Option("--pool", help="Take sections of one game together.")
    ] = False,
    bootstrap: Annotated[
        int | None, typer.Option(help="Resamples of the runs; 0: none.", min=0)
    ] = None,
) -> None:
    """Fit laws of more than size and data: return on loss, repeated data, horizon.

    docs/relations.md says what each one needs. Each law is fitted where the table has its columns,
    with intervals, the error of predicting the next budget, and a verdict against its rival.
    """
    from ilscaling.laws import relations as laws

    read, settings = table_and_settings(table, column, read_study(path, study), bootstrap=bootstrap)
    estimates = laws.table(read, settings, pooled=pool)
    with files.atomic(out) as temporary:
        estimates.to_csv(temporary, index=False, float_format="%.10g")
    for (game, name), rows in estimates.groupby(["game", "relation"], sort=False):
        values = ", ".join(
            f"{row.parameter} {row.estimate:.4g} [{row.low:.4g}, {row.high:.4g}]"
            for row in rows.itertuples()
        )
        print(f"{game}: {name}: {values}")
        for said in filter(None, (rows["verdict"].iloc[0], rows["flags"].iloc[0])):
            print(f"    {said}")
