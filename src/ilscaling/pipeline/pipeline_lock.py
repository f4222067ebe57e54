"""One pipeline a folder."""

import errno
import os
import socket
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from ilscaling import files
from ilscaling.errors import WorkflowError

HOLDER = "pipeline.json"  # beside the lock: who holds it
# What a file system without locks answers; without the call itself, FileLock helps itself.
WITHOUT_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL)


def acquire(folder: str | Path) -> BaseFileLock:
    """Take the folder's lock, or raise WorkflowError; the kernel releases it with the process,
    however it ends. On a file system without locks a file names the process, and counts while that
    one is there.

    Jobs do not inherit it: one that outlives a killed pipeline must not block the next one.
    """
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    try:
        lock = _taken(folder)
    except Timeout:
        holder = _holder(folder)
        raise WorkflowError(
            f"another pipeline is running in this folder{holder}",
            where=str(Path.cwd()),
            fix="wait for it, or stop it by Ctrl-C or kill",
        ) from None
    files.write_json(folder / HOLDER, {"process": os.getpid(), "host": socket.gethostname()})
    return lock


def _taken(folder: Path) -> BaseFileLock:
    try:
        lock: BaseFileLock = FileLock(folder / "pipeline.lock")
        lock.acquire(timeout=0)
    except OSError as error:
        if isinstance(error, Timeout) or error.errno not in WITHOUT_LOCKS:
            raise
        lock = SoftFileLock(folder / "pipeline.held")
        lock.acquire(timeout=0)
    return lock


def _holder(folder: Path) -> str:
    try:
        known = files.read_json(folder / HOLDER)
        return f" (process {known['process']} on {known['host']})"
    except (OSError, ValueError, LookupError):
        return ""
