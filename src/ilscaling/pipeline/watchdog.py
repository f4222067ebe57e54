"""No job outlives its pipeline, and no pipeline the `dvc` that started it, however they end.

    python -m ilscaling.pipeline.watchdog MARK PIPELINE [STARTER ...]

A process of its own session waits for the end of the processes it is given. When one ends, whatever
still runs under the pipeline's mark (an environment variable that its jobs inherit) is asked to
stop, then killed: a killed pipeline leaves nothing behind that writes into the next one's files.
What a killed pipeline had finished goes into the store of `artifact_store.py`.
"""

import atexit
import os
import select
import signal
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path

from ilscaling.errors import WorkflowError

MARK = "ILSCALING_PIPELINE"
SLURM = "SLURM_JOB_ID"
GRACE = 5.0  # seconds in which a training job may save its state
SHELLS = {"sh", "bash", "dash", "zsh", "ksh", "fish"}
INITS = {"init", "systemd", "tini", "dumb-init", "docker-init"}  # who inherits orphans


def fasten() -> None:
    """Mark the jobs that this process will start as its own, and set a watcher over them.

    Whatever an earlier pipeline of this folder has left running is stopped first; the caller holds
    the folder's lock.
    """
    here, above = str(Path.cwd()), starters()
    stop(f" {here}")
    mark = f"{uuid.uuid4().hex} {here}"
    os.environ.pop(MARK, None)  # the watcher is not a job
    given = [
        sys.executable,
        "-m",
        "ilscaling.pipeline.watchdog",
        mark,
        str(os.getpid()),
        *map(str, above),
    ]
    watcher = subprocess.Popen(
        given, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    atexit.register(_orderly, watcher)
    os.environ[MARK] = mark


def _orderly(watcher: subprocess.Popen) -> None:
    """Tell the watcher that this process has come to its end by itself."""
    with suppress(OSError):
        watcher.stdin.write(b".")
        watcher.stdin.close()
    watcher.returncode = 0  # it goes on for a moment, which is not worth a warning


def starters() -> list[int]:
    """Process of the `dvc` that started this one, maybe through a shell; none without DVC.

    Raises WorkflowError if it has died already: nobody would record what this pipeline makes.
    """
    if "DVC_STAGE" not in os.environ:
        return []
    found = [os.getppid()]
    with suppress(OSError):
        name, above = _status(found[0])
        if name in SHELLS:
            found.append(above)
        if _status(found[-1])[0] not in INITS and found[-1] > 1:
            return found
    raise WorkflowError(
        "the dvc that started this pipeline has ended", where=str(Path.cwd()), fix="dvc repro"
    )


def _status(process: int) -> tuple[str, int]:
    """Name and parent of a process."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in lines if ":" in line)
    return values["Name"].strip(), int(values["PPid"])


def marked(ending: str) -> list[int]:
    """Processes, this one apart, whose mark ends so; without those of other Slurm jobs, which
    inherit it, may share the machine, and are Slurm's to end."""
    found, own = [], f"{SLURM}={os.environ.get(SLURM, '')}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # another user's, or gone
        ours = all(e == own for e in environment if e.startswith(f"{SLURM}=".encode()))
        marks = [e for e in environment if e.startswith(f"{MARK}=".encode())]
        marked = ours and marks and marks[0].endswith(ending.encode())
        if marked and int(folder.name) != os.getpid():
            found.append(int(folder.name))
    return found


def stop(ending: str) -> None:
    """End the processes whose mark ends so, and wait until they are gone."""
    asked: set[int] = set()
    patient = time.monotonic() + GRACE
    while left := set(marked(ending)):
        if time.monotonic() > patient:
            _signal(left, signal.SIGKILL)
        else:
            _signal(left - asked, signal.SIGTERM)
        asked |= left
        time.sleep(0.05)


def _signal(processes: set[int], number: int) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)


def main(mark: str, pipeline: int, *starters: int) -> None:
    watched, gone = {}, False
    for process in (pipeline, *starters):
        try:
            watched[process] = os.pidfd_open(process)
        except ProcessLookupError:
            gone = True
    if not gone:
        select.select(list(watched.values()), [], [])
    if pipeline in watched:
        # By its descriptor, which never means another process; of one that ended it says so.
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(watched[pipeline], signal.SIGKILL)
    stop(mark)
    if not sys.stdin.buffer.read():
        from ilscaling.pipeline import (
            artifact_store,  # late: it is slow to import, and hardly ever needed
        )

        artifact_store.Keeper().keep()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
