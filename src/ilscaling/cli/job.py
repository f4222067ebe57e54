"""What every verb that makes an artefact does first, in the workflow and by hand."""

import os
import sys
from pathlib import Path

from ilscaling import progress
from ilscaling.pipeline import gpu_allocator, job_lock

PROGRESS = "ILSCALING_PROGRESS_DIR"  # where the workflow looks for the progress of its jobs
LAUNCHED = "TORCHELASTIC_RUN_ID"  # set by torchrun in the processes that share a run


def begin(
    out: Path,
    *,
    whole_folder: bool = False,
    gpus: float | None = None,
    beside: tuple[str, ...] = (),
) -> None:
    """Become the one job that makes `out`, with GPUs of its own.

    Waits for a job that makes the same, removes what a killed one left half-written, and reports
    progress under the name of `out`. Before torch is imported; with several GPUs this process
    becomes torchrun.

    Parameters
    ----------
    out
        What the job makes.
    whole_folder
        Whether all that stands in the folder of `out` is this job's.
    gpus
        GPUs, or the share of one; None: the job computes without torch.
    beside
        Names, without suffix, of other files that it writes into the folder of `out`.
    """
    if LAUNCHED in os.environ:
        return
    made = out.parent if whole_folder else out
    job_lock.acquire(job_lock.lock_file(made), str(made))
    patterns = ("*",) if whole_folder else (out.stem, out.name, *beside)
    job_lock.remove_temporaries(out.parent, *patterns)
    if os.environ.get(PROGRESS):
        os.environ[progress.VARIABLE] = str(progress.file_of(os.environ[PROGRESS], out))
    if gpus is not None:
        gpu_allocator.take(gpus, [sys.executable, "-m", "ilscaling", *sys.argv[1:]])
