"""Which device computes, and in which type.

On a CPU with bfloat16 instructions (AVX512_BF16, AMX) autocast trained every size from w = 2 to 96
faster than float32: 1.1 to 1.3 times up to w = 4, 1.5 to 1.8 times from w = 16 on (one thread,
batches of 32 to 256). A sequence policy's many small operations gain nothing from it below a width
of about 100: 0.85 to 0.9 times as fast at d = 16 and 64, 1.2 times at d = 128. Parameters, moments
and loss stay float32, and on a CPU an LSTM's layers, which oneDNN trains in no other type.

On a GPU a type is what its name says, convolutions and LSTM layers included: float32 without
tensor cores, tf32 the same numbers with products of 10 bits of fraction, bfloat16 by autocast.
"""

import os
import platform
from pathlib import Path

import torch

from ilscaling import policies
from ilscaling.errors import TrainingError


def device(name: str = "auto") -> str:
    """Which device computes.

    Parameters
    ----------
    name
        'auto' (a GPU if there is one), 'cpu', 'cuda', or one of several GPUs, such as 'cuda:1'.

    Raises
    ------
    TrainingError
        For a GPU where there is none.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise TrainingError("no CUDA device is available", where="device", fix="--device cpu")
    return name


def fast(device: str) -> bool:
    """Whether bfloat16 is computed by instructions of its own there."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Not public, and not in every release; without them float32 is the safe answer.
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, check, lambda: False)() for check in checks)


def _has_tf32(device: str) -> bool:
    # From Ampere on.
    return device.startswith("cuda") and torch.cuda.get_device_capability(device)[0] >= 8


def resolve(setting: str, device: str, family: str, size: int) -> str:
    """The type that a run computes in.

    Parameters
    ----------
    setting
        `train.precision`: 'auto', 'float32', 'tf32' or 'bfloat16'.
    device
        As `device` gives it.
    family, size
        Of the policy: narrow ones are no faster in bfloat16 on a CPU.

    Returns
    -------
    str
        'float32', 'tf32' or 'bfloat16'.

    Raises
    ------
    TrainingError
        For tf32 where no GPU has it.
    """
    if setting == "tf32" and not _has_tf32(device):
        raise TrainingError(
            f"{device} does not compute in tf32",
            where="train.precision",
            fix="set train.precision to auto or float32",
        )
    if setting != "auto":
        return setting
    narrow = device == "cpu" and size < policies.get(family).narrow
    return "bfloat16" if fast(device) and not narrow else "float32"


def threads(setting: int | str, given: int | None, ranks: int = 1) -> int:
    """CPU threads of one rank.

    Parameters
    ----------
    setting
        `train.threads`: a number, or 'auto'.
    given
        What 'auto' may take for all ranks; None: every core that this process may run on.
    ranks
        Processes that share the run.
    """
    if setting != "auto":
        return setting
    return max(1, (given or len(os.sched_getaffinity(0))) // ranks)


def prepare(device: str, precision: str, repeatable: bool) -> None:
    """Make PyTorch compute in a type that a run may have, repeatably where that is asked.

    Parameters
    ----------
    device, precision
        See `device` and `resolve`.
    repeatable
        Whether a GPU is to take only algorithms that give the same bits each time; PyTorch refuses
        an operation that has none. A CPU takes no others.
    """
    torch.backends.cudnn.deterministic = True
    if torch.device(device).type == "cpu":
        return
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    # cuBLAS repeats with workspaces of a fixed size alone; some releases of PyTorch ask for this.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(repeatable)
    torch.utils.deterministic.fill_uninitialized_memory = False


def autocast(device: str, precision: str) -> torch.autocast:
    """The context in which a policy computes.

    Parameters
    ----------
    device, precision
        See `device` and `resolve`.
    """
    kind = torch.device(device).type
    return torch.autocast(kind, torch.bfloat16, enabled=precision == "bfloat16")


def processor(device: str) -> str:
    """Name of the device for the record."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
