"""How recording is shared among jobs."""

from ilscaling.games.seeds import Purpose, seeds
from ilscaling.params import Emulator, NetHackEmulator, Options, Recorded


def job(
    settings: Recorded, emulator: Emulator | NetHackEmulator | Options, number: int
) -> tuple[range, int]:
    """Seeds and steps of recording job `number` of `settings.jobs`.

    The jobs take turns at the seeds from `settings.seed` on, so that they never share one and
    use a short range. The steps leave room for dev and test to end with a whole episode each.
    """
    wanted = settings.train_steps + settings.dev_steps + settings.test_steps
    steps = -(-(wanted + 2 * (emulator.max_steps - 1)) // settings.jobs)
    return seeds(Purpose.RECORDING, settings.seed + number, step=settings.jobs), steps
