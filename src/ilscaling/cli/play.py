"""The verb that shows an agent or an expert at play."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from ilscaling.cli import outputs, snapshots, stores
from ilscaling.cli.options import PARAMS, ParamsFile, Study
from ilscaling.errors import GameError

# Of a film in seconds, and of steps a second.
LONGEST = 1e6


def play(
    who: Annotated[
        Path | None,
        typer.Argument(
            help="A snapshot (data/runs/.../BUDGET.safetensors), or demonstrations"
            " (.../demos.zarr), whose expert is shown. Default: the study's policy with the best"
            " return."
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--list", help="List the study's policies, the best first.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Animation to write (.gif, .mp4, .webm); NetHack without: here."),
    ] = None,
    number: Annotated[
        int | None,
        typer.Option("--episode", help="Which one; default: 0, of an expert the median.", min=0),
    ] = None,
    game: Annotated[
        str | None, typer.Option("--game", help="Section to play in; default: that of its game.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="0: the best action; default: the section's.", min=0)
    ] = None,
    seconds: Annotated[
        float, typer.Option(help="Length; of more, the best stretch.", min=0.1)
    ] = 20.0,
    whole: Annotated[bool, typer.Option("--whole", help="All of it, however long.")] = False,
    speed: Annotated[
        float | None, typer.Option(help="Steps a second; default: 15, of text 10.", min=0.1)
    ] = None,
    max_steps: Annotated[int | None, typer.Option(help="Stop after so many steps.", min=1)] = None,
    human: Annotated[
        bool, typer.Option("--human", help="In a window, where Gymnasium renders the game.")
    ] = False,
    path: ParamsFile = PARAMS,
    study: Study = None,
) -> None:
    """Watch an agent or the expert: NetHack in the terminal, others as a GIF or a video."""
    for option, value in (("--seconds", seconds), ("--speed", speed or 1.0)):
        if not value < LONGEST:
            raise GameError(f"{option} {value:g} is no length or speed", fix=f"{option} 20")
    if out is not None:
        from ilscaling.agents.film import refuse_kind

        refuse_kind(out)
    if every:
        _list(_trained(path, study, game))
        return
    if who is None:
        best = _trained(path, study, game)[0]
        who, game = best.file, best.section
        print(f"{who}: the best return in {game} (all: --list, others: --game)", file=sys.stderr)
    recorded = who.suffix == ".zarr" or (who / "zarr.json").is_file()
    if not recorded:
        _refuse_other(who)
    from ilscaling import agents

    if recorded:
        stores.refuse_other(who, "play")
        _load_extensions(path, study)
        shown = agents.recorded(who, number=number)
        section = None
    else:
        shown, section = _played(
            who, path, study, game, number=number or 0, temperature=temperature, max_steps=max_steps
        )
    length, score = len(shown), shown.score[-1]
    print(f"{shown.player} in {shown.game}: {length:,} steps, {score:,.6g} points", file=sys.stderr)
    if human:
        if section is None:
            raise GameError(
                "a recording has no emulator to open a window for",
                where=str(who),
                fix="--out FILE.gif, or a snapshot to play anew",
            )
        agents.show_in_window(shown, section, per_second=speed)
        return
    if out is None and shown.entry.replays:
        agents.show_in_terminal(shown, per_second=speed or 10)
        return
    # A run's folder is named by family, size, seed and key.
    name = "expert" if recorded else f"{who.resolve().parent.name.rpartition('-')[0]}-{who.stem}"
    file = out or outputs.free(Path(f"{shown.game}-{name}.gif"))
    made = agents.animate(shown, file, seconds=seconds, per_second=speed, whole=whole)
    print(f"{made}   {made.stat().st_size / 1e6:.1f} MB")


def _trained(path: Path, study: list[Path] | None, game: str | None) -> list:
    """What a study has trained; an error where that is nothing."""
    from ilscaling import params
    from ilscaling.pipeline import snapshots
    from ilscaling.pipeline.keys import Keys

    read = params.read(path, *(study or []))
    there = snapshots.trained(Keys(read), game)
    if not there:
        overlay = f" --configfile {shlex.join(map(str, study))}" if study else ""
        raise GameError(
            f"the study {read.study} has no policy that was trained and measured"
            + (f" in {game}" if game else ""),
            where="data/runs",
            fix=f"snakemake --cores all{overlay}   or a snapshot of another study: --study FILE",
        )
    return there


def _list(there: list) -> None:
    """Print a line a policy."""
    print(f"{'return':>10} {'dev loss':>9} {'FLOPs':>9} {'size':>5} seed  snapshot")
    for one in there:
        print(
            f"{one.return_mean:10,.1f} {one.dev_loss:9.3f} {one.budget:9.3g} {one.size:5} "
            f"{one.seed:4}  {one.file}"
        )


def _refuse_other(who: Path) -> None:
    """Refuse what is no snapshot by its name, before anything is said of its content."""
    inside = (
        [*who.glob("**/demos.zarr"), *who.glob("**/[0-9]*.safetensors")] if who.is_dir() else []
    )
    if who.is_dir() or who.suffix not in (".safetensors", ".json"):
        raise GameError(
            "neither a snapshot (BUDGET.safetensors) nor demonstrations (demos.zarr)",
            where=str(who),
            fix=shlex.join(["ilscaling", "play", str(inside[0])])
            if inside
            else "ilscaling play --list",
        )


def _played(who: Path, path: Path, study: list[Path] | None, game: str | None, **how):
    """An episode of a snapshot's policy, and the section that it was played in."""
    from ilscaling.progress import tqdm

    agent, section = snapshots.agent(who, path, study, game)
    with tqdm(unit="step", unit_scale=True, desc=f"playing {agent.game}") as bar:
        return agent.play(section, on_step=bar.update, **how), section


def _load_extensions(path: Path, study: list[Path] | None) -> None:
    """Know the entries that the study brings along, which may draw its game."""
    from ilscaling import params

    if path.exists():
        params.read(path, *(study or []))
