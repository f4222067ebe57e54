"""Verbs that import and measure experts."""

from pathlib import Path
from typing import Annotated

import typer

from ilscaling import files
from ilscaling.cli.options import PARAMS, GameName, ParamsFile, Study, Threads
from ilscaling.cli.sections import domain
from ilscaling.errors import ParamsError


def section_of(game: str, path: Path, study: list[Path] | None):
    """The section of a game in a parameter file and its overlays.

    Parameters
    ----------
    game
        Its name.
    path
        The parameter file.
    study
        Overlays of it.

    Raises
    ------
    ParamsError
        For one that is not there.
    """
    from ilscaling import params

    games = params.read(path, *(study or [])).games
    if game not in games:
        raise ParamsError(
            f"no game {game!r} in the study",
            where=f"{', '.join(map(str, [path, *(study or [])]))}: games",
            fix=f"--game {next(iter(games))}   or --study studies/NAME.yaml, which has it",
        )
    return games[game]


def import_expert(
    game: Annotated[str, typer.Option("--game", help="The game that it plays.")],
    file: Annotated[Path, typer.Argument(help="A Stable-Baselines3 .zip; no pickle is trusted.")],
    out: Annotated[Path, typer.Option(help="The policy to write (.safetensors).")],
    of: Annotated[str, typer.Option("--domain", help="Domain of the game.")] = "atari",
) -> None:
    """Make an expert of a Stable-Baselines3 checkpoint (CnnPolicy, stack of 4)."""
    from ilscaling import registry

    registry.get("DOMAIN", of, "--domain").import_expert(game, file, out)
    print(out)


def measure_expert(
    game: GameName,
    expert: Annotated[
        Path | None, typer.Argument(help="Expert file (.safetensors), of Atari games.")
    ] = None,
    path: ParamsFile = PARAMS,
    study: Study = None,
    episodes: Annotated[int, typer.Option(help="Whole episodes.", min=2)] = 100,
    seed: Annotated[int, typer.Option(help="Number of the first episode.", min=0)] = 0,
    processes: Annotated[int, typer.Option(help="NetHack: games in parallel.", min=1)] = 1,
    out: Annotated[Path | None, typer.Option(help="Also write what was played here.")] = None,
    threads: Threads = 1,
) -> None:
    """Play full episodes with the expert of a game's demonstrations, such as NetHack's bot.

    The return of a trained Atari expert is written into the record beside it.
    """
    settings = section_of(game, path, study)
    measured = domain(settings).measure_expert(
        game, settings, expert, episodes=episodes, seed=seed, processes=processes, threads=threads
    )
    if out is not None:
        files.write_json(out, measured)
    print(
        f"return {measured['return_mean']:,.2f} +- {measured['return_se']:,.2f} (standard error),"
        f" median {measured['return_median']:,g}, {measured['length_mean']:,.0f} steps an episode,"
        f" {measured['truncated']} cut"
    )
