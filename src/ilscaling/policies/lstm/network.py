"""The network of the family `lstm`."""

import torch
from torch import nn

from ilscaling.policies import sequences
from ilscaling.policies.lstm import LstmConfig
from ilscaling.policies.sequences import Begins, State, norm


class Policy(sequences.Policy):
    """The state is each layer's output and cell, zero at a game's first frame."""

    def __init__(self, config: LstmConfig):
        super().__init__(config)
        self.layers = nn.ModuleList(
            nn.LSTM(config.size, config.size, batch_first=True) for _ in range(config.depth)
        )

    def initial(self, lanes: int) -> State:
        zeros = self.head.weight.new_zeros(lanes, self.config.depth, self.config.size)
        return {"output": zeros, "cell": zeros.clone()}

    def trunk(
        self, x: torch.Tensor, first: torch.Tensor, state: State | None, begins: Begins
    ) -> tuple[torch.Tensor, State]:
        state = self.initial(len(x)) if state is None else state
        # Cut where any lane's game begins; through each piece a layer runs in one call.
        begins = first.any(0) if begins is None else begins
        cuts = (begins[1:].nonzero().flatten() + 1).tolist()
        pieces = []
        for start, end in zip([0, *cuts], [*cuts, first.shape[1]], strict=True):
            going = ~first[:, start, None, None]
            state = {name: values * going for name, values in state.items()}
            y, state = self._through(x[:, start:end], state)
            pieces.append(y)
        state = {name: values.detach() for name, values in state.items()}
        return torch.cat(pieces, 1) if cuts else pieces[0], state

    def _through(self, x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        outputs, cells, kind = [], [], x.device.type
        low = kind != "cpu" and torch.is_autocast_enabled(kind)
        # oneDNN trains an LSTM four to six times as fast as PyTorch's own loop, if in float32.
        with torch.autocast(kind, enabled=False):
            x = x.float()
            for n, layer in enumerate(self.layers):
                before = tuple(state[name][None, :, n].contiguous() for name in ("output", "cell"))
                y, (output, cell) = (_bfloat16(layer) if low else layer)(norm(x), before)
                x = x + y
                outputs.append(output[0])
                cells.append(cell[0])
        return x, {"output": torch.stack(outputs, 1), "cell": torch.stack(cells, 1)}


def _bfloat16(layer: nn.LSTM):
    """A layer that computes in bfloat16; takes and gives float32. Autocast has float16 alone for
    cuDNN's LSTM, whatever type it was asked for."""

    def through(x: torch.Tensor, before: tuple[torch.Tensor, ...]):
        weights = [weight.bfloat16() for weight in layer.all_weights[0]]
        state = tuple(value.bfloat16() for value in before)
        # Biases; one layer; no dropout; whether it learns; one direction; lanes first.
        how = (True, 1, 0.0, layer.training, False, True)
        y, output, cell = torch.lstm(x.bfloat16(), state, weights, *how)
        return y.float(), (output.float(), cell.float())

    return through
