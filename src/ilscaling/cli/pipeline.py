"""Verbs about what the workflow made."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from ilscaling.errors import WorkflowError


def in_project(script: str, *arguments: str | Path) -> None:
    """Run a script of the current project's workflow, which alone knows where things are."""
    path = Path("workflow") / script
    if not path.is_file():
        raise WorkflowError(
            "this is not the folder of a study", where=str(path.resolve()), fix="cd PROJECT"
        )
    done = subprocess.run([sys.executable, path, *map(str, arguments)], check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)


def why(file: Annotated[Path, typer.Argument(help="A figure, table or artefact.")]) -> None:
    """Print where a file comes from: keys, parameters, code and versions back to the expert."""
    in_project("why.py", file)


def compare(
    one: Annotated[str, typer.Argument(help="Commit, tag or experiment; or 'workspace'.")],
    other: Annotated[str, typer.Argument(help="The same.")] = "workspace",
    out: Annotated[Path, typer.Option(help="The page to write (HTML).")] = Path("compare.html"),
) -> None:
    """Write one offline page with the figures and exponents of two revisions side by side."""
    in_project("compare.py", one, other, "--out", out)
