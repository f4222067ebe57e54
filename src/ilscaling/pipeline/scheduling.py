"""What Snakemake's scheduler does too often."""


def wake_no_more_than_needed(scheduling) -> None:
    """Take Snakemake's default limit of submissions away; another, that a user asked for, stays.

    With a limit each look for jobs to start sets a timer of a second for the next, and so does each
    job that finishes: the timers go on, one more for every job (Snakemake 9.27,
    `JobScheduler.schedule`). After 200 jobs that is half a core. No setting says 'no limit'.

    Parameters
    ----------
    scheduling : snakemake.settings.types.SchedulingSettings or None
        Of the workflow, before its scheduler is made; None in a dry run.
    """
    limit = getattr(scheduling, "max_jobs_per_timespan", None)
    if limit is not None and (limit.max_jobs, limit.timespan) == (100, 1):
        scheduling.max_jobs_per_timespan = None
