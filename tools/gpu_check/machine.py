"""What the machine is, and whether jobs share its GPUs as they should."""

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

import torch
from rows import Row, holds

from ilscaling.learning import precision

LIBRARIES = ("numpy", "numba", "zarr", "pydantic", "safetensors")


def environment(device: str, folder):
    """Versions, card, memory."""
    name = "environment"
    facts = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if torch.cuda.is_available() else None,
        "cores": len(os.sched_getaffinity(0)),
        "processor": precision.processor("cpu"),
        "device": device,
        "bfloat16": precision.fast(device),
    }
    for library in LIBRARIES:
        try:
            facts[library] = version(library)
        except PackageNotFoundError:
            facts[library] = None
    if device != "cpu":
        facts["card"] = torch.cuda.get_device_name()
        facts["memory, GB"] = round(torch.cuda.mem_get_info()[1] / 1e9, 1)
        facts["capability"] = str(torch.cuda.get_device_capability())
        facts["driver"] = _asked("driver_version")
        facts["compute mode"] = _asked("compute_mode")
    return [Row(name, fact, "recorded", value) for fact, value in facts.items()]


def _asked(what: str) -> str | None:
    try:
        ask = ["nvidia-smi", f"--query-gpu={what}", "--format=csv,noheader"]
        return subprocess.run(ask, capture_output=True, text=True, timeout=60).stdout.strip()
    except OSError:
        return None


# Takes a share and tells which GPU; then holds it until its input ends.
JOB = """
import os, sys
from ilscaling.pipeline import gpu_allocator
gpu_allocator.take(float(sys.argv[1]), [])
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
if sys.argv[2] == "see":
    import torch
    if torch.cuda.is_available():
        of = torch.cuda.get_device_properties(0)
        print(torch.cuda.device_count(), getattr(of, "uuid", ""), flush=True)
sys.stdin.read()
"""


def shares(device: str, folder):
    """Two halves of a GPU at once, a third job that waits; what PyTorch then sees."""
    name = "shares"
    environment = {**os.environ, "TMPDIR": str(folder)}
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = "0"  # a name; nothing computes on it

    def job(share: str, what: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-c", JOB, share, what], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    first, second = job("0.5", "see" if device != "cpu" else ""), job("0.5", "")
    one, two = first.stdout.readline().strip(), second.stdout.readline().strip()
    rows = [holds(name, "two halves at once", bool(one and two), f"{one} and {two}")]
    if device != "cpu":
        count, uuid = (*first.stdout.readline().split(), "")[:2]
        rows.append(holds(name, "a job sees one GPU", count == "1"))
        if uuid and one.startswith("GPU-"):
            rows.append(holds(name, "which is the one that it took", uuid in one, uuid))
    alone = one == two and (device == "cpu" or torch.cuda.device_count() == 1)
    if alone:
        third = job("0.5", "")
        rows.append(holds(name, "a third waits", "waiting" in third.stderr.readline()))
        first.communicate("")
        rows.append(holds(name, "and has it then", bool(third.stdout.readline().strip())))
        third.communicate("")
    for one in (first, second):
        if one.poll() is None:
            one.communicate("")
    return rows
