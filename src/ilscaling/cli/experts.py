"""Verbs that make and measure experts."""

from pathlib import Path
from typing import Annotated

import typer

from ilscaling import files
from ilscaling.cli.options import PARAMS, GameName, ParamsFile, Threads, section
from ilscaling.domains.atari import section as atari_section
from ilscaling.domains.nethack import section as nethack_section


def train_expert(
    game: GameName,
    out: Annotated[Path, typer.Option(help="The policy to write (.safetensors).")],
    work: Annotated[Path, typer.Option(help="Checkpoints and TensorBoard log; resumed from.")],
    path: ParamsFile = PARAMS,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    threads: Threads = 1,
) -> None:
    """Train an Atari expert by PPO (Stable-Baselines3) and export its policy."""
    from ilscaling import games
    from ilscaling.domains.atari import ppo
    from ilscaling.learning import precision

    settings = section(path, game, atari_section.Atari)
    where = precision.device(device)
    ppo.train(
        games.name(game, settings),
        settings.emulator,
        settings.expert.ppo,
        out,
        work,
        device=where,
        bfloat16=precision.fast(where),
        threads=threads,
    )
    print(out)


def import_expert(
    game: GameName,
    file: Annotated[Path, typer.Argument(help="A Stable-Baselines3 .zip; no pickle is trusted.")],
    out: Annotated[Path, typer.Option(help="The policy to write (.safetensors).")],
) -> None:
    """Make an expert of a Stable-Baselines3 checkpoint (CnnPolicy, stack of 4)."""
    from ilscaling.domains.atari.importing import import_sb3

    import_sb3(file, out, game)
    print(out)


def measure_expert(
    expert: Annotated[Path, typer.Argument(help="Expert file (.safetensors).")],
    game: GameName,
    path: ParamsFile = PARAMS,
    episodes: Annotated[int, typer.Option(min=2)] = 100,
    threads: Threads = 1,
) -> None:
    """Play full episodes with an expert and write its return into the record beside it."""
    from ilscaling.domains.atari.measure import measure

    settings = section(path, game, atari_section.Atari)
    measured = measure(
        expert,
        settings.emulator,
        episodes=episodes,
        temperature=settings.expert.temperature,
        threads=threads,
    )
    print(f"return {measured['return_mean']:.2f} +- {measured['return_se']:.2f} (standard error)")


def measure_bot(
    game: GameName = "nethack",
    path: ParamsFile = PARAMS,
    episodes: Annotated[int, typer.Option(help="Whole games.", min=2)] = 200,
    seed: Annotated[int, typer.Option(help="Number of the first game.", min=0)] = 0,
    processes: Annotated[int, typer.Option(help="Games are played in parallel.", min=1)] = 1,
    out: Annotated[Path | None, typer.Option(help="Also write every game to this file.")] = None,
) -> None:
    """Play whole games with the built-in NetHack bot and print what it scores."""
    from ilscaling.domains.nethack.bot.play import measure
    from ilscaling.seeds import Purpose, seeds

    settings = section(path, game, nethack_section.NetHack)
    found = measure(
        settings.emulator, seeds(Purpose.EXPERT, seed, count=episodes), processes=processes
    )
    if out:
        files.write_json(out, found)
    print(
        f"score {found['return_mean']:,.0f} +- {found['return_se']:,.0f} (standard error),"
        f" median {found['return_median']:,.0f}, dungeon level {found['depth_mean']:.1f} on average"
        f" and {found['depth_max']:.0f} at most, {found['length_mean']:,.0f} keys a game,"
        f" {found['truncated']} games cut, {found['steps_per_second']:,.0f} keys a CPU second"
    )
