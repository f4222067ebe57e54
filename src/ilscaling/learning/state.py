"""Everything that a run is at one update, in memory and on disk."""

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from ilscaling import schedules
from ilscaling.files import atomic
from ilscaling.learning import precision
from ilscaling.learning.adam import Adam
from ilscaling.learning.curve import Curve
from ilscaling.learning.feed import Batch, Feed
from ilscaling.learning.ranks import ALONE, Ranks
from ilscaling.params import Train, TrainSequences

FORMAT = "ilscaling-state-1"


class State:
    """Weights, Adam's moments, averaged weights, what the feed carries, learning curve and the
    count of updates."""

    def __init__(
        self,
        policy: nn.Module,
        feed: Feed,
        settings: Train | TrainSequences,
        *,
        rate: float,
        device: str,
        type: str,
        tables: frozenset[str] = frozenset(),
        end: int | None = None,
        team: Ranks = ALONE,
    ):
        """rate: Adam's after the warm-up; type: see `precision`; tables: names of embeddings;
        end: the update at which the rate has fallen, None: it stays."""
        self.policy, self.feed, self.team = policy.to(device), feed, team
        self.shared = team.shared(self.policy)
        self.settings, self.full_rate, self.device, self.type = settings, rate, device, type
        self.weights = list(self.policy.parameters())
        self.averages = [w.detach().clone() for w in self.weights] if settings.ema else []
        self.adam = Adam(self.policy, settings, tables)
        self.clip = getattr(settings, "clip", None)
        self.curve = Curve(device)
        self.update, self.end = 0, end
        self.seconds = 0.0

    def rate(self, update: int) -> float:
        """Adam's rate at an update, the first being 1."""
        return self.full_rate * schedules.factor(self.settings, update, self.end)

    def step(self, batch: Batch) -> None:
        """One update on a batch of the feed."""
        self.update += 1
        self.adam.zero_grad()
        with precision.autocast(self.device, self.type):
            loss = self.feed.loss(self.shared, batch)
        loss.backward()
        if self.clip is not None:
            nn.utils.clip_grad_norm_(self.weights, self.clip, foreach=True)
        self.adam.move(self.rate(self.update))
        if self.averages:
            # The horizon grows with the run: averages over the last share `ema` of its updates.
            share = 1 / max(1.0, self.settings.ema * self.update)
            with torch.no_grad():
                torch._foreach_lerp_(self.averages, self.weights, share)
        self.curve.add(self.update, self.team.mean(loss))

    def finite(self) -> bool:
        """Whether losses and weights are finite; the last update's loss does not show in its own
        weights."""
        return self.curve.finite() and all(bool(w.isfinite().all()) for w in self.weights)

    def snapshot(self) -> dict[str, torch.Tensor]:
        """The weights to measure: averaged if averaging is on."""
        names = [name for name, _ in self.policy.named_parameters()]
        return dict(zip(names, self.averages or self.weights, strict=True))

    def _tensors(self, carried: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        tensors = self.curve.tensors()
        tensors |= {f"carried/{name}": value for name, value in carried.items()}
        for number, (name, weight) in enumerate(self.policy.named_parameters()):
            tensors[f"weight/{name}"] = weight.detach()
            if self.averages:
                tensors[f"average/{name}"] = self.averages[number]
        for name, moment, value in self.adam.moments():
            tensors[f"adam/{name}/{moment}"] = value
        return {name: value.cpu().contiguous() for name, value in tensors.items()}

    def save(self, path: Path, run: str) -> None:
        """Write the state of the run with that digest, atomically; all ranks call this."""
        carried = self.team.joined(self.feed.carried)
        if not self.team.first:
            return
        meta = {
            "format": FORMAT,
            "run": run,
            "update": str(self.update),
            "seconds": repr(self.seconds),
        }
        with atomic(path) as temporary:
            save_file(self._tensors(carried), temporary, metadata=meta)

    def restore(self, path: Path) -> None:
        """Go on from a state that `saved` has accepted."""
        with safe_open(path, "pt") as file:
            meta = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        self.update, self.seconds = int(meta["update"]), float(meta["seconds"])
        self.curve.restore(tensors)
        carried = {
            name.removeprefix("carried/"): value.to(self.device)
            for name, value in tensors.items()
            if name.startswith("carried/")
        }
        self.feed.carried = self.team.part(carried)
        with torch.no_grad():
            for number, (name, weight) in enumerate(self.policy.named_parameters()):
                weight.copy_(tensors[f"weight/{name}"])
                if self.averages:
                    self.averages[number].copy_(tensors[f"average/{name}"])
            for name, value in tensors.items():
                if name.startswith("adam/"):
                    self.adam.restore(*name.removeprefix("adam/").rsplit("/", 1), value)


def saved(path: Path, run: str) -> int | None:
    """The update at which a state of the run with that digest was saved, None without one."""
    try:
        with safe_open(path, "pt") as file:
            meta = file.metadata() or {}
    except (OSError, SafetensorError):
        return None
    mine = meta.get("format") == FORMAT and meta.get("run") == run
    return int(meta["update"]) if mine else None
