"""The verb that makes demonstrations of recorded games."""

from pathlib import Path
from typing import Annotated

import typer

from ilscaling import files
from ilscaling.cli import job as jobs
from ilscaling.cli.options import PARAMS, GameName, ParamsFile
from ilscaling.cli.sections import domain, section


def ingest(
    nld: Annotated[Path, typer.Option(help="Folder of recorded games in the layout of NLD.")],
    out: Annotated[Path, typer.Option(help="The store to write (demos.zarr).")],
    game: GameName = "nethack",
    path: ParamsFile = PARAMS,
    processes: Annotated[int, typer.Option(help="Games are read in parallel.", min=1)] = 1,
    stamp: Annotated[Path | None, typer.Option(help="Also write a summary to this file.")] = None,
) -> None:
    """Make demonstrations of recorded games: of NetHack, the bot's, NLD-AA or anybody's; of BabyAI.

    Beside the store stands ingest.json: every game, kept or left out and why.
    """
    jobs.begin(out)
    settings = section(path, game)
    summary = domain(settings).ingest(settings, nld, out, processes=processes)
    if stamp:
        files.write_json(stamp, summary)
