"""Verbs about what the workflow made."""

from pathlib import Path
from typing import Annotated

import typer

from ilscaling import files
from ilscaling.cli import outputs
from ilscaling.cli.options import PARAMS, ParamsFile
from ilscaling.errors import WorkflowError

STAGES = ("demonstrations", "runs", "evaluations", "results")


def why(
    file: Annotated[Path, typer.Argument(help="A figure, table or artefact.")],
    path: ParamsFile = PARAMS,
    short: Annotated[bool, typer.Option("--short", help="In a dozen lines.")] = False,
) -> None:
    """Print where a file comes from: keys, parameters, code and versions back to the expert."""
    from ilscaling import params
    from ilscaling.pipeline import lineage
    from ilscaling.pipeline.keys import Keys

    if file.exists() and not (file.is_file() or file.is_dir()):
        raise WorkflowError("neither a file nor a folder", where=str(file), fix=f"ls -l {file}")
    tell = lineage.summarise if short else lineage.explain
    print("\n".join(tell(file, Keys(params.read(path)))))


def compare(
    one: Annotated[str, typer.Argument(help="A study of results/, a commit, tag or experiment.")],
    other: Annotated[str, typer.Argument(help="The same.")] = "workspace",
    out: Annotated[
        Path | None, typer.Option(help="The page to write; default: compare.html, or a free name.")
    ] = None,
) -> None:
    """Write one offline page with the figures and exponents of two studies, or of two revisions
    of one, side by side."""
    from ilscaling.pipeline import compare as comparing

    text = comparing.page(comparing.Revision(one), comparing.Revision(other))
    out = out or outputs.free(Path("compare.html"))
    with files.atomic(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(out.resolve())


def keys(
    out: Annotated[Path, typer.Option(help="Folder for a file of each stage.")],
    path: ParamsFile = PARAMS,
) -> None:
    """Write down the keys of the study: DVC asks them whether a stage has anything to do."""
    from ilscaling import params
    from ilscaling.pipeline import artifact_store
    from ilscaling.pipeline.keys import Keys

    study = Keys(params.read(path))
    artifact_store.adopt(study)
    for stage in STAGES:
        files.write_json(out / f"{stage}.json", study.of_stage(stage))


def publish(
    stage: Annotated[str, typer.Argument(help="demonstrations, runs, evaluations or results.")],
    path: ParamsFile = PARAMS,
) -> None:
    """Make study/STAGE, which DVC records: what the study names in the store."""
    from ilscaling import params
    from ilscaling.pipeline import artifact_store
    from ilscaling.pipeline.keys import Keys

    artifact_store.open_store()
    artifact_store.publish(Keys(params.read(path)), stage)


def gc(
    days: Annotated[
        float, typer.Option("--unused-for", help="Days that no study has named it.", min=0)
    ] = 30.0,
    remove: Annotated[bool, typer.Option("--remove", help="Remove it.")] = False,
) -> None:
    """List, or remove, what no study has needed lately: of this folder, its experiments, or other
    clones that share the store."""
    from ilscaling.pipeline import artifact_store as store

    every, unused = list(store.artefacts()), store.unused(days)
    for path in unused:
        print(f"{store.size(path) / 1e6:10.1f} MB  {path}{'  removed' if remove else ''}")
        if remove:
            store.remove(path)
    print(f"{len(unused)} of {len(every)} artefacts of {store.folder()} unused for {days:g} days")
