"""Measures how fast this machine records an Atari game and makes a store of it."""

from pathlib import Path

from ilscaling import calibration, games
from ilscaling.domains.atari import policy
from ilscaling.domains.atari.record import record
from ilscaling.domains.atari.section import Atari
from ilscaling.seeds import Purpose, seeds
from ilscaling.store import shard


def calibrate(name: str, section: Atari, folder: Path, restart: float) -> calibration.Recorded:
    """Let an expert with untrained weights play, and shard its part; see `Domain.calibrate`.

    Parameters
    ----------
    name, section
        Name of the section, and its parameters.
    folder
        Where the store and what leads to it are written.
    restart
        Seconds to start an episode, which are left out.

    Returns
    -------
    Recorded
        The store, and seconds a step of recording and of sharding.
    """
    game, actions = games.name(name, section), list(games.of(name, section).actions)
    width = section.expert.ppo.width
    expert, part = folder / "expert.safetensors", folder / "part.zip"
    made = {"game": game, "width": width, "actions": actions}
    policy.save(expert, policy.ExpertPolicy(width, len(actions)), made)

    def play(longest: int) -> tuple[float, int]:
        """Seconds and steps of one round of episodes, their starts apart."""
        began = calibration.CLOCK()
        lanes, emulator = (
            calibration.LANES,
            section.emulator.model_copy(update={"max_steps": longest}),
        )
        steps = record(
            expert, game, emulator, temperature=1.0, seeds=seeds(Purpose.CALIBRATION), lanes=lanes,
            steps=lanes * longest, out=part,
        )["steps"]  # fmt: skip
        return calibration.CLOCK() - began - restart * len(steps), sum(steps)

    # Loading ROMs and weights is in both, and so not in their difference.
    (few, short), (many, long) = play(calibration.EPISODE // 8), play(calibration.EPISODE)
    demos, settings = folder / "demos.zarr", calibration.wanted(section, long)
    writing = calibration.seconds(lambda: shard.shard([part], demos, settings=settings))
    return calibration.Recorded(demos, max(many - few, 0.0) / (long - short), writing / long)
