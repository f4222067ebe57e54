"""Measured return of an expert, kept in its record."""

from pathlib import Path

from ilscaling.domains.atari.player import playing
from ilscaling.domains.atari.section import Emulator
from ilscaling.files import write_json
from ilscaling.games.play import rollout
from ilscaling.games.score import summary
from ilscaling.progress import tqdm
from ilscaling.seeds import Purpose, seeds


def measure(
    expert_file: str | Path,
    emulator: Emulator,
    *,
    episodes: int = 100,
    lanes: int = 8,
    seed: int = 0,
    temperature: float = 1.0,
    noise: float = 0.0,
    threads: int = 1,
) -> dict:
    """Play whole episodes with an expert and write their `summary` into its record.

    Parameters
    ----------
    expert_file
        The expert; its record, the JSON beside it, gets `measured`, and keeps the rest.
    emulator
        How its game is run.
    episodes
        How many are played.
    lanes
        Episodes side by side.
    seed
        Number of the first episode of `seeds.Purpose.EXPERT`; the others follow.
    temperature
        Divides the logits; 0 is the best action.
    noise
        Share of steps that are played at random.
    threads
        CPU threads that step the lanes.

    Returns
    -------
    dict
        What then stands under `measured`.

    Raises
    ------
    ExpertError
        For a file that is no expert.
    """
    episode_seeds = seeds(Purpose.EXPERT, seed, count=episodes)
    bar = tqdm(total=episodes, unit="episode", desc="expert")
    lanes = min(lanes, episodes)
    with bar, playing(
        expert_file, emulator, lanes=lanes, temperature=temperature, noise=noise, threads=threads
    ) as its:  # fmt: skip
        played = rollout(its.game, its.act, seeds=episode_seeds, progress=bar.update)
    measured = {
        "seeds": [episode_seeds[0], episode_seeds[-1]],
        "temperature": temperature,
        "noise": noise,
        "emulator": emulator.model_dump(),
        **summary(played),
    }
    write_json(Path(expert_file).with_suffix(".json"), {**its.record, "measured": measured})
    return measured
