"""The verb that writes a first study of a game."""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from ilscaling import files
from ilscaling.cli.options import PARAMS, ParamsFile
from ilscaling.errors import ParamsError


def new(
    domain: Annotated[str, typer.Argument(help="Whose game: atari, gymnasium, or an extension's.")],
    game: Annotated[str, typer.Argument(help="Which: pong, space_invaders; CartPole-v1.")],
    minutes: Annotated[float, typer.Option(help="How long it may take.", min=1)] = 20.0,
    name: Annotated[str | None, typer.Option(help="Of the study; default: the game's.")] = None,
    cores: Annotated[int | None, typer.Option(help="Jobs at once; default: all.", min=1)] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a study that is there.")
    ] = False,
    path: ParamsFile = PARAMS,
) -> None:
    """Write a study of a game that suits a time: studies/NAME.yaml, laid over params.yaml."""
    from ilscaling import params, registry

    whole = params.read(path)
    entry = registry.get("DOMAIN", domain, "ilscaling new")
    starter = entry.starter(game)
    study = name or starter.name or game
    if study == whole.study:
        raise ParamsError(
            f"{study} is the study of {path}: every run of it would change",
            where="--name",
            fix=f"--name {starter.name or game}",
        )
    file = Path(f"studies/{study}.yaml")
    if not force and file.exists():
        raise ParamsError(
            f"there already: {file}",
            where="ilscaling new",
            fix=f"--name {study}_2   or --force",
        )
    at_once = cores or os.cpu_count() or 1
    # What may have been edited since an earlier start is used as it is.
    added = [name for name in starter.files if not Path(name).exists()]
    try:
        for name in added:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            with files.atomic(name) as temporary:
                temporary.write_text(starter.files[name], encoding="utf-8")
        text, planned = _study(starter, game, study, whole, path, 60 * minutes, at_once)
    except BaseException:
        # A refusal leaves nothing behind that would stand in the way of its remedy.
        for name in added:
            Path(name).unlink(missing_ok=True)
            shutil.rmtree(Path(name).parent / "__pycache__", ignore_errors=True)
            with suppress(OSError):
                Path(name).parent.rmdir()
        raise
    file.parent.mkdir(exist_ok=True)
    with files.atomic(file) as temporary:
        temporary.write_text(text, encoding="utf-8")
    kept = [name for name in starter.files if name not in added]
    print("\n".join([str(file), *added, *(f"{name}   (as it was)" for name in kept)]))
    after = " once the expert is trained, which says how long it takes" if starter.first else ""
    print(f"\nabout {planned / 60:.0f} minutes on {at_once} cores{after}. Next:")
    steps = [starter.first, f"ilscaling plan --study {file}",
             f"snakemake --cores all --configfile {file}"]  # fmt: skip
    print("\n".join(f"    {step}" for step in steps if step))


def _study(
    starter, game: str, study: str, whole, path: Path, seconds: float, at_once: int
) -> tuple[str, float]:
    """Text of the study that suits the time, and the seconds that the plan says."""
    import yaml

    from ilscaling import grid, params
    from ilscaling.cli.planning import speed_here
    from ilscaling.plan import starting

    others = dict.fromkeys(whole.games)
    extensions = sorted(starter.files)
    speed = speed_here(whole, calibrate=False)

    def overlay(scale: float, expert: float) -> dict:
        section = starter.section(scale, expert)
        own = {"extensions": extensions} if extensions else {}
        return {"study": study, **own, "games": {**others, starter.name or game: section}}

    def made(scale: float, expert: float):
        values = params.overlay(files_of(path), overlay(scale, expert))
        made = params.check(values, where=f"studies/{study}.yaml")
        grid.cells(made)  # refuses one without a cell
        return made

    expert = 1.0
    if starter.expert_share:
        # What trains the expert is planned first; the rest of the time is the study's.
        least = starting.smallest(lambda s: made(s, 1e-9))
        tiny = starting.takes(made(least, 1e-9), at_once, speed)
        full = starting.takes(made(least, 1.0), at_once, speed)
        # What the expert leaves must be enough for the smallest study.
        if (needed := 1.1 * tiny / (1 - starter.expert_share)) > seconds:
            raise ParamsError(
                f"the smallest study takes about {needed / 60:.0f} minutes here",
                where="--minutes",
                fix=f"--minutes {int(needed / 60) + 1}",
            )
        expert = min(1.0, starter.expert_share * seconds / max(full - tiny, 1.0))
    scale = starting.scale(lambda s: made(s, expert), seconds, at_once, speed)
    planned = starting.takes(made(scale, expert), at_once, speed)
    head = [
        f"A first study of {game}: about {planned / 60:.0f} minutes on {at_once} cores by the plan",
        f"({speed.origin}).",
        *starter.notes,
        f"    snakemake --cores all --configfile studies/{study}.yaml",
    ]
    text = "".join(f"# {line}\n" for line in head)
    text += yaml.safe_dump(overlay(scale, expert), sort_keys=False, default_flow_style=None)
    return text, planned


def files_of(path: Path) -> dict:
    """The parameter file as it is written."""
    from ilscaling.parameter_files import read_mapping

    return read_mapping(path)
