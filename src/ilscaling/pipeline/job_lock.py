"""One job at a time for what a key names, wherever and by whomever it is started.

A second job for the same output waits until the first one has ended, and then finds what it made.
The lock is a lock on a file, which the job inherits over an exec, so it ends with
the job, however that ends. Where locks do not reach other nodes (some mounts of Lustre and BeeGFS),
the file also names the Slurm job that holds it, and Slurm knows whether that one runs. Jobs that
write at once all the same do no harm: every file has a temporary name of its own and is renamed.
"""

import fcntl
import os
import shutil
import sys
import time
from pathlib import Path

SETTLE = 1.0  # seconds in which a lock on another node comes to light


STORE = Path("data")


def lock_file(made: Path) -> Path:
    """The lock of what a job makes, a file or a folder: in the store among the others, elsewhere
    beside it."""
    whole, store = made.resolve(), STORE.resolve()
    if whole.is_relative_to(store):
        name = str(whole.relative_to(store)).replace("/", "_")
        return store / ".locks" / f"{name}.lock"
    return made.parent / f".{made.name}.lock"


def acquire(file: Path, what: str, poll: float = 2.0) -> int:
    """Wait for the lock.

    Parameters
    ----------
    file
        The lock file.
    what
        What the job makes, for the message to who waits.
    poll
        Seconds between two tries.

    Returns
    -------
    int
        The descriptor that holds it, for the life of the process and of what it executes.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    mine, reported = os.environ.get("SLURM_JOB_ID", ""), None
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        holder = file.read_text(encoding="utf-8")
        if _locked(descriptor) and not _runs(holder, mine):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, mine.encode(), 0)
            os.fsync(descriptor)
            if mine:
                time.sleep(SETTLE)
            if file.read_text(encoding="utf-8") == mine:
                os.set_inheritable(descriptor, True)
                return descriptor
        os.close(descriptor)
        if reported != holder:
            by = f"job {holder}" if holder else "another job"
            print(f"waiting for {by}, which makes {what}", file=sys.stderr, flush=True)
            reported = holder
        time.sleep(poll)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system without locks: what the file says has to do
    return True


def _runs(holder: str, mine: str) -> bool:
    """Whether a job other than mine is named and runs."""
    if not holder or holder == mine:
        return False
    from ilscaling.pipeline import slurm  # late: hardly ever needed

    return slurm.is_running(holder)


def remove_temporaries(folder: Path, *patterns: str) -> None:
    """Remove what killed jobs left half-written.

    The caller holds the lock of what it is part of, so nobody writes there.

    Parameters
    ----------
    folder
        Where the files are.
    patterns
        Names that the finished files have, without suffix.
    """
    for pattern in patterns:
        for stale in folder.glob(f".{pattern}.*.tmp*"):
            if stale.is_dir():
                shutil.rmtree(stale, ignore_errors=True)
            else:
                stale.unlink(missing_ok=True)
