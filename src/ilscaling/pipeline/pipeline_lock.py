"""One pipeline a folder."""

import atexit
import fcntl
import os
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

from ilscaling.errors import WorkflowError

SILENT = 60.0  # seconds without a beat after which a pipeline on another node is dead


def hold(folder: str | Path) -> int:
    """Take the folder's pipeline lock, or refuse; clears what a killed Snakemake left locked.

    The kernel releases the lock with the process, however it ends. Whoever holds it knows that no
    other Snakemake runs here, so Snakemake's own lock files must be a dead one's. On a cluster's
    file systems a lock may not be seen from another node; there the holder's beat counts.
    Returns the descriptor that holds the lock for the life of the process.
    """
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    lock = folder / "ilscaling.lock"
    # Not inherited by jobs: a job that outlives a killed pipeline must not block the next one.
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    process, _, host = os.pread(descriptor, 300, 0).decode().strip().partition(" ")
    here = socket.gethostname()
    refusal = WorkflowError(
        f"another pipeline is running in this folder (process {process} on {host})",
        where=str(Path.cwd()),
        fix=f"wait for it, or stop it: kill {process}"
        + ("" if host == here else f"   on {host}; one that died counts for {SILENT:.0f} s"),
    )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise refusal from None
    if host not in ("", here) and time.time() - os.fstat(descriptor).st_mtime < SILENT:
        os.close(descriptor)
        raise refusal
    mine = f"{os.getpid()} {here}"
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, mine.encode(), 0)
    threading.Thread(target=_beat, args=(lock, mine), daemon=True).start()
    atexit.register(_release, lock, mine)
    for stale in (folder / "locks").glob("*.lock"):
        stale.unlink(missing_ok=True)
    return descriptor


def _beat(lock: Path, mine: str) -> None:
    """Tell other nodes, by the time of the lock file, that its holder lives."""
    with suppress(OSError):
        while lock.read_text() == mine:
            os.utime(lock)
            time.sleep(SILENT / 4)


def _release(lock: Path, mine: str) -> None:
    with suppress(OSError):
        if lock.read_text() == mine:
            os.truncate(lock, 0)
