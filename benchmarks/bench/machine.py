"""What a measurement was made on."""

import os
import platform
from importlib.metadata import version

import torch

from ilscaling.learning import precision


def describe() -> dict:
    """Processor, cores, libraries, and how busy the machine is as the suite starts."""
    return {
        "processor": precision.processor("cpu"),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        "bfloat16": precision.fast("cpu"),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "numpy", "zarr", "nle", "ale-py")},
        "threads": torch.get_num_threads(),
        "load": [round(load, 1) for load in os.getloadavg()],
    }


def name() -> str:
    """Name of the machine's kind for a file: its processor and cores."""
    found = f"{precision.processor('cpu')} {os.cpu_count()} cores"
    return "-".join("".join(c if c.isalnum() else " " for c in found.lower()).split())
