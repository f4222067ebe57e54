"""How recording is shared among jobs."""

from ilscaling.params import Recorded
from ilscaling.seeds import Purpose, seeds


def job(settings: Recorded, max_steps: int, number: int) -> tuple[range, int]:
    """Seeds and steps of a recording job.

    The jobs take turns at the episodes from number `settings.seed` on, so that they never share
    one and use a short range. The steps leave room for dev and test to end with a whole episode
    each.

    Parameters
    ----------
    settings
        What is recorded, by how many jobs.
    max_steps
        Bound of an episode.
    number
        Which of the jobs, from 0 on.

    Returns
    -------
    tuple
        Seeds of all episodes that the job may play, and the steps that it records at least.

    Raises
    ------
    GameError
        If `settings.seed` leaves the job no episode.
    """
    wanted = settings.train_steps + settings.dev_steps + settings.test_steps
    steps = -(-(wanted + 2 * (max_steps - 1)) // settings.jobs)
    return seeds(Purpose.RECORDING, settings.seed + number, step=settings.jobs), steps
