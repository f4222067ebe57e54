"""No job outlives its pipeline, and no pipeline the `dvc` that started it, however they end.

    python -m ilscaling.pipeline.watchdog TAG PIPELINE [ANCESTOR ...]

A process of its own session waits for the end of the processes it is given. When one ends, whatever
still runs under the pipeline's tag (an environment variable that its jobs inherit) is asked to
stop, then killed: a killed pipeline leaves nothing behind that takes the next one's cores.
"""

import atexit
import os
import subprocess
import sys
import uuid
from contextlib import suppress
from pathlib import Path

import psutil

TAG = "ILSCALING_PIPELINE"
SLURM = "SLURM_JOB_ID"
GRACE = 5.0  # seconds in which a training job may save its state
SHELLS = {"sh", "bash", "dash", "zsh", "ksh", "fish"}
INITS = {"init", "systemd", "tini", "dumb-init", "docker-init"}  # who inherits orphans


def start() -> None:
    """Tag the jobs that this process will start as its own, and set a watchdog over them.

    Whatever an earlier pipeline of this folder has left running is stopped first; the caller holds
    the folder's lock.
    """
    here, above = str(Path.cwd()), dvc_ancestors()
    stop(f" {here}")
    tag = f"{uuid.uuid4().hex} {here}"
    os.environ.pop(TAG, None)  # the watchdog is not a job
    watchdog = subprocess.Popen(
        [sys.executable, "-P", __file__, tag, str(os.getpid()), *map(str, above)],
        start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    atexit.register(setattr, watchdog, "returncode", 0)  # it goes on for a moment: no warning
    os.environ[TAG] = tag


def dvc_ancestors() -> list[int]:
    """Processes of the `dvc` that started this one, maybe through a shell; none without DVC.

    Raises WorkflowError if it has died already: nobody would record what this pipeline makes.
    """
    if "DVC_STAGE" not in os.environ:
        return []
    above = []
    with suppress(psutil.Error):
        for process in psutil.Process().parents():
            above.append(process.pid)
            if process.name() not in SHELLS:
                # As process 1 of a container DVC inherits orphans itself.
                orphaned = process.pid == 1 or process.name() in INITS
                if not orphaned or any("dvc" in word for word in process.cmdline()):
                    return above
                break
    from ilscaling.errors import WorkflowError  # late: the watchdog itself runs without

    raise WorkflowError(
        "the dvc that started this pipeline has ended", where=str(Path.cwd()), fix="dvc repro"
    )


def tagged_processes(ending: str) -> list[psutil.Process]:
    """Processes, this one apart, whose tag ends so; without those of other Slurm jobs, which
    inherit it, may share the machine, and are Slurm's to end."""
    tagged, own = [], os.environ.get(SLURM, "")
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            environment = process.environ()
            ours = environment.get(SLURM, own) == own and process.pid != os.getpid()
            alive = process.status() != psutil.STATUS_ZOMBIE
            if ours and alive and TAG in environment and environment[TAG].endswith(ending):
                tagged.append(process)
    return tagged


def stop(ending: str) -> None:
    """End the processes whose tag ends so, and wait until they are gone."""
    patience = GRACE
    while left := tagged_processes(ending):
        for process in left:
            with suppress(psutil.Error):
                process.terminate() if patience else process.kill()
        psutil.wait_procs(left, timeout=patience or 1.0)
        patience = 0.0


def main(tag: str, pipeline: int, *ancestors: int) -> None:
    """Wait for the end of some processes, and then end what runs under a pipeline's tag.

    Parameters
    ----------
    tag
        What the pipeline's jobs inherit.
    pipeline
        Number of its process, which is ended, too.
    ancestors
        Numbers of further processes whose end ends the pipeline.
    """
    watched, gone = [], False
    for process in (pipeline, *ancestors):
        try:
            watched.append(psutil.Process(process))
        except psutil.NoSuchProcess:
            gone = True
    while not gone:
        gone = bool(psutil.wait_procs(watched, timeout=1.0)[0])
        gone = gone or any(process.status() == psutil.STATUS_ZOMBIE for process in watched)
    for process in watched:
        if process.pid == pipeline:
            with suppress(psutil.Error):  # it knows a process that has taken the number
                process.kill()
    stop(tag)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
