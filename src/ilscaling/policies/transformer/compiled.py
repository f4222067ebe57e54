"""A step of the family `transformer`, compiled: see `players`."""

import math

import numba
import numpy as np
import torch

from ilscaling.policies.players import LOOSE, CompiledPlayers, dot, norm, sigmoid
from ilscaling.policies.transformer import TransformerConfig
from ilscaling.policies.transformer.network import Policy


@numba.njit(cache=True, nogil=True, fastmath=LOOSE)
def attend(owner, x, first, cosines, sines, keys, values, count, inputs, outputs, opened, closed):
    """The trunk of `transformer.Policy`, a frame a lane.

    A score depends on how far a pair of features is turned from query to key (rotary positions, Su
    et al. 2021): by its age.

    Parameters
    ----------
    owner
        Whose weights play each lane, int64 (lanes,).
    x
        float32 (lanes, d): the encoder's vectors, which become what the head reads.
    first
        Whether a game begins, bool (lanes,).
    cosines, sines
        Of the turn of each pair of features at each age, float32 (context, head / 2).
    keys, values
        Rings, float32 (lanes, depth, heads, context, head), changed in place.
    count
        Frames of its game that each lane has seen, int64 (lanes,), changed in place.
    inputs
        Matrices to queries, keys and values, float32 (owners, depth, 3 heads head, d).
    outputs
        Matrices from the heads, float32 (owners, depth, d, heads head).
    opened, closed
        Matrices of the feed-forward network (SwiGLU, Shazeer 2020), float32
        (owners, depth, 2 hidden, d) and (owners, depth, d, hidden).
    """
    _, depth, heads, context, width = keys.shape
    size, hidden = x.shape[1], closed.shape[3]
    y = np.empty(size, np.float32)
    mixed = np.empty(inputs.shape[2], np.float32)
    mean = np.empty(heads * width, np.float32)
    weights = np.empty(context, np.float32)
    inner = np.empty(hidden, np.float32)
    scale = np.float32(1 / math.sqrt(width))
    for lane in range(len(owner)):
        who, z = owner[lane], x[lane]
        count[lane] = 0 if first[lane] else count[lane]
        now = count[lane] % context
        visible = min(count[lane] + 1, context)
        for layer in range(depth):
            norm(z, y)
            for i in range(len(mixed)):
                mixed[i] = dot(inputs[who, layer, i], y)
            for head in range(heads):
                query = mixed[head * width : (head + 1) * width]
                ring, stored = keys[lane, layer, head], values[lane, layer, head]
                for i in range(width):
                    ring[now, i] = mixed[(heads + head) * width + i]
                    stored[now, i] = mixed[(2 * heads + head) * width + i]
                most = np.float32(-np.inf)
                for age in range(visible):
                    key = ring[now - age if age <= now else now - age + context]
                    score = np.float32(0)
                    for pair in range(width // 2):
                        a, b = query[2 * pair], query[2 * pair + 1]
                        u, v = key[2 * pair], key[2 * pair + 1]
                        score += (a * u + b * v) * cosines[age, pair]
                        score -= (b * u - a * v) * sines[age, pair]
                    weights[age] = score * scale
                    most = max(most, weights[age])
                total = np.float32(0)
                for age in range(visible):
                    weights[age] = np.exp(weights[age] - most)
                    total += weights[age]
                for i in range(width):
                    mean[head * width + i] = 0
                for age in range(visible):
                    share = weights[age] / total
                    entry = stored[now - age if age <= now else now - age + context]
                    for i in range(width):
                        mean[head * width + i] += share * entry[i]
            for i in range(size):
                z[i] += dot(outputs[who, layer, i], mean)
            norm(z, y)
            for i in range(hidden):
                gate = dot(opened[who, layer, i], y)
                inner[i] = gate * sigmoid(gate) * dot(opened[who, layer, hidden + i], y)
            for i in range(size):
                z[i] += dot(closed[who, layer, i], inner)
        count[lane] += 1


class Players(CompiledPlayers):
    """Keys and values of the last `context` frames of each lane's game."""

    trunk = attend

    @staticmethod
    def matrices(network: Policy) -> list[list[torch.Tensor]]:
        parts = (*zip(network.attention, network.feedforward, strict=True),)
        return [
            [attention.inputs.weight for attention, _ in parts],
            [attention.outputs.weight for attention, _ in parts],
            [feedforward.inputs.weight for _, feedforward in parts],
            [feedforward.outputs.weight for _, feedforward in parts],
        ]

    @staticmethod
    def state(config: TransformerConfig, lanes: int) -> tuple[np.ndarray, ...]:
        angles = np.arange(config.context)[:, None] * np.array(config.turns)
        turns = (turn.astype(np.float32) for turn in (np.cos(angles), np.sin(angles)))
        shape = (2, lanes, config.depth, config.heads, config.context, config.head)
        # Last, frames that each lane has seen of its game.
        return *turns, *np.zeros(shape, np.float32), np.zeros(lanes, np.int64)
