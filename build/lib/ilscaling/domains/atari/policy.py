"""The expert's policy: the Nature CNN of Stable-Baselines3 with a width dial, and its file.

The file is safetensors with the weights under Stable-Baselines3's own names; a JSON beside it
(same name, `.json`) holds game, actions and the training record. No pickle anywhere.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ilscaling.errors import ExpertError
from ilscaling.files import atomic, read_json, sha256, write_json

FORMAT = "ilscaling-expert-1"
STACK = 4  # frames that the policy sees, the newest last


class NatureFeatures(nn.Module):
    """Mnih et al. (2015): three convolutions and a linear layer, `width` times as wide.

    Input uint8 (batch, 4, 84, 84), output float32 (batch, 512 * width), non-negative.
    """

    def __init__(self, width: float):
        super().__init__()
        c1, c2, c3, hidden = (max(1, round(n * width)) for n in (32, 64, 64, 512))
        self.cnn = nn.Sequential(
            nn.Conv2d(STACK, c1, 8, 4), nn.ReLU(),
            nn.Conv2d(c1, c2, 4, 2), nn.ReLU(),
            nn.Conv2d(c2, c3, 3, 1), nn.ReLU(),
            nn.Flatten(),
        )  # fmt: skip
        self.linear = nn.Sequential(nn.Linear(c3 * 7 * 7, hidden), nn.ReLU())
        self.features_dim = hidden

    def forward(self, screens: torch.Tensor) -> torch.Tensor:
        # One pass from bytes to the type of the arithmetic: a float32 copy would cost more than
        # the first convolution.
        device = screens.device.type
        low = torch.is_autocast_enabled(device)
        x = screens.to(torch.get_autocast_dtype(device) if low else torch.float32).div_(255)
        return self.linear(self.cnn(x)).float()


class ExpertPolicy(nn.Module):
    """Logits of the expert's actions: uint8 (batch, 4, 84, 84) -> float32 (batch, actions)."""

    def __init__(self, width: float, actions: int):
        super().__init__()
        self.features = NatureFeatures(width)
        self.action_net = nn.Linear(self.features.features_dim, actions)

    def forward(self, screens: torch.Tensor) -> torch.Tensor:
        return self.action_net(self.features(screens))


def save(path: str | Path, policy: ExpertPolicy, record: dict) -> None:
    """Write policy (safetensors) and record (JSON beside it, with the file's digest)."""
    path = Path(path)
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in policy.state_dict().items()
    }
    with atomic(path) as temporary:
        save_file(tensors, temporary, metadata={"format": FORMAT, "game": record["game"]})
    write_json(path.with_suffix(".json"), {"format": FORMAT, **record, "sha256": sha256(path)})


def load(path: str | Path, game: str | None = None) -> tuple[ExpertPolicy, dict]:
    """Read an expert and its record; refuses another game's, a damaged or a foreign file."""
    path = Path(path)
    beside = path.with_suffix(".json")
    fix = "restore it with 'git checkout' or 'dvc checkout', or train one: ilscaling train-expert"
    for part in (path, beside):
        if not part.is_file():
            raise ExpertError("expert file is missing", where=str(part), fix=fix)
    try:
        record = read_json(beside)
    except ValueError as error:
        raise ExpertError(f"not a JSON record ({error})", where=str(beside), fix=fix) from None
    if record.get("format") != FORMAT:
        raise ExpertError(
            f"format is {record.get('format')!r}, not {FORMAT!r}", where=str(beside), fix=fix
        )
    if game is not None and record["game"] != game:
        raise ExpertError(
            f"this expert plays {record['game']!r}, not {game!r}",
            where=str(path),
            fix="set expert.file to an expert of that game, or game.name to the expert's",
        )
    if record["sha256"] != sha256(path):
        raise ExpertError(
            "expert file is truncated or was changed: its digest is not the recorded one",
            where=str(path),
            fix=fix,
        )
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise ExpertError(f"not a safetensors file ({error})", where=str(path), fix=fix) from None
    policy = ExpertPolicy(record["width"], len(record["actions"]))
    try:
        policy.load_state_dict(tensors)
    except RuntimeError as error:
        raise ExpertError(
            f"weights do not fit the policy: {error}", where=str(path), fix=fix
        ) from None
    return policy.eval().requires_grad_(False), record
