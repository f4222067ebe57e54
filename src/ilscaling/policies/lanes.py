"""Sequence policies that play side by side on a CPU, compiled: one frame a lane at a time.

A frame takes PyTorch hundreds of operations, whose dispatch costs far more than a small
policy's arithmetic, and lanes of several policies have no weights in common. Here a lane costs its
arithmetic, and what it plays depends on nothing beside it.
"""

import math

import numba
import numpy as np
import torch

from ilscaling.policies import frames, lookups
from ilscaling.policies.sequences import Policy

# Widths from which PyTorch plays, which reads a policy's weights once for all of its lanes. On the
# safe side: with four lanes a policy these lanes were 5 times as fast at 192, still 2.6 times at
# 384 (docs/performance.md); wider ones were not measured.
WIDE = 192
EPSILON = np.float32(torch.finfo(torch.float32).eps)
# Sums may be taken in any order, which lets them be vectors: the order is the machine's, but the
# same at every call.
LOOSE = {"reassoc", "contract", "nsz"}


class Lanes:
    """Lanes that act each by the policy that it was given last, from where that begins a game."""

    def __init__(self, policies: list[Policy], lanes: int):
        """policies: of one architecture, such as the snapshots of a run."""
        encoder, self.widths = policies[0].encoder, policies[0].widths
        self.offsets = encoder.starts.numpy()
        each = [_weights(policy) for policy in policies]
        self.weights = tuple(np.stack(arrays) for arrays in zip(*each, strict=True))
        self.owner, self.places = np.zeros(lanes, np.int64), np.arange(lanes)
        w = self.widths
        # The same memory at every step: between two steps the game takes the caches.
        features = encoder.matrix.shape[1]
        self.read = frames.room(lanes, lanes if w.inventory else 0)
        self.seen = np.empty((lanes, features), np.float32)
        self.inner = np.empty((lanes, w.size), np.float32)
        if w.family == "transformer":
            angles = np.arange(w.context)[:, None] * np.array(w.turns)
            turns = (np.cos(angles), np.sin(angles))
            memory = np.zeros((2, lanes, w.depth, w.heads, w.context, w.head), np.float32)
            # Frames that each lane has seen of its game.
            self._step = _attend
            self._state = (*(t.astype(np.float32) for t in turns), *memory, self.owner.copy())
        else:
            memory = np.zeros((2, lanes, w.depth, w.size), np.float32)
            self._step, self._state = _remember, tuple(memory)

    def give(self, lane: int, policy: int) -> None:
        """Let the policy of that number act in `lane` from now on."""
        self.owner[lane] = policy

    def step(self, batch: dict[str, np.ndarray], temperature: float) -> np.ndarray:
        """Action probabilities float64 (lanes, actions) for one frame a lane, {field: (lanes,
        ...)} with `previous` and `first`; temperature: as of `acting.probabilities`."""
        count = len(self.owner)
        cells = [batch[name].reshape(count, -1) for name in ("tty_chars", "tty_colors")]
        strips = (values.view(np.int64) for values in cells)
        things = batch["inventory"] if self.widths.inventory else frames.NO_INVENTORY
        said = (*cells, *strips, self.places, batch["tty_cursor"], batch["previous"], things)
        tables, (matrix, *trunk, head) = self.weights[:5], self.weights[5:]
        offsets, rows = self.offsets, self.widths.words
        _encode(*said, offsets, rows, self.owner, *tables, matrix, self.read, self.seen, self.inner)
        self._step(self.owner, self.inner, batch["first"], *self._state, *trunk)
        chances = np.empty((count, self.widths.actions))
        _answer(self.owner, head, self.inner, temperature, chances)
        return chances


def _weights(policy: Policy) -> list[np.ndarray]:
    """Five tables, the encoder's matrix, the trunk's matrices (depth, ...) and the head's."""
    found = lookups.with_inventory(policy.encoder.tables())
    trunk = [torch.stack(layers) for layers in policy.matrices()]
    every = [*found, policy.encoder.matrix, *trunk, policy.head.weight]
    return [weight.detach().numpy() for weight in every]


@numba.njit(cache=True, fastmath=LOOSE)
def _dot(a, b):
    total = np.float32(0)
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@numba.njit(cache=True, fastmath=LOOSE)
def _norm(x, out):
    """RMSNorm, as of `sequences.norm`."""
    scale = np.float32(1) / np.sqrt(_dot(x, x) / np.float32(len(x)) + EPSILON)
    for i in range(len(x)):
        out[i] = x[i] * scale


