"""How recording is shared among jobs."""

from ilscaling.params import Recorded
from ilscaling.seeds import Purpose, seeds


def job(settings: Recorded, max_steps: int, number: int) -> tuple[range, int]:
    """Seeds and steps of recording job `number` of `settings.jobs`.

    The jobs take turns at the seeds from `settings.seed` on, so that they never share one and
    use a short range. The steps leave room for dev and test to end with a whole episode each.
    """
    wanted = settings.train_steps + settings.dev_steps + settings.test_steps
    steps = -(-(wanted + 2 * (max_steps - 1)) // settings.jobs)
    return seeds(Purpose.RECORDING, settings.seed + number, step=settings.jobs), steps
