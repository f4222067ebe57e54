"""Sequence policies of one architecture that play side by side on a CPU, compiled: one frame a lane
at a time.

A frame takes PyTorch hundreds of operations, whose dispatch costs far more than a small
policy's arithmetic, and lanes of several policies have no weights in common. Here a lane costs its
arithmetic, and what it plays depends on nothing beside it.
"""

from __future__ import annotations

import numba
import numpy as np
import torch

from ilscaling.policies import frames, lookups

# Widths from which PyTorch plays, which reads a policy's weights once for all of its lanes. On the
# safe side: with four lanes a policy these lanes were 5 times as fast at 192, still 2.6 times at
# 384 (docs/performance.md); wider ones were not measured.
WIDE = 192
EPSILON = np.float32(torch.finfo(torch.float32).eps)
# Sums may be taken in any order, which lets them be vectors: the order is the machine's, but the
# same at every call.
LOOSE = {"reassoc", "contract", "nsz"}


class CompiledPlayers:
    """Lanes that act each by the policy that it was given last, from where that begins a game.

    A family's own subclass has its trunk: `matrices` and `state`, which `trunk` takes.

    Parameters
    ----------
    networks
        Of one architecture, such as the snapshots of a run.
    lanes
        Games side by side.
    """

    # trunk(owner, x (lanes, d), first, *state, *matrices): x becomes what the head reads.
    trunk = None

    @staticmethod
    def matrices(network) -> list[list[torch.Tensor]]:
        """The trunk's weights, each of all layers."""
        raise NotImplementedError

    @staticmethod
    def state(config, lanes: int) -> tuple[np.ndarray, ...]:
        """What the trunk keeps of lanes that have seen nothing, and constants.

        Parameters
        ----------
        config
            Widths of the policies.
        lanes
            Games side by side.

        Returns
        -------
        tuple
            Arrays, as `trunk` takes them before the matrices.
        """
        raise NotImplementedError

    @classmethod
    def of(cls, networks: list, lanes: int) -> CompiledPlayers | None:
        """Players for networks, None where PyTorch is the faster.

        Parameters
        ----------
        networks
            Of one architecture.
        lanes
            Games side by side.
        """
        weight = networks[0].head.weight
        fast = networks[0].config.size < WIDE and weight.device.type == "cpu"
        return cls(networks, lanes) if fast else None

    def __init__(self, networks: list, lanes: int):
        self.config, self.reader = networks[0].config, networks[0].reader
        each = [self._weights(network) for network in networks]
        self.weights = tuple(np.stack(arrays) for arrays in zip(*each, strict=True))
        self.owner, self.places = np.zeros(lanes, np.int64), np.arange(lanes)
        # The same memory at every step: between two steps the game takes the caches.
        self.features = frames.room(lanes, self.config.inventory)
        self.map_features = np.empty((lanes, self.config.features), np.float32)
        self.inner = np.empty((lanes, self.config.size), np.float32)
        self.kept = self.state(self.config, lanes)

    def _weights(self, network) -> list[np.ndarray]:
        """Five tables, the encoder's matrix, the trunk's matrices (depth, ...) and the head's."""
        tables = lookups.with_inventory(network.encoder.tables())
        trunk = [torch.stack(layers) for layers in self.matrices(network)]
        every = [*tables, network.encoder.matrix, *trunk, network.head.weight]
        return [weight.detach().numpy() for weight in every]

    def give(self, lane: int, network: int) -> None:
        """Let a network act in a lane from now on.

        Parameters
        ----------
        lane
            Number of the lane.
        network
            Its place among the networks.
        """
        self.owner[lane] = network

    def step(self, batch: dict[str, np.ndarray], temperature: float) -> np.ndarray:
        """Action probabilities for one frame a lane.

        Parameters
        ----------
        batch
            {field: (lanes, ...)} with `previous` and `first`.
        temperature
            As of `acting.probabilities`.

        Returns
        -------
        np.ndarray
            float64 (lanes, actions).
        """
        arrays = self.reader.arrays(batch)
        tables, (matrix, *trunk, head) = self.weights[:5], self.weights[5:]
        memory = self.features, self.map_features, self.inner
        _encode(*arrays, self.places, self.reader.offsets, self.owner, *tables, matrix, *memory)
        type(self).trunk(self.owner, self.inner, batch["first"], *self.kept, *trunk)
        chances = np.empty((len(self.owner), self.config.actions))
        _answer(self.owner, head, self.inner, temperature, chances)
        return chances


@numba.njit(cache=True, fastmath=LOOSE)
def dot(a, b):
    """Scalar product.

    Parameters
    ----------
    a, b
        float32 (n,).
    """
    total = np.float32(0)
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@numba.njit(cache=True, fastmath=LOOSE)
def norm(x, out):
    """RMSNorm, as of `sequences.norm`.

    Parameters
    ----------
    x
        float32 (d,).
    out
        float32 (d,), written here.
    """
    scale = np.float32(1) / np.sqrt(dot(x, x) / np.float32(len(x)) + EPSILON)
    for i in range(len(x)):
        out[i] = x[i] * scale


@numba.njit(cache=True, fastmath=LOOSE)
def sigmoid(x):
    """The logistic function, float32."""
    return np.float32(1) / (np.float32(1) + np.exp(-x))


@numba.njit(cache=True, nogil=True, fastmath=LOOSE)
def _encode(
    chars, colours, strips, tints, cursor, previous, inventory, places, offsets, owner,
    cells, patches, facts, words, carried, matrix, features, map_features, inner,
):  # fmt: skip
    frames.fill(
        chars, colours, strips, tints, cursor, previous, inventory, places, 1, offsets, features
    )
    lookups.gather(features, 1, owner, cells, patches, facts, words, carried, map_features, inner)
    for lane in range(len(owner)):
        for i in range(inner.shape[1]):
            inner[lane, i] += dot(matrix[owner[lane], i], map_features[lane])


@numba.njit(cache=True, nogil=True, fastmath=LOOSE)
def _answer(owner, head, x, temperature, chances):
    """Softmax of the logits over the temperature; at 0 all for the largest, the first of equals."""
    y = np.empty(x.shape[1], np.float32)
    for lane in range(len(owner)):
        norm(x[lane], y)
        mine = chances[lane]
        for action in range(len(mine)):
            mine[action] = dot(head[owner[lane], action], y)
        best = np.argmax(mine)
        if temperature > 0:
            most, total = mine[best], 0.0
            for action in range(len(mine)):
                mine[action] = np.exp((mine[action] - most) / temperature)
                total += mine[action]
            for action in range(len(mine)):
                mine[action] /= total
        else:
            mine[:] = 0
            mine[best] = 1