@numba.njit(cache=True, fastmath=LOOSE)
def _sigmoid(x):
    return np.float32(1) / (np.float32(1) + np.exp(-x))


@numba.njit(cache=True, nogil=True, fastmath=LOOSE)
def _encode(
    chars, colours, now, tints, places, cursor, previous, inventory, offsets, rows, owner,
    cells, patches, facts, words, carried, matrix, read, seen, inner,
):  # fmt: skip
    frames.fill(
        chars, colours, now, tints, places, cursor, previous, inventory, 1, offsets, rows, read
    )
    lookups.gather(read, 1, owner, cells, patches, facts, words, carried, seen, inner)
    for lane in range(len(owner)):
        for i in range(inner.shape[1]):
            inner[lane, i] += _dot(matrix[owner[lane], i], seen[lane])


@numba.njit(cache=True, nogil=True, fastmath=LOOSE)
def _answer(owner, head, x, temperature, chances):
    """Softmax of the logits over the temperature; at 0 all for the largest, the first of equals."""
    y = np.empty(x.shape[1], np.float32)
    for lane in range(len(owner)):
        _norm(x[lane], y)
        mine = chances[lane]
        for action in range(len(mine)):
            mine[action] = _dot(head[owner[lane], action], y)
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


@numba.njit(cache=True, nogil=True, fastmath=LOOSE)
def _attend(owner, x, first, cosines, sines, keys, values, count, inputs, outputs, opened, closed):
    """The trunk of `transformer.Policy`. Keys and values (lanes, depth, heads, context, head) are
    rings. A score depends on how far a pair of features is turned from query to key: by its age."""
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
        seen = min(count[lane] + 1, context)
        for layer in range(depth):
            _norm(z, y)
            for i in range(len(mixed)):
                mixed[i] = _dot(inputs[who, layer, i], y)
            for head in range(heads):
                query = mixed[head * width : (head + 1) * width]
                ring, stored = keys[lane, layer, head], values[lane, layer, head]
                for i in range(width):
                    ring[now, i] = mixed[(heads + head) * width + i]
                    stored[now, i] = mixed[(2 * heads + head) * width + i]
                most = np.float32(-np.inf)
                for age in range(seen):
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
                for age in range(seen):
                    weights[age] = np.exp(weights[age] - most)
                    total += weights[age]
                for i in range(width):
                    mean[head * width + i] = 0
                for age in range(seen):
                    share = weights[age] / total
                    entry = stored[now - age if age <= now else now - age + context]
                    for i in range(width):
                        mean[head * width + i] += share * entry[i]
            for i in range(size):
                z[i] += _dot(outputs[who, layer, i], mean)
            _norm(z, y)
            for i in range(hidden):
                gate = _dot(opened[who, layer, i], y)
                inner[i] = gate * _sigmoid(gate) * _dot(opened[who, layer, hidden + i], y)
            for i in range(size):
                z[i] += _dot(closed[who, layer, i], inner)
        count[lane] += 1


@numba.njit(cache=True, nogil=True, fastmath=LOOSE)
def _remember(owner, x, first, output, cell, entering, returning, bias):
    """The trunk of `lstm.Policy`; output and cell (lanes, depth, d). Gates in PyTorch's order:
    input, forget, value, output."""
    depth, size = output.shape[1:]
    y = np.empty(size, np.float32)
    gates = np.empty(4 * size, np.float32)
    for lane in range(len(owner)):
        who, z = owner[lane], x[lane]
        if first[lane]:
            output[lane] = 0
            cell[lane] = 0
        for layer in range(depth):
            _norm(z, y)
            for i in range(4 * size):
                gates[i] = bias[who, layer, i] + (
                    _dot(entering[who, layer, i], y)
                    + _dot(returning[who, layer, i], output[lane, layer])
                )
            for i in range(size):
                kept = _sigmoid(gates[size + i]) * cell[lane, layer, i]
                kept += _sigmoid(gates[i]) * np.tanh(gates[2 * size + i])
                cell[lane, layer, i] = kept
                output[lane, layer, i] = _sigmoid(gates[3 * size + i]) * np.tanh(kept)
                z[i] += output[lane, layer, i]
