"""Networks that learn beside the policy, of its architecture: a value, a discriminator."""

import numpy as np
import torch
from torch import nn

from ilscaling import policies
from ilscaling.learning import precision
from ilscaling.learning.adam import Adam
from ilscaling.learning.algorithm import Given
from ilscaling.policies.reading import tensors

ROWS = 256  # that are asked together


def answers(given: Given, network: nn.Module, stacks: np.ndarray) -> torch.Tensor:
    """Outputs of a network, without gradients, in the type of the run's arithmetic.

    Parameters
    ----------
    given
        The run, which tells device and type.
    network
        Of stacks.
    stacks
        In the game's type, (n, frames, ...).

    Returns
    -------
    torch.Tensor
        float32 (n, actions), on the device.
    """
    with torch.inference_mode(), precision.autocast(given.device, given.precision):
        blocks = [
            network(tensors({"": stacks[at : at + ROWS]}, given.device)[""])
            for at in range(0, len(stacks), ROWS)
        ]
        return torch.cat(blocks).float()


class Critic:
    """A network of the run's family and size with an optimiser of its own.

    Parameters
    ----------
    given
        The run.
    purpose
        Number that tells its weights from those of others in the run.
    """

    def __init__(self, given: Given, purpose: int):
        self.given = given
        run, split = given.run, given.split
        observation = {field: split.fields[field] for field in split.observation}
        shape = policies.shape(given.train, len(split.actions), observation)
        # PyTorch's generator takes no more than the lowest 32 bits of a seed.
        seed = int(np.random.default_rng([run.seed, purpose]).integers(2**31))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = policies.build(run.family, run.size, **shape)
        layers = policies.architecture(run.family, run.size, **shape)
        tables = frozenset(part.name for part in layers if getattr(part, "tables", 0))
        self.network = network.to(given.device)
        self.adam = Adam(self.network, given.train, tables)
        self.rate = given.train.rate(run.size)

    def __call__(self, stacks: torch.Tensor) -> torch.Tensor:
        """Outputs float32 (n, actions), within the run's autocast."""
        return self.network(stacks)

    def answers(self, stacks: np.ndarray) -> np.ndarray:
        """Outputs for stacks of two leading axes.

        Parameters
        ----------
        stacks
            (steps, lanes, frames, ...).

        Returns
        -------
        np.ndarray
            float64 (steps, lanes, actions).
        """
        flat = stacks.reshape(-1, *stacks.shape[2:])
        given = answers(self.given, self.network, flat).double().cpu().numpy()
        return given.reshape(*stacks.shape[:2], -1)

    def descend(self, loss: torch.Tensor, clip: float) -> None:
        """One update.

        Parameters
        ----------
        loss
            Scalar; its gradient reaches this network.
        clip
            Largest norm of the gradient.
        """
        kind = torch.device(self.given.device).type
        with torch.autocast(kind, enabled=False):
            self.adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.network.parameters(), clip, foreach=True)
            self.adam.move(self.rate)

    def save(self) -> dict[str, torch.Tensor]:
        """Weights and moments."""
        saved = {f"weight/{name}": w.detach() for name, w in self.network.named_parameters()}
        for name, moment, value in self.adam.moments():
            saved[f"adam/{name}/{moment}"] = value
        return saved

    def restore(self, saved: dict[str, torch.Tensor]) -> None:
        """Take up what `save` gave."""
        with torch.no_grad():
            for name, weight in self.network.named_parameters():
                weight.copy_(saved[f"weight/{name}"])
            for name, value in saved.items():
                if name.startswith("adam/"):
                    self.adam.restore(*name.removeprefix("adam/").rsplit("/", 1), value)
