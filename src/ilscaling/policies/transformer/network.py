"""The network of the family `transformer`."""

import torch
from torch import nn
from torch.nn import functional as F

from ilscaling.policies import sequences
from ilscaling.policies.sequences import Begins, State, linear, norm
from ilscaling.policies.transformer import TransformerConfig


class Policy(sequences.Policy):
    """Sliding-window causal attention: in every layer a frame sees itself and the `context` - 1
    frames before it, of its own game. The state is a rolling memory of keys and values.
    """

    def __init__(self, config: TransformerConfig):
        super().__init__(config)
        self.attention = nn.ModuleList(Attention(config) for _ in range(config.depth))
        self.feedforward = nn.ModuleList(FeedForward(config) for _ in range(config.depth))
        places = torch.arange(2 * config.context - 1, dtype=torch.float64)
        angles = places[:, None] * torch.tensor(config.turns, dtype=torch.float64)
        turns = torch.polar(torch.ones_like(angles), angles).to(torch.complex64)
        self.register_buffer("turns", turns, persistent=False)

    def initial(self, lanes: int) -> State:
        config = self.config
        zeros = self.head.weight.new_zeros(lanes, 2, config.heads, config.context - 1, config.head)
        memory = {f"memory{n}": zeros.clone() for n in range(config.depth)}
        return {**memory, "valid": zeros.new_zeros(lanes, config.context - 1, dtype=torch.bool)}

    def trunk(
        self, x: torch.Tensor, first: torch.Tensor, state: State | None, begins: Begins
    ) -> tuple[torch.Tensor, State]:
        remembered = self.config.context - 1
        # Games are counted from the stretch's start: what is remembered belongs to game 0.
        game = in_window = first.cumsum(1)
        if state is not None:
            in_window = torch.cat((state["valid"].long() - 1, game), 1)
        steps, window = game.shape[1], in_window.shape[1]
        place = torch.arange(window, device=x.device)
        back = place[window - steps :, None] - place
        visible = (game[:, :, None] == in_window[:, None]) & ((back >= 0) & (back <= remembered))
        bias = torch.zeros_like(visible, dtype=torch.float32).masked_fill_(~visible, -torch.inf)
        after = {}
        for n, (attention, feedforward) in enumerate(
            zip(self.attention, self.feedforward, strict=True)
        ):
            name = f"memory{n}"
            memory = None if state is None else state[name]
            y, kept = attention(norm(x), memory, bias[:, None], self.turns)
            x = x + y
            x = x + feedforward(norm(x))
            after[name] = _last(kept.detach(), 3, remembered)
        after["valid"] = _last(in_window == game[:, -1:], 1, remembered)
        return x, after


class Attention(nn.Module):
    """Attention with rotary positions (Su et al. 2021).

    The memory holds keys before their rotation: positions count from the window's start, so they
    are as exact in a game's last frame as in its first.

    Parameters
    ----------
    config
        Widths of the policy.
    """

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.heads = config.heads
        self.inputs = linear(config.size, 3 * config.attention)
        self.outputs = linear(config.attention, config.size, (2 * config.depth) ** -0.5)

    def forward(
        self,
        x: torch.Tensor,
        memory: torch.Tensor | None,
        bias: torch.Tensor,
        turns: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Attend to a window of W frames, of which the last T are new.

        Parameters
        ----------
        x
            (B, T, d).
        memory
            Keys and values of the frames before, (B, 2, heads, W - T, head); None: W is T.
        bias
            What is added to the scores, -inf where a frame is not seen: (B, 1, T, W).
        turns
            Of each pair of features at each position, complex (>= W, head / 2).

        Returns
        -------
        tuple
            (B, T, d), and keys and values (B, 2, heads, W, head).
        """
        lanes, steps, _ = x.shape
        mixed = self.inputs(x).float().view(lanes, steps, 3, self.heads, -1).permute(0, 2, 3, 1, 4)
        query, kept = mixed[:, 0], mixed[:, 1:]
        if memory is not None:
            kept = torch.cat((memory, kept), 3)
        window = kept.shape[3]
        query = _rotated(query, turns[window - steps : window])
        key, value = _rotated(kept[:, 0], turns[:window]), kept[:, 1]
        mean = _attend(query, key, value, bias)
        return self.outputs(mean.transpose(1, 2).flatten(2)), kept


class FeedForward(nn.Module):
    """SwiGLU (Shazeer 2020)."""

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.inputs = linear(config.size, 2 * config.hidden)
        self.outputs = linear(config.hidden, config.size, (2 * config.depth) ** -0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate, value = self.inputs(x).chunk(2, -1)
        return self.outputs(F.silu(gate) * value)


def _attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    """softmax(query key^T / sqrt(head) + bias) value.

    On a CPU by plain products: as fast as the fused kernel at these widths (within 20 %), and the
    FLOP counter knows them. A GPU's fused kernels need no memory for the scores, and recompute
    them for the gradient, which no ledger counts; they take heads of whole multiples of eight
    features, so that zeros are added, of which the ledger knows nothing either.
    """
    if query.is_cuda:
        width = query.shape[-1]
        wide = [F.pad(x, (0, -width % 8)) for x in (query, key, value)]
        mean = F.scaled_dot_product_attention(*wide, bias.to(query.dtype), scale=width**-0.5)
        return mean[..., :width]
    scores = torch.matmul(query * query.shape[-1] ** -0.5, key.transpose(2, 3)) + bias
    return torch.matmul(scores.softmax(-1), value)


def _rotated(x: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
    """x (..., W, head) with its pairs of features turned by `turns` (W, head / 2)."""
    pairs = torch.view_as_complex(x.contiguous().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * turns).flatten(-2)


def _last(x: torch.Tensor, axis: int, count: int) -> torch.Tensor:
    """The last `count` entries along an axis, with zeros before them if there are fewer."""
    missing = count - x.shape[axis]
    if missing > 0:
        shape = [*x.shape[:axis], missing, *x.shape[axis + 1 :]]
        x = torch.cat((x.new_zeros(shape), x), axis)
    return x.narrow(axis, x.shape[axis] - count, count)
