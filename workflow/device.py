"""Run a command on a GPU of its own: take a free device by a file lock, or wait for one.

    python workflow/device.py COMMAND ...

The lock lives as long as the command (its descriptor is inherited), so a killed job frees its
device. Respects CUDA_VISIBLE_DEVICES; without a GPU the command just runs.
"""

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def devices() -> list[str]:
    """Identifiers of the usable GPUs: those that CUDA_VISIBLE_DEVICES names, else all."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1")]
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"],
            capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return []
    return listed.stdout.split()


def take(names: list[str], folder: Path, poll: float = 1.0) -> str:
    """Lock one of `names`, waiting until one is free; the lock is inherited by what is exec'ed."""
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        for name in names:
            slot = os.open(folder / f"{name.replace('/', '_')}.lock", os.O_RDWR | os.O_CREAT, 0o666)
            try:
                fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(slot)
                continue
            os.set_inheritable(slot, True)
            return name
        time.sleep(poll)


def main(command: list[str]) -> None:
    names = devices()
    if names:
        # One folder a user and machine: all pipelines of a user share the devices. Slurm numbers
        # the devices of each of its jobs from 0, so that theirs are apart.
        owner = "-".join([str(os.getuid()), *filter(None, [os.environ.get("SLURM_JOB_ID")])])
        folder = Path(tempfile.gettempdir()) / f"ilscaling-devices-{owner}"
        os.environ["CUDA_VISIBLE_DEVICES"] = take(names, folder)
    os.execvp(command[0], command)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python workflow/device.py COMMAND ...")
    main(sys.argv[1:])
