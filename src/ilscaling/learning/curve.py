"""The learning curve: training loss on the way, from rows that lie ever further apart."""

import math
from collections.abc import Callable
from pathlib import Path

import torch

from ilscaling.files import atomic

COLUMNS = ("update", "samples", "flops", "loss", "rate")


class Curve:
    """Collects losses without waiting for the device.

    A row closes every 10 updates, later every 5 % of the updates so far: a few hundred rows for
    any run, and where they lie depends on nothing else.

    Parameters
    ----------
    device
        Where the losses are.
    """

    def __init__(self, device: str):
        self.updates: list[int] = []
        self.losses: list[float] = []
        # float64 and one by one, so that a sum cut by a restart has the same bits.
        self.total = torch.zeros((), dtype=torch.float64, device=device)

    @property
    def _last(self) -> int:
        return self.updates[-1] if self.updates else 0

    def add(self, update: int, loss: torch.Tensor) -> None:
        """Count the loss of an update.

        Parameters
        ----------
        update
            Its number; the first is 1.
        loss
            Scalar, on the curve's device.
        """
        self.total += loss.detach()
        if update == self._last + max(10, self._last // 20):
            mean = self.total.item() / (update - self._last)
            self.updates.append(update)
            self.losses.append(mean)
            self.total.zero_()

    def finite(self, others: torch.Tensor) -> bool:
        """Whether every loss so far was finite, and `others` bool () is true; a sum keeps an
        infinity or a NaN."""
        return all(map(math.isfinite, self.losses)) and bool(self.total.isfinite() & others)

    def recent(self, update: int) -> float:
        """Mean loss of the last closed row and all since: the last 5 to 10 % of the updates."""
        before = self.updates[-2] if len(self.updates) > 1 else 0
        closed = self.losses[-1] * (self._last - before) if self.losses else 0.0
        return (closed + self.total.item()) / (update - before)

    def tensors(self) -> dict[str, torch.Tensor]:
        """What a state must hold."""
        return {
            "curve/update": torch.tensor(self.updates, dtype=torch.int64),
            "curve/loss": torch.tensor(self.losses, dtype=torch.float64),
            "curve/total": self.total.cpu(),
        }

    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        self.updates = tensors["curve/update"].tolist()
        self.losses = tensors["curve/loss"].tolist()
        self.total.copy_(tensors["curve/total"])

    def write(
        self,
        path: Path,
        *,
        batch: int,
        flops: Callable[[int], int],
        rate: Callable[[int], float],
    ) -> None:
        """Write `curve.csv`, whole; rows that are not finite are left out.

        Parameters
        ----------
        path
            The file.
        batch
            Samples an update.
        flops, rate
            Of an update: what the run has spent by then, and Adam's rate.
        """
        with atomic(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
            print(*COLUMNS, sep=",", file=file)
            for update, loss in zip(self.updates, self.losses, strict=True):
                if math.isfinite(loss):
                    samples = update * batch
                    print(
                        f"{update},{samples},{flops(update)},{loss:.7g},{rate(update):.7g}",
                        file=file,
                    )
