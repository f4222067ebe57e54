"""GPUs by name: published peaks, from which the plan estimates times where none was measured.

Peaks are of dense matrix products with float32 accumulation, without structured sparsity, in
FLOP/s: of the manufacturer's data sheets, whose titles stand beside them.
"""

from dataclasses import dataclass

from ilscaling.errors import ParamsError


@dataclass(frozen=True)
class Device:
    """peak: FLOP/s in bfloat16, and in float32 outside the tensor cores; None: not in hardware,
    so that `precision: auto` trains in float32. memory: bytes."""

    name: str
    bfloat16: float | None
    float32: float
    memory: float
    source: str

    @property
    def peak(self) -> float:
        """FLOP/s in the type that `precision: auto` chooses."""
        return self.bfloat16 or self.float32

    @property
    def type(self) -> str:
        return "bfloat16" if self.bfloat16 else "float32"


DEVICES = {
    device.name: device
    for device in (
        Device("h100", 989.4e12, 66.9e12, 80e9, "NVIDIA H100 Tensor Core GPU data sheet, SXM5"),
        Device("a100", 312e12, 19.5e12, 80e9, "NVIDIA A100 Tensor Core GPU data sheet, SXM4"),
        Device("a10", 125e12, 31.2e12, 24e9, "NVIDIA A10 Tensor Core GPU data sheet"),
        Device("l40s", 362e12, 91.6e12, 48e9, "NVIDIA L40S GPU data sheet"),
        Device("l4", 121e12, 30.3e12, 24e9, "NVIDIA L4 Tensor Core GPU data sheet"),
        Device("v100", None, 15.7e12, 32e9, "NVIDIA V100 Tensor Core GPU data sheet, SXM2"),
        Device("t4", None, 8.1e12, 16e9, "NVIDIA T4 Tensor Core GPU data sheet"),
        Device("rtx4090", 165.2e12, 82.6e12, 24e9, "NVIDIA Ada GPU architecture white paper"),
        Device("rtx3090", 71e12, 35.6e12, 24e9, "NVIDIA Ampere GA102 architecture white paper"),
    )
}


def device(name: str) -> Device:
    """The device of that name; raises ParamsError for one whose peak is not known here."""
    if name not in DEVICES:
        raise ParamsError(
            f"unknown device {name!r}",
            where="--device",
            fix=f"one of: {', '.join(DEVICES)}; or measure yours: ilscaling calibrate",
        )
    return DEVICES[name]
