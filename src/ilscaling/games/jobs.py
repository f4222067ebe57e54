"""How recording is shared among jobs."""

from ilscaling.domains.atari.section import Emulator
from ilscaling.domains.gymnasium.section import Options
from ilscaling.domains.nethack.section import NetHackEmulator
from ilscaling.params import Recorded


def job(
    settings: Recorded, emulator: Emulator | NetHackEmulator | Options, number: int
) -> tuple[range, int]:
    """Seeds and steps of recording job `number` of `settings.jobs`.

    The jobs take turns at the seeds from `settings.seed` on, so that they never share one and
    use a short range. The steps leave room for dev and test to end with a whole episode each.
    """
    wanted = settings.train_steps + settings.dev_steps + settings.test_steps
    steps = -(-(wanted + 2 * (emulator.max_steps - 1)) // settings.jobs)
    return range(settings.seed + number, 2**31, settings.jobs), steps
