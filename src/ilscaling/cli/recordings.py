"""Verbs of recordings: others' come in as demonstrations, ours go out."""

from pathlib import Path
from typing import Annotated

import typer

from ilscaling import files
from ilscaling.cli import ingest as nethack
from ilscaling.cli import job as jobs
from ilscaling.cli import outputs, stores
from ilscaling.cli.options import PARAMS, GameName, ParamsFile
from ilscaling.cli.sections import domain, section
from ilscaling.errors import ParamsError


def ingest(
    out: Annotated[Path, typer.Option(help="The store to write (demos.zarr).")],
    nld: Annotated[
        Path | None, typer.Option(help="NetHack: folder of recorded games in the layout of NLD.")
    ] = None,
    npz: Annotated[
        Path | None, typer.Option(help="Recordings in NumPy's .npz: a file, or a folder of such.")
    ] = None,
    minari: Annotated[Path | None, typer.Option(help="Folder of a data set of Minari.")] = None,
    field: Annotated[
        list[str] | None, typer.Option(help="OURS=THEIRS: a field of the recording by its name.")
    ] = None,
    game: GameName = "nethack",
    path: ParamsFile = PARAMS,
    processes: Annotated[int, typer.Option(help="Games are read in parallel.", min=1)] = 1,
    stamp: Annotated[Path | None, typer.Option(help="Also write a summary to this file.")] = None,
) -> None:
    """Make demonstrations of recorded games: NetHack's by --nld, of Atari or Gymnasium by others.

    What can be played again is, and refused with the frame where it differs. Beside the store
    stands ingest.json: every game or episode, what was taken of it, and why not.
    """
    given = {"nld": nld, "npz": npz, "minari": minari}
    kinds = [kind for kind, value in given.items() if value is not None]
    if len(kinds) != 1:
        raise ParamsError(
            "one source of recordings is wanted", where="ingest", fix="--nld, --npz or --minari"
        )
    outputs.refuse_neighbour(out)
    settings, kind = section(path, game), kinds[0]
    taken = getattr(settings.expert, "recordings", None)
    if (kind == "nld") == hasattr(taken, "format"):
        raise ParamsError(
            f"--{kind} is not of the domain {settings.domain!r}",
            where=f"{path}: games.{game}.domain",
            fix="--nld is of nethack; --npz and --minari of atari_recordings and "
            "gymnasium_recordings (docs/recordings.md)",
        )
    if nld is not None:
        if field:
            raise ParamsError("NLD names its own fields", where="--field", fix="leave it out")
        nethack.ingest(nld, out, game=game, path=path, processes=processes, stamp=stamp)
        return
    jobs.begin(out)
    fields = {**taken.fields, **_pairs(field or [])}
    taken = type(taken).model_validate({**taken.model_dump(), "format": kind, "fields": fields})
    expert = settings.expert.model_copy(update={"recordings": taken})
    settings = settings.model_copy(update={"expert": expert})
    summary = domain(settings).ingest(settings, given[kind], out, processes=processes)
    again = f"{summary['played_again']} of {summary['episodes']} played again and the same"
    print(f"{out}: {summary['episodes']} episodes, {summary['steps']:,} steps; {again}")
    if stamp:
        files.write_json(stamp, summary)


def _pairs(fields: list[str]) -> dict[str, str]:
    """'OURS=THEIRS' pairs as a dictionary."""
    from ilscaling.domains.recordings.section import FIELDS

    pairs = {}
    for pair in fields:
        ours, equals, theirs = pair.partition("=")
        if not equals or not theirs or ours not in FIELDS:
            raise ParamsError(
                f"{pair!r} maps no field",
                where="--field",
                fix=f"--field OURS=THEIRS, where OURS is one of {', '.join(FIELDS)}",
            )
        pairs[ours] = theirs
    return pairs


def export(
    demos: Annotated[Path, typer.Argument(help="Demonstrations (demos.zarr).")],
    minari: Annotated[Path, typer.Option(help="Folder to write a data set of Minari a split in.")],
    path: ParamsFile = PARAMS,
) -> None:
    """Write demonstrations of Atari or Gymnasium as data sets of Minari, final observation and all.

    Every episode is played again by its seed, and must be what the store holds.
    """
    from ilscaling import params
    from ilscaling.domains.recordings.export import export as write

    stores.refuse_other(demos, "export")
    jobs.begin(minari)
    if path.is_file():
        params.read(path)  # its extensions hold a game of Gymnasium
    for name, count in write(demos, minari).items():
        print(f"{minari / name}: {count:,} episodes")
