"""Everything that a run is at one update, in memory and on disk."""

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from ilscaling.files import atomic
from ilscaling.params import Train
from ilscaling.training import precision
from ilscaling.training.curve import Curve

FORMAT = "ilscaling-state-1"


class State:
    """Weights, Adam's moments, averaged weights, learning curve and the count of updates."""

    def __init__(self, policy: nn.Module, settings: Train, *, rate: float, device: str, type: str):
        self.policy = policy.to(device)
        self.settings, self.full_rate, self.device, self.type = settings, rate, device, type
        self.weights = list(self.policy.parameters())
        self.averages = [w.detach().clone() for w in self.weights] if settings.ema else []
        self.adam = torch.optim.Adam(self.weights, rate, betas=(0.9, 0.999), fused=True)
        self.curve = Curve(device)
        self.update = 0
        self.seconds = 0.0

    def rate(self, update: int) -> float:
        """Adam's rate at an update, the first being 1: a linear warm-up, then constant."""
        return self.full_rate * min(1.0, update / max(1, self.settings.warmup_steps))

    def step(self, screens: torch.Tensor, actions: torch.Tensor) -> None:
        """One update on screens uint8 (batch, frames, height, width), actions int64 (batch,)."""
        self.update += 1
        self.adam.param_groups[0]["lr"] = self.rate(self.update)
        self.adam.zero_grad(set_to_none=True)
        with precision.autocast(self.device, self.type):
            loss = F.cross_entropy(self.policy(screens), actions)
        loss.backward()
        self.adam.step()
        if self.averages:
            # The horizon grows with the run: averages over the last share `ema` of its updates.
            share = 1 / max(1.0, self.settings.ema * self.update)
            with torch.no_grad():
                torch._foreach_lerp_(self.averages, self.weights, share)
        self.curve.add(self.update, loss)

    def finite(self) -> bool:
        """Whether losses and weights are finite; the last update's loss does not show in its own
        weights."""
        return self.curve.finite() and all(bool(w.isfinite().all()) for w in self.weights)

    def snapshot(self) -> dict[str, torch.Tensor]:
        """The weights to measure: averaged if averaging is on."""
        names = [name for name, _ in self.policy.named_parameters()]
        return dict(zip(names, self.averages or self.weights, strict=True))

    def _tensors(self) -> dict[str, torch.Tensor]:
        tensors = self.curve.tensors()
        for number, (name, weight) in enumerate(self.policy.named_parameters()):
            tensors[f"weight/{name}"] = weight.detach()
            for moment, value in self.adam.state[weight].items():
                tensors[f"adam/{name}/{moment}"] = value
            if self.averages:
                tensors[f"average/{name}"] = self.averages[number]
        return {name: value.cpu().contiguous() for name, value in tensors.items()}

    def save(self, path: Path, run: str) -> None:
        """Write the state of the run with that digest, atomically."""
        meta = {
            "format": FORMAT,
            "run": run,
            "update": str(self.update),
            "seconds": repr(self.seconds),
        }
        with atomic(path) as temporary:
            save_file(self._tensors(), temporary, metadata=meta)

    def restore(self, path: Path) -> None:
        """Go on from a state that `saved` has accepted."""
        with safe_open(path, "pt") as file:
            meta = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        self.update, self.seconds = int(meta["update"]), float(meta["seconds"])
        self.curve.restore(tensors)
        with torch.no_grad():
            for number, (name, weight) in enumerate(self.policy.named_parameters()):
                weight.copy_(tensors[f"weight/{name}"])
                if self.averages:
                    self.averages[number].copy_(tensors[f"average/{name}"])
                # In the memory format of the weight, which the fused update takes for granted.
                moments = {
                    moment: torch.zeros_like(weight).copy_(tensors[f"adam/{name}/{moment}"])
                    for moment in ("exp_avg", "exp_avg_sq")
                }
                step = tensors[f"adam/{name}/step"].to(self.device)
                self.adam.state[weight] = {"step": step, **moments}


def saved(path: Path, run: str) -> int | None:
    """The update at which a state of the run with that digest was saved, None without one."""
    try:
        with safe_open(path, "pt") as file:
            meta = file.metadata() or {}
    except (OSError, SafetensorError):
        return None
    mine = meta.get("format") == FORMAT and meta.get("run") == run
    return int(meta["update"]) if mine else None
