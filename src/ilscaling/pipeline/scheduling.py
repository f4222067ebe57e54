"""What Snakemake's scheduler does too often."""

# What Snakemake takes for `--max-jobs-per-timespan` unless it is told.
DEFAULT = (100, 1)


def wake_no_more_than_needed(scheduler) -> None:
    """Take Snakemake's default limit of submissions away; another, that a user asked for, stays.

    With a limit each look for jobs to start sets a timer of a second for the next, and so does each
    job that finishes: the timers go on, one more for every job (Snakemake 9.27,
    `JobScheduler.schedule`). After 200 jobs that is half a core. No option says 'no limit'.

    Parameters
    ----------
    scheduler : snakemake.scheduling.job_scheduler.JobScheduler
        Before it has begun.
    """
    limiter = scheduler.job_rate_limiter
    limit = getattr(limiter, "_limit", None)
    if limit is not None and (limit.max_jobs, limit.timespan) == DEFAULT:
        scheduler.job_rate_limiter = None
