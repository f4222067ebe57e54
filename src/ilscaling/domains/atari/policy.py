"""The expert's policy: the Nature CNN of Stable-Baselines3 with a width dial, and its file.

The file is safetensors with the weights under Stable-Baselines3's own names; a JSON beside it
(same name, `.json`) holds game, actions and the training record. No pickle anywhere.
"""

from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ilscaling.errors import DamagedFile, ExpertError
from ilscaling.files import atomic, read_json, sha256, write_json

FORMAT = "ilscaling-expert-1"
FIX = "restore it with 'git checkout' or 'dvc checkout', or train one: ilscaling train-expert"
MAX_HEADER = 2**20  # bytes of a safetensors file that are no weights
STACK = 4  # frames that the policy sees, the newest last


class NatureFeatures(nn.Module):
    """Mnih et al. (2015): three convolutions and a linear layer.

    Input uint8 (batch, 4, 84, 84), output float32 (batch, 512 * width), non-negative.

    Parameters
    ----------
    width
        Channels and features as a multiple of the published ones.
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
    """Logits of the expert's actions: uint8 (batch, 4, 84, 84) -> float32 (batch, actions).

    Parameters
    ----------
    width
        As of `NatureFeatures`.
    actions
        How many the game has.
    """

    def __init__(self, width: float, actions: int):
        super().__init__()
        self.features = NatureFeatures(width)
        self.action_net = nn.Linear(self.features.features_dim, actions)

    def forward(self, screens: torch.Tensor) -> torch.Tensor:
        return self.action_net(self.features(screens))


def save(path: str | Path, policy: ExpertPolicy, record: dict) -> None:
    """Write an expert.

    Parameters
    ----------
    path
        Of the weights (safetensors); the record is the JSON beside it.
    policy
        The expert's.
    record
        With `game`; format and digest of the weights are added.
    """
    path = Path(path)
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in policy.state_dict().items()
    }
    with atomic(path) as temporary:
        save_file(tensors, temporary, metadata={"format": FORMAT, "game": record["game"]})
    write_json(path.with_suffix(".json"), {"format": FORMAT, **record, "sha256": sha256(path)})


class Record(BaseModel):
    """What is read of an expert's record; it holds more."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    format: Literal["ilscaling-expert-1"]
    game: str
    actions: list[str] = Field(min_length=1, max_length=1000)
    width: float = Field(gt=0, le=64)
    sha256: str


def load(path: str | Path, game: str | None = None) -> tuple[ExpertPolicy, dict]:
    """Read an expert and its record.

    Parameters
    ----------
    path
        Of the weights; the record is the JSON beside it.
    game
        What the expert must play; None: any.

    Returns
    -------
    tuple
        The policy, in evaluation mode and without gradients, and the record.

    Raises
    ------
    ExpertError
        For another game's, and for a file or record that is missing, damaged or foreign, or whose
        weights are not finite; before memory is taken that the file does not fill.
    """
    path = Path(path)
    beside = path.with_suffix(".json")

    def refuse(what: str, where: Path = path, fix: str = FIX) -> ExpertError:
        return ExpertError(what, where=str(where), fix=fix)

    for part in (path, beside):
        if not part.is_file():
            raise refuse("expert file is missing", part)
    try:
        record = read_json(beside)
        known = Record.model_validate(record)
    except DamagedFile as error:
        raise refuse(error.what, beside) from None
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        given = "missing" if first["type"] == "missing" else repr(first["input"])[:80]
        raise refuse(f"{name} is {given}: {first['msg']}", beside) from None
    if game is not None and known.game != game:
        raise refuse(
            f"this expert plays {known.game!r}, not {game!r}",
            fix="set expert.file to an expert of that game, or game.name to the expert's",
        )
    with torch.device("meta"):  # shapes alone
        wanted = ExpertPolicy(known.width, len(known.actions))
    shapes = {name: weight.shape for name, weight in wanted.state_dict().items()}
    most = sum(4 * shape.numel() for shape in shapes.values()) + MAX_HEADER
    if path.stat().st_size > most:
        raise refuse(f"expert file is larger than its policy can be ({most:,} bytes)")
    if known.sha256 != sha256(path):
        raise refuse("expert file is truncated or was changed: its digest is not the recorded one")
    try:
        tensors = load_file(path)
        if {name: tensor.shape for name, tensor in tensors.items()} != shapes:
            raise refuse(f"weights do not fit the policy of width {known.width:g}")
        policy = ExpertPolicy(known.width, len(known.actions))
        policy.load_state_dict(tensors)
    except SafetensorError as error:
        raise refuse(f"not a safetensors file ({error})") from None
    except RuntimeError as error:
        raise refuse(f"weights do not fit the policy: {error}") from None
    for name, weight in policy.state_dict().items():
        if not weight.isfinite().all():
            raise refuse(f"weights are not finite: {name}")
    return policy.eval().requires_grad_(False), record
