"""Measures how fast this machine records NetHack and makes a store of it."""

from pathlib import Path

from ilscaling import calibration
from ilscaling.domains.nethack import ingest, recording
from ilscaling.domains.nethack.section import NetHack
from ilscaling.seeds import Purpose, seeds

STEPS = 8_000


def calibrate(section: NetHack, folder: Path, restart: float) -> calibration.Recorded:
    """Let the bot play `STEPS` keys and ingest its games; see `Domain.calibrate`.

    Parameters
    ----------
    section
        Of the study.
    folder
        Where the store and what leads to it are written.
    restart
        Seconds to start a game, which are left out.

    Returns
    -------
    Recorded
        The store, and seconds a step of recording and of ingesting.
    """
    began = calibration.CLOCK()
    # The bot's games are long; the emulator's limit keeps whole ones for dev and test.
    limit = {"max_steps": 4 * calibration.EPISODE}
    emulator = section.emulator.model_copy(update=limit)
    recordings = folder / "recordings"
    recordings.mkdir(parents=True)
    played = recording.record_games(
        emulator, seeds=seeds(Purpose.CALIBRATION), steps=STEPS, out=recordings / "job-0"
    )
    steps = sum(game["steps"] for game in played)
    playing = calibration.CLOCK() - began - restart * len(played)
    demos, settings = folder / "demos.zarr", calibration.wanted(section, steps)
    writing = calibration.seconds(lambda: ingest.ingest(recordings, demos, settings=settings))
    return calibration.Recorded(demos, max(playing, 0.0) / steps, writing / steps)
