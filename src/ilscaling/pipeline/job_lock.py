"""Run a command as the only one that makes what a key names: `data/runs/GAME/RUN-KEY`, say.

    python -m ilscaling.pipeline.job_lock PATH COMMAND ...

A second job for the same path waits until the first one has ended, and then finds what it made.
The claim is a lock on a file that the command inherits, so it ends with it, however that ends.
Where locks do not reach other nodes (some mounts of Lustre and BeeGFS), the file also names the
Slurm job that holds it, and Slurm knows whether that one runs. Jobs that write at once all the
same do no harm: every file has a temporary name of its own and is renamed.
"""

import fcntl
import os
import sys
import time
from pathlib import Path

FOLDER = Path(".snakemake/claims")  # beside the data, of which DVC would record it
SETTLE = 1.0  # seconds in which a claim on another node comes to light


def take(path: str, folder: Path = FOLDER, poll: float = 2.0) -> int:
    """Wait for the claim to `path`; returns the descriptor that holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{path.strip('/').replace('/', '_')}.lock"
    mine, told = os.environ.get("SLURM_JOB_ID", ""), None
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        holder = file.read_text()
        if _locked(descriptor) and not _holds(holder, mine):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, mine.encode(), 0)
            os.fsync(descriptor)
            if mine:
                time.sleep(SETTLE)
            if file.read_text() == mine:
                return descriptor
        os.close(descriptor)
        if told != holder:
            by = f"job {holder}" if holder else "another job"
            print(f"waiting for {by}, which makes {path}", file=sys.stderr, flush=True)
            told = holder
        time.sleep(poll)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system without locks: what the file says has to do
    return True


def _holds(holder: str, mine: str) -> bool:
    """Whether a job other than mine is named and runs."""
    if not holder or holder == mine:
        return False
    from ilscaling.pipeline import slurm  # late: hardly ever needed

    return slurm.runs(holder)


def main(path: str, command: list[str]) -> None:
    os.set_inheritable(take(path), True)
    os.execvp(command[0], command)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: python -m ilscaling.pipeline.job_lock PATH COMMAND ...")
    main(sys.argv[1], sys.argv[2:])
