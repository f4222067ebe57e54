"""Verbs about what the workflow made."""

from pathlib import Path
from typing import Annotated

import typer

from ilscaling import files, params
from ilscaling.cli.options import PARAMS, ParamsFile


def why(
    file: Annotated[Path, typer.Argument(help="A figure, table or artefact.")],
    path: ParamsFile = PARAMS,
) -> None:
    """Print where a file comes from: keys, parameters, code and versions back to the expert."""
    from ilscaling.pipeline import lineage
    from ilscaling.pipeline.keys import Keys

    print("\n".join(lineage.explain(file, Keys(params.read(path)))))


def compare(
    one: Annotated[str, typer.Argument(help="Commit, tag or experiment; or 'workspace'.")],
    other: Annotated[str, typer.Argument(help="The same.")] = "workspace",
    out: Annotated[Path, typer.Option(help="The page to write (HTML).")] = Path("compare.html"),
) -> None:
    """Write one offline page with the figures and exponents of two revisions side by side."""
    from ilscaling.pipeline import compare as comparing

    text = comparing.page(comparing.Revision(one), comparing.Revision(other))
    with files.atomic(out) as temporary:
        temporary.write_text(text)
    print(out.resolve())
