"""GPUs for a job alone: a share of one, one, or several by torchrun.

Every GPU has sixteen lock files. A job takes some of one GPU's (a half: eight), or all of several,
and waits until they are free. The locks live as long as the job, which inherits their descriptors
over an exec, so a killed job frees what it held. They lie in a folder of the user and the machine:
all pipelines share them; under Slurm of the job, whose GPUs are its own. Without a GPU a job just
runs.
"""

import fcntl
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

from ilscaling.errors import WorkflowError

SLOTS = 16  # the smallest share of a GPU is one of them
# Seconds that torchrun gives its processes to save a state: 3 GB at 30 MB/s.
GRACE = 100
# Where drivers of NVIDIA, of AMD and of Windows' Linux show that there is a GPU.
DRIVERS = ("nvidia[0-9]*", "kfd", "dxg")


@cache
def listed() -> tuple[str, ...]:
    """UUIDs of the machine's GPUs, in the order of nvidia-smi."""
    try:
        text = subprocess.run(
            ["nvidia-smi", "-L"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=60,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(re.findall(r"^GPU .*\(UUID: ([^)]+)\)", text, re.MULTILINE))


@cache
def counted(drivers: Path = Path("/dev")) -> tuple[str, ...]:
    """Indices of the machine's GPUs by PyTorch, for machines with a driver and no nvidia-smi."""
    if not any(True for pattern in DRIVERS for _ in drivers.glob(pattern)):
        return ()
    program = "import torch; print(torch.cuda.device_count())"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", errors="replace"
    )
    count = int(done.stdout) if done.stdout.strip().isdecimal() else 0
    return tuple(map(str, range(count)))


def exclusive() -> bool:
    """Whether a GPU of the machine lets in one process alone, and no server shares it out."""
    server = Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps"), "control")
    if server.exists():
        return False
    try:
        text = subprocess.run(
            ["nvidia-smi", "--query-gpu=compute_mode", "--format=csv,noheader"],
            capture_output=True, encoding="utf-8", errors="replace", timeout=60, check=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return False
    return "Exclusive" in text


def devices() -> dict[str, str]:
    """The usable GPUs by the name to give to CUDA; the value is the same whoever names the GPU.

    Those that CUDA_VISIBLE_DEVICES names (by index, UUID or the beginning of one) up to the first
    that CUDA would not know, else all. An index counts as nvidia-smi does, which CUDA follows where
    all GPUs are alike or CUDA_DEVICE_ORDER is PCI_BUS_ID, as `take` makes it unless it is set.
    """
    visible, gpus = os.environ.get("CUDA_VISIBLE_DEVICES"), listed()
    if visible is None:
        return {name: name for name in gpus or counted()}
    usable: dict[str, str] = {}
    for name in map(str.strip, visible.split(",")):
        if name.isdecimal() and (not gpus or int(name) < len(gpus)):
            usable[name] = gpus[int(name)] if gpus else name
        elif name.startswith("GPU-"):
            whole = [uuid for uuid in gpus if uuid.startswith(name)]
            usable[name] = whole[0] if len(whole) == 1 else name
        else:
            break  # "", "-1" and Slurm's "NoDevFiles" hide what follows
    return {name: uuid for name, uuid in usable.items() if _first_of(usable, uuid) == name}


def _first_of(usable: dict[str, str], uuid: str) -> str:
    return next(name for name, other in usable.items() if other == uuid)


def folder() -> Path:
    """Where the locks lie: of this user alone."""
    parts = ["ilscaling-gpus", str(os.getuid()), socket.gethostname()]
    if "SLURM_JOB_ID" in os.environ:
        parts.append(os.environ["SLURM_JOB_ID"])
    path = Path(tempfile.gettempdir()) / "-".join(parts)
    path.mkdir(mode=0o700, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid != os.getuid():
        raise WorkflowError("somebody else's folder", where=str(path), fix="export TMPDIR=...")
    return path


def _lock(path: Path, *, wait: bool = False) -> int | None:
    """Descriptor of the locked file, None if another process has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError as error:
        os.close(descriptor)
        raise WorkflowError(
            f"GPUs are shared by locks, which this file system lacks ({error.strerror})",
            where=str(path),
            fix="export TMPDIR=/a/folder/on/a/local/disk",
        ) from None
    return descriptor


def acquire(usable: dict[str, str], share: float, where: Path, poll: float = 1.0) -> list[str]:
    """Wait for GPUs and lock them for this process and what it executes.

    Jobs queue at one lock, in which only the first of them looks for what is free: two never wait
    for each other, and a job that wants many is not passed by.

    Parameters
    ----------
    usable
        GPUs by name, as of `devices`.
    share
        How many, or the share of one below 1.
    where
        Folder of the locks.
    poll
        Seconds between two looks.

    Returns
    -------
    list of str
        Names of the GPUs: `share` of them, or the one that a share is of.
    """
    count, each = max(1, int(share)), max(1, round(SLOTS * min(share, 1.0)))
    began = time.monotonic()
    queue = _lock(where / "queue")
    if waits := queue is None:
        _say(f"waiting for {share:g} of {len(usable)} GPUs: others wait there, too")
        queue = _lock(where / "queue", wait=True)
    while not (slots := _free(usable, count, each, where)):
        if not waits:
            _say(f"waiting for {share:g} of {len(usable)} GPUs: others run there")
        waits = True
        time.sleep(poll)
    os.close(queue)
    for descriptor in (descriptor for mine in slots.values() for descriptor in mine):
        os.set_inheritable(descriptor, True)
    if waits:
        _say(f"{', '.join(slots)} after {time.monotonic() - began:.0f} s")
    return [name for name in usable if name in slots]


def _free(usable: dict[str, str], count: int, each: int, where: Path) -> dict[str, list[int]]:
    """Locked slots of `count` GPUs, `each` of every one; empty if not so many are free."""
    free: dict[str, list[int]] = {}
    for name, uuid in usable.items():
        slots = [_lock(where / f"{uuid.replace('/', '_')}.{n}") for n in range(SLOTS)]
        free[name] = [slot for slot in slots if slot is not None]
    # The emptiest first: jobs share a GPU only when none is idle.
    order = sorted(free, key=lambda name: -len(free[name]))
    taken = [name for name in order if len(free[name]) >= each][:count]
    mine = {name: free[name][:each] for name in taken} if len(taken) == count else {}
    for name, slots in free.items():
        for slot in slots[len(mine.get(name, ())) :]:
            os.close(slot)
    return mine


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def possible(share: float, usable: dict[str, str]) -> float:
    """A share, or as much of it as this machine has: a power of two whole GPUs.

    Parameters
    ----------
    share
        How many GPUs, or the share of one below 1.
    usable
        GPUs by name, at least one.
    """
    most = 2 ** max(0, len(usable).bit_length() - 1)
    if share > most:
        _say(f"{most} instead of {share:g} GPUs: there are no more")
    return min(share, most)


def torchrun(command: list[str], ranks: int) -> list[str]:
    """A command as several processes that share a run.

    Parameters
    ----------
    command
        Of the form 'python -m MODULE ...'.
    ranks
        How many processes.
    """
    python, *module = command
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    # All are on this machine, whose name need not be an address of it.
    return [python, *launcher, "--local-addr=127.0.0.1", *module]


def take(share: float, command: list[str]) -> None:
    """Give this process GPUs of its own before it imports torch.

    Parameters
    ----------
    share
        How many, or the share of one below 1; 0: none.
    command
        What this process runs, 'python -m MODULE ...': with several GPUs it becomes torchrun,
        which starts the command once for each.
    """
    if share <= 0:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        return
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    if usable := devices():
        if share < 1 and exclusive():
            _say("a whole GPU instead of a share: it lets in one process alone (compute mode)")
            share = 1.0
        share = possible(share, usable)
        taken = acquire(usable, share, folder())
        from ilscaling import gpu_share  # part of what trains, which other jobs do not use

        os.environ |= {"CUDA_VISIBLE_DEVICES": ",".join(taken), gpu_share.VARIABLE: f"{share:g}"}
        if len(taken) > 1:
            # An option of the same name is younger than some releases of PyTorch.
            os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", str(GRACE))
            whole = torchrun(command, len(taken))
            os.execvp(whole[0], whole)
