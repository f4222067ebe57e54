"""Run a command on GPUs of its own: a share of one, one, or several by torchrun.

    python -m ilscaling.pipeline.gpu_allocator [--gpus SHARE] COMMAND ...

Every GPU has 16 lock files. A command takes some of one GPU's (SHARE 0.5: eight), or all of SHARE
whole ones, and waits until they are free. The locks live as long as the command, which inherits
their descriptors, so a killed job frees what it held. They lie in a folder of the user and the
machine: all pipelines share them, wherever they run; under Slurm of the job, whose GPUs are its
own. Within CUDA_VISIBLE_DEVICES, if it is set; without a GPU the command just runs.
"""

import argparse
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

SLOTS = 16  # the smallest share of a GPU is one of them
GRACE = 30  # seconds that torchrun gives its processes to save a state


@cache
def listed() -> tuple[list[str], list[str]]:
    """UUIDs by nvidia-smi: of the GPUs in its order, and of what a process may be given, which is
    a GPU or, where it is partitioned, each of its MIG devices."""
    try:
        text = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return [], []
    gpus, usable = [], []
    for kind, uuid in re.findall(r"^\s*(GPU|MIG) .*\(UUID: ([^)]+)\)", text, re.MULTILINE):
        if kind == "GPU":
            gpus.append(uuid)
        elif usable and usable[-1] == gpus[-1]:
            usable.pop()
        usable.append(uuid)
    return gpus, usable


def devices() -> dict[str, str]:
    """The usable GPUs by the name to give to CUDA; the value is the same whoever names the GPU.

    Those that CUDA_VISIBLE_DEVICES names (by index, UUID, the beginning of one, or as MIG devices)
    up to the first that CUDA would not know, else all. An index counts as nvidia-smi does, which
    CUDA follows where all GPUs are alike or CUDA_DEVICE_ORDER is PCI_BUS_ID.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    gpus, usable = listed()
    if visible is None:
        return {uuid: uuid for uuid in usable}
    found: dict[str, str] = {}
    for name in map(str.strip, visible.split(",")):
        if name.isdecimal():
            if gpus and int(name) >= len(gpus):
                break
            known = gpus[int(name)] if gpus else name
        elif name.startswith(("GPU-", "MIG-")):
            whole = [uuid for uuid in gpus if uuid.startswith(name)]
            known = whole[0] if len(whole) == 1 else name
        else:
            break  # "", "-1" and Slurm's "NoDevFiles" hide what follows
        if known not in found.values():
            found[name] = known
    return found


def folder() -> Path:
    """Where the locks lie."""
    parts = ["ilscaling-devices", str(os.getuid()), socket.gethostname()]
    if "SLURM_JOB_ID" in os.environ:
        parts.append(os.environ["SLURM_JOB_ID"])
    return Path(tempfile.gettempdir()) / "-".join(parts)


def _lock(path: Path, *, wait: bool = False) -> int | None:
    """Descriptor of the locked file, None if another process has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def take(found: dict[str, str], share: float, where: Path, poll: float = 1.0) -> list[str]:
    """Names of `share` GPUs of `found` (see `devices`), or of the one that a share is of, locked
    for this process and what it executes; waits until they are free.

    Who gathers holds the turnstile of every GPU that it could take, so nobody else takes any of
    them meanwhile: two never wait for each other, and a job that wants many is not passed by.
    Turnstiles are taken in one order. What is free is taken at once or not at all.
    """
    where.mkdir(parents=True, exist_ok=True)
    locks = {name: where / known.replace("/", "_") for name, known in found.items()}
    count, each = max(1, int(share)), max(1, int(SLOTS * min(share, 1.0)))
    began, told = time.monotonic(), False

    def tell() -> None:
        nonlocal told
        if not told:
            what = f"{share:g} of {len(found)} GPUs ({', '.join(found)})"
            print(f"waiting for {what}: others run there", file=sys.stderr, flush=True)
        told = True

    turnstiles = []
    for path in sorted(set(locks.values())):
        turnstile = path.with_name(f"{path.name}.turnstile")
        mine = _lock(turnstile)
        if mine is None:
            tell()
            mine = _lock(turnstile, wait=True)
        turnstiles.append(mine)
    while True:
        free = {}
        for name, path in locks.items():
            slots = (_lock(path.with_name(f"{path.name}.{n}")) for n in range(SLOTS))
            free[name] = [slot for slot in slots if slot is not None]
        # The emptiest first: jobs share a GPU only when none is idle.
        order = sorted(free, key=lambda name: -len(free[name]))
        taken = [name for name in order if len(free[name]) >= each][:count]
        kept = [slot for name in taken for slot in free[name][:each]] if len(taken) == count else []
        for slot in (slot for slots in free.values() for slot in slots):
            if slot in kept:
                os.set_inheritable(slot, True)
            else:
                os.close(slot)
        if kept:
            break
        tell()
        time.sleep(poll)
    for turnstile in turnstiles:
        os.close(turnstile)
    if told:
        waited = time.monotonic() - began
        print(f"{', '.join(taken)} after {waited:.0f} s", file=sys.stderr, flush=True)
    return [name for name in found if name in taken]


def possible(share: float, found: dict[str, str]) -> float:
    """`share`, or as much of it as this machine has: a power of two whole GPUs, or one MIG device,
    for CUDA shows a process no more of these."""
    whole = sum(not name.startswith("MIG-") for name in found)
    most = 2 ** max(0, whole.bit_length() - 1)
    if share > most:
        print(f"{most} instead of {share:g} GPUs: there are no more", file=sys.stderr, flush=True)
    return min(share, most)


def torchrun(command: list[str], ranks: int) -> list[str]:
    """`command`, of the form 'python -m MODULE ...', as so many processes that share a run."""
    python, *module = command
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
    return [python, *launcher, f"--shutdown-timeout={GRACE}", *module]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gpus", type=float, default=1.0, metavar="SHARE")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    if not given.command:
        parser.error("a command is wanted")
    command, found = given.command, devices()
    if given.gpus <= 0:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    elif found:
        taken = take(found, possible(given.gpus, found), folder())
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(taken)
        if len(taken) > 1:
            command = torchrun(command, len(taken))
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
