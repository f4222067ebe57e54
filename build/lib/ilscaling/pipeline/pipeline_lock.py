"""One pipeline a folder."""

import os
import socket
from pathlib import Path

from filelock import FileLock, Timeout

from ilscaling import files
from ilscaling.errors import WorkflowError

HOLDER = "pipeline.json"  # beside the lock: who holds it


def acquire(folder: str | Path) -> FileLock:
    """Take the folder's lock, or raise WorkflowError; the kernel releases it with the process,
    however it ends.

    Jobs do not inherit it: one that outlives a killed pipeline must not block the next one.
    """
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    lock = FileLock(folder / "pipeline.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        holder = _holder(folder)
        raise WorkflowError(
            f"another pipeline is running in this folder{holder}",
            where=str(Path.cwd()),
            fix="wait for it, or stop it by Ctrl-C or kill",
        ) from None
    files.write_json(folder / HOLDER, {"process": os.getpid(), "host": socket.gethostname()})
    return lock


def _holder(folder: Path) -> str:
    try:
        known = files.read_json(folder / HOLDER)
        return f" (process {known['process']} on {known['host']})"
    except (OSError, ValueError, LookupError):
        return ""
