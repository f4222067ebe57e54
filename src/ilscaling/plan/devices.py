"""GPUs by name: published peaks, from which the plan estimates times where none was measured."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from ilscaling.errors import ParamsError


@dataclass(frozen=True)
class Device:
    """A kind of GPU; data/devices.yaml says what the numbers mean and where they come from.

    Parameters
    ----------
    name
        As `--device` takes it.
    bfloat16, float32
        Peaks in FLOP/s; bfloat16 is None where the hardware has none.
    memory
        Bytes.
    source
        Title of the manufacturer's data sheet.
    """

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
        """Name of that type."""
        return "bfloat16" if self.bfloat16 else "float32"


@cache
def devices() -> dict[str, Device]:
    """All devices whose peak is known, by name."""
    text = Path(__file__).with_name("data").joinpath("devices.yaml").read_text(encoding="utf-8")
    return {name: Device(name, **values) for name, values in yaml.safe_load(text).items()}


def device(name: str) -> Device:
    """The device of a name.

    Parameters
    ----------
    name
        As data/devices.yaml has it.

    Raises
    ------
    ParamsError
        For one whose peak is not known here.
    """
    known = devices()
    if name not in known:
        raise ParamsError(
            f"unknown device {name!r}",
            where="--device",
            fix=f"one of: {', '.join(known)}; or measure yours: ilscaling calibrate",
        )
    return known[name]
