"""Measured return of an expert, kept in its record."""

from pathlib import Path

from ilscaling import games
from ilscaling.domains.atari.policy import STACK, load
from ilscaling.domains.atari.section import Emulator
from ilscaling.files import write_json
from ilscaling.games.play import Stacks, rollout
from ilscaling.games.score import summary
from ilscaling.policies.acting import probabilities
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
    threads: int = 1,
) -> dict:
    """Play the episodes number seed, seed + 1, ... for an expert's measurement (`seeds`) and
    write their `summary` into its record.

    Returns what then stands under `measured` in the JSON beside the expert; the rest of the
    record stays. Raises ExpertError for a file that is no expert.
    """
    policy, record = load(expert_file)
    episode_seeds = seeds(Purpose.EXPERT, seed, count=episodes)
    lanes = min(lanes, episodes)
    vector = games.make("atari", record["game"], lanes, emulator, threads=threads)
    bar = tqdm(total=episodes, unit="episode", desc=f"expert in {record['game']}")
    try:
        played = rollout(
            vector,
            Stacks(STACK, lambda stacks, episode: probabilities(policy, stacks, temperature)),
            seeds=episode_seeds,
            progress=bar.update,
        )
    finally:
        bar.close()
        vector.close()
    measured = {
        "seeds": [episode_seeds[0], episode_seeds[-1]],
        "temperature": temperature,
        "emulator": emulator.model_dump(),
        **summary(played),
    }
    write_json(Path(expert_file).with_suffix(".json"), {**record, "measured": measured})
    return measured
