"""The verb that says how far games of NetHack came, as BALROG counts it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from ilscaling import files
from ilscaling.cli import snapshots, stores
from ilscaling.cli.options import PARAMS, ParamsFile, Study
from ilscaling.errors import GameError


def progression(
    who: Annotated[
        Path,
        typer.Argument(
            help="Demonstrations of NetHack (.../demos.zarr), or a snapshot"
            " (data/runs/.../BUDGET.safetensors), which plays its evaluation's games again."
        ),
    ],
    episodes: Annotated[
        int | None, typer.Option(help="Games, the first so many; default: all.", min=1)
    ] = None,
    split: Annotated[str, typer.Option(help="Of demonstrations: train, dev or test.")] = "test",
    out: Annotated[Path | None, typer.Option(help="Also write every game to this file.")] = None,
    path: ParamsFile = PARAMS,
    study: Study = None,
) -> None:
    """How far games of NetHack came, by BALROG's progression, beside the score.

    The larger of two estimates of how many people win who reached that dungeon level, or that
    experience level. It is bounded, so a law of it is a sigmoid.
    """
    import numpy as np

    recorded = who.suffix == ".zarr" or (who / "zarr.json").is_file()
    if recorded:
        stores.refuse_other(who, "progression")
    games = _recorded(who, split, episodes) if recorded else _played(who, path, study, episodes)
    rows = list(games)
    shown = {name: [row[name] for row in rows] for name in rows[0]}
    for name, values in shown.items():
        error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
        print(f"{name:12} {np.mean(values):10,.4g} +- {error:.2g}   (max {max(values):,.4g})")
    print(f"{len(rows)} games")
    if out is not None:
        files.write_json(out, {"of": str(who), "games": rows})


def _row(screens, score: float) -> dict[str, float]:
    from ilscaling.domains.nethack import progression as counted

    depth, level, value = counted.seen(screens)
    return {"progression": value, "depth": depth, "level": level, "score": score}


def _recorded(demos: Path, name: str, count: int | None) -> Iterator[dict]:
    from ilscaling import store

    split = store.open_split(demos, name)
    _refuse_other(split.attrs["game"], split.fields, demos)
    for number in range(min(split.episodes, count or split.episodes)):
        edges = (int(edge) for edge in split.starts[number : number + 2])
        yield _row(split.read("tty_chars", *edges), float(split.returns()[number]))


def _played(who: Path, path: Path, study: list[Path] | None, count: int | None) -> Iterator[dict]:
    agent, section = snapshots.agent(who, path, study)
    for number in range(count or section.evaluation.episodes):
        episode = agent.play(section, number=number)
        _refuse_other(episode.game, episode.observation, who)
        yield _row(episode.observation["tty_chars"], float(episode.score[-1]))


def _refuse_other(game: str, fields, who: Path) -> None:
    if "tty_chars" not in fields:
        raise GameError(
            f"progression is of NetHack, and this is of {game}",
            where=str(who),
            fix="ls -d data/demonstrations/nethack-*/demos.zarr",
        )
