"""Everything that a run is at one update, in memory and on disk."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from ilscaling import schedules
from ilscaling.files import atomic
from ilscaling.learning.adam import Adam
from ilscaling.learning.algorithm import Learner, Spent
from ilscaling.learning.curve import Curve
from ilscaling.learning.ranks import ALONE, Ranks, Tensors
from ilscaling.params import Training

FORMAT = "ilscaling-state-2"


class State:
    """Everything that a run is at one update.

    Weights, Adam's moments, averaged weights, learning curve and the count of updates; on disk also
    what the run's algorithm keeps.

    Parameters
    ----------
    policy
        Before its first update.
    settings
        The section `train`.
    rate
        Adam's after the warm-up.
    device, type
        Where it computes, and in which type: see `precision`.
    tables
        Names of embeddings.
    end
        The update at which the rate has fallen; None: it stays.
    team
        This process among those of the run.
    """

    def __init__(
        self,
        policy: nn.Module,
        settings: Training,
        *,
        rate: float,
        device: str,
        type: str,
        tables: frozenset[str] = frozenset(),
        end: int | None = None,
        team: Ranks = ALONE,
    ):
        self.policy, self.team = policy.to(device), team
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

    def average(self) -> None:
        """Move the averaged weights, if averaging is on, towards the weights."""
        if self.averages:
            # The horizon grows with the run: averages over the last share `ema` of its updates.
            share = 1 / max(1.0, self.settings.ema * self.update)
            with torch.no_grad():
                torch._foreach_lerp_(self.averages, self.weights, share)

    def finite(self) -> bool:
        """Whether losses and weights are finite; the last update's loss does not show in its own
        weights."""
        largest = torch.stack(torch._foreach_norm(self.weights, torch.inf))
        # One answer of the device, which a look at each weight would be waited for.
        return self.curve.finite(largest.isfinite().all())

    def snapshot(self) -> Tensors:
        """The weights to measure: averaged if averaging is on."""
        names = [name for name, _ in self.policy.named_parameters()]
        return dict(zip(names, self.averages or self.weights, strict=True))

    def _tensors(self, carried: Tensors, own: Tensors) -> Tensors:
        tensors = self.curve.tensors()
        tensors |= {f"carried/{name}": value for name, value in carried.items()}
        tensors |= {f"algorithm/{name}": value for name, value in own.items()}
        for number, (name, weight) in enumerate(self.policy.named_parameters()):
            tensors[f"weight/{name}"] = weight.detach()
            if self.averages:
                tensors[f"average/{name}"] = self.averages[number]
        for name, moment, value in self.adam.moments():
            tensors[f"adam/{name}/{moment}"] = value
        if torch.device(self.device).type == "cpu":
            return {name: value.contiguous() for name, value in tensors.items()}
        # All copies at once, and one wait for them. What lies on the host may change there, too.
        there = {
            name: value.clone()
            if value.device.type == "cpu"
            else value.to("cpu", non_blocking=True)
            for name, value in tensors.items()
        }
        torch.cuda.synchronize(self.device)
        return {name: value.contiguous() for name, value in there.items()}

    def save(self, path: Path, digest: str, learner: Learner) -> None:
        """Write the state, atomically; all ranks call this.

        Parameters
        ----------
        path, digest, learner
            As of `copied`.
        """
        self.copied(path, digest, learner)()

    def copied(self, path: Path, digest: str, learner: Learner) -> Callable[[], None]:
        """What writes the state as it is now; all ranks call this.

        Parameters
        ----------
        path
            The file.
        digest
            Of what is trained.
        learner
            What the algorithm gives the run, with its part of the state.

        Returns
        -------
        callable
            Of a GPU's run it may be called when training has gone on, of a CPU's at once.
        """
        carried, (tensors, values) = self.team.joined(learner.carried), learner.save()
        if not self.team.first:
            return lambda: None
        meta = {
            "format": FORMAT,
            "run": digest,
            "update": str(self.update),
            "seconds": repr(self.seconds),
            "spent": json.dumps(asdict(learner.spent)),
            "algorithm": json.dumps(values),
        }
        everything = self._tensors(carried, tensors)

        def write() -> None:
            with atomic(path) as temporary:
                save_file(everything, temporary, metadata=meta)

        return write

    def restore(self, path: Path, learner: Learner, files: Path) -> None:
        """Go on from a state that `saved` has accepted.

        Parameters
        ----------
        path
            The file.
        learner
            What the algorithm gives the run; takes up its part.
        files
            See `Learner.restore`.
        """
        with safe_open(path, "pt") as file:
            meta = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        self.update, self.seconds = int(meta["update"]), float(meta["seconds"])
        self.curve.restore(tensors)
        learner.carried = self.team.part(_under("carried/", tensors, self.device))
        learner.spent = Spent(**json.loads(meta["spent"]))
        own = _under("algorithm/", tensors, self.device)
        learner.restore(own, json.loads(meta["algorithm"]), files)
        with torch.no_grad():
            for number, (name, weight) in enumerate(self.policy.named_parameters()):
                weight.copy_(tensors[f"weight/{name}"])
                if self.averages:
                    self.averages[number].copy_(tensors[f"average/{name}"])
            for name, value in tensors.items():
                if name.startswith("adam/"):
                    self.adam.restore(*name.removeprefix("adam/").rsplit("/", 1), value)


def _under(prefix: str, tensors: Tensors, device: str) -> Tensors:
    """The tensors whose names begin so, without it, on a device."""
    return {
        name.removeprefix(prefix): value.to(device)
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def saved(path: Path, digest: str) -> int | None:
    """The update at which a state was saved, None without one.

    Parameters
    ----------
    path
        The state's file.
    digest
        Of the run that it must be of.
    """
    try:
        with safe_open(path, "pt") as file:
            meta = file.metadata() or {}
    except (OSError, SafetensorError):
        return None
    mine = meta.get("format") == FORMAT and meta.get("run") == digest
    return int(meta["update"]) if mine else None
