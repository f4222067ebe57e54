"""The share of a GPU that a job was given, as its environment tells."""

import os

VARIABLE = "ILSCALING_GPUS"


def share() -> float:
    """Of each GPU that this process computes on: 1 unless it shares one."""
    return min(1.0, float(os.environ.get(VARIABLE, "1")))
