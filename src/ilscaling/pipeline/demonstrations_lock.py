"""One pipeline at a time makes demonstrations, of all that share a store.

Recordings are temporary: who has made a store of them removes them, and what is due a pipeline
decides when it starts. So a second one waits before its first job, and then has to plan anew.
"""

import sys
from collections.abc import Collection, Iterable
from pathlib import Path

from filelock import FileLock, Timeout

from ilscaling.pipeline import job_lock, watchdog
from ilscaling.pipeline.keys import Keys
from ilscaling.pipeline.pipeline_lock import WITHOUT_LOCKS


def acquire(
    keys: Keys, outputs: Collection[str], missing: Collection[str], poll: float = 1.0
) -> list[FileLock] | None:
    """Take the locks of the demonstrations that are to be made, waiting for other pipelines.

    Parameters
    ----------
    keys
        The study.
    outputs
        What the pipeline's jobs make.
    missing
        What of it was not there when the pipeline was planned.
    poll
        Seconds between two tries.

    Returns
    -------
    list or None
        The locks, which end with the process and which its jobs do not inherit; none where the file
        system has no locks. None if the plan may not hold any longer.
    """
    stamps = {keys.demos_stamp(game): game for game in keys.params.games}
    locks: dict[Path, FileLock] = {}
    for stamp in sorted(stamps.keys() & set(outputs)):
        made = {Path(stamp).parent, *(Path(part).parent for part in keys.parts(stamps[stamp]))}
        fresh = {job_lock.lock_file(folder) for folder in made} - locks.keys()
        for file in sorted(fresh):  # in one order, so that no two wait for each other
            lock = _acquired(file, Path(stamp), poll, planned=stamp not in missing)
            if lock is None:
                return _release(locks.values())
            locks[file] = lock
        if stamp in missing and Path(stamp).exists():
            return _release(locks.values())
    return list(locks.values())


def _release(locks: Iterable[FileLock]) -> None:
    for lock in locks:
        lock.release()


def _acquired(file: Path, stamp: Path, poll: float, *, planned: bool) -> FileLock | None:
    """The lock; None after it had to be waited for."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lock, waited = FileLock(file, mode=0o666), False  # a store may be several users'
    while True:
        try:
            lock.acquire(timeout=poll if waited else 0)
        except Timeout:
            if not waited:
                print(f"waiting for another pipeline, which makes {stamp.parent}", file=sys.stderr)
            waited = True
            watchdog.dvc_ancestors()  # refuses to wait on when they have ended
            if stamp.exists() and not planned:
                return None
            continue
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                raise
            return lock  # a file system without locks: what stops goes on by the same command
        if not waited:
            return lock
        lock.release()
        return None
