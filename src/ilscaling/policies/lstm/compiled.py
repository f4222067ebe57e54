"""A step of the family `lstm`, compiled: see `players`."""

import numba
import numpy as np
import torch

from ilscaling.policies.lstm import LstmConfig
from ilscaling.policies.lstm.network import Policy
from ilscaling.policies.players import LOOSE, CompiledPlayers, dot, norm, sigmoid


@numba.njit(cache=True, nogil=True, fastmath=LOOSE)
def remember(owner, x, first, output, cell, entering, returning, bias):
    """The trunk of `lstm.Policy` (Hochreiter & Schmidhuber 1997), a frame a lane.

    Gates are in PyTorch's order: input, forget, value, output.

    Parameters
    ----------
    owner
        Whose weights play each lane, int64 (lanes,).
    x
        float32 (lanes, d): the encoder's vectors, which become what the head reads.
    first
        Whether a game begins, bool (lanes,).
    output, cell
        State of each layer, float32 (lanes, depth, d), changed in place.
    entering, returning
        Matrices for the input and for the last output, float32 (owners, depth, 4 d, d).
    bias
        float32 (owners, depth, 4 d).
    """
    depth, size = output.shape[1:]
    y = np.empty(size, np.float32)
    gates = np.empty(4 * size, np.float32)
    for lane in range(len(owner)):
        who, z = owner[lane], x[lane]
        if first[lane]:
            output[lane] = 0
            cell[lane] = 0
        for layer in range(depth):
            norm(z, y)
            for i in range(4 * size):
                gates[i] = bias[who, layer, i] + (
                    dot(entering[who, layer, i], y)
                    + dot(returning[who, layer, i], output[lane, layer])
                )
            for i in range(size):
                kept = sigmoid(gates[size + i]) * cell[lane, layer, i]
                kept += sigmoid(gates[i]) * np.tanh(gates[2 * size + i])
                cell[lane, layer, i] = kept
                output[lane, layer, i] = sigmoid(gates[3 * size + i]) * np.tanh(kept)
                z[i] += output[lane, layer, i]


class Players(CompiledPlayers):
    """Each layer's output and cell in each lane."""

    trunk = remember

    @staticmethod
    def matrices(network: Policy) -> list[list[torch.Tensor]]:
        return [
            [layer.weight_ih_l0 for layer in network.layers],
            [layer.weight_hh_l0 for layer in network.layers],
            [layer.bias_ih_l0 + layer.bias_hh_l0 for layer in network.layers],
        ]

    @staticmethod
    def state(config: LstmConfig, lanes: int) -> tuple[np.ndarray, ...]:
        return tuple(np.zeros((2, lanes, config.depth, config.size), np.float32))
