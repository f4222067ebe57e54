"""An existing Stable-Baselines3 checkpoint as an expert, without trusting its pickles.

Such a .zip holds `policy.pth` (tensors, in PyTorch's format) and `data` (JSON with pickled Python
objects inside). `data` is never opened, and `policy.pth` is read by PyTorch's weights-only
unpickler, which refuses whatever is not a tensor.

The policy must be the stock one for images: `CnnPolicy` of PPO or A2C over a stack of four 84x84
grey frames. Stable-Baselines3 divides frames by 255 before the network, as `ExpertPolicy` does.
"""

import io
import pickle
import zipfile
from importlib.metadata import version
from pathlib import Path

import torch

from ilscaling import games
from ilscaling.domains.atari.policy import ExpertPolicy, save
from ilscaling.errors import ExpertError
from ilscaling.files import sha256

WEIGHTS = "policy.pth"
LARGEST = 2**30  # bytes; the Nature CNN has 7 MB, a file of more than this is not one
FIX = (
    "give the .zip that model.save() of Stable-Baselines3 wrote for PPO('CnnPolicy', ...) on "
    "84x84 grey frames in a stack of 4"
)


def import_sb3(zip_path: str | Path, out: str | Path, game: str) -> dict:
    """Write the policy of a Stable-Baselines3 .zip as an expert of Atari `game`.

    Writes `out` (safetensors) and its JSON record, which is returned. Raises GameError for an
    unknown game and ExpertError for a file that is no such policy, before anything is written.
    """
    zip_path = Path(zip_path)
    actions = games.spec("atari", game).actions
    tensors, made_by = read_weights(zip_path)
    policy, width = fit(tensors, len(actions), game, zip_path)
    record = {
        "game": game,
        "algorithm": "PPO or A2C, imported from Stable-Baselines3",
        "width": width,
        "actions": list(actions),
        "source": {
            "file": zip_path.name,
            "sha256": sha256(zip_path),
            "stable-baselines3": made_by,
        },
        "versions": {"torch": version("torch")},
    }
    save(out, policy, record)
    return record


def read_weights(path: Path) -> tuple[dict[str, torch.Tensor], str | None]:
    """Tensors of `policy.pth` by name, and the version of Stable-Baselines3 that wrote them."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if WEIGHTS not in names:
                raise ExpertError(f"no {WEIGHTS} in the archive", where=str(path), fix=FIX)
            if archive.getinfo(WEIGHTS).file_size > LARGEST:
                raise ExpertError(f"{WEIGHTS} is larger than 1 GiB", where=str(path), fix=FIX)
            content = archive.read(WEIGHTS)
            stamp = "_stable_baselines3_version"
            made_by = archive.read(stamp)[:32].decode("ascii", "replace") if stamp in names else ""
    except OSError as error:
        raise ExpertError(
            f"cannot read it: {error.strerror or error}", where=str(path), fix=FIX
        ) from None
    except zipfile.BadZipFile as error:
        raise ExpertError(f"not a whole .zip file ({error})", where=str(path), fix=FIX) from None
    where = f"{path}: {WEIGHTS}"
    try:
        tensors = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError):
        # PyTorch's own text advises to load the file unsafely: it is not passed on.
        raise ExpertError(
            "not a plain file of tensors, or one that would run code: refused",
            where=where,
            fix=FIX,
        ) from None
    if not isinstance(tensors, dict) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in tensors.items()
    ):
        raise ExpertError("not a mapping from names to tensors", where=where, fix=FIX)
    return tensors, made_by.strip() or None


def fit(
    tensors: dict[str, torch.Tensor], actions: int, game: str, path: Path
) -> tuple[ExpertPolicy, float]:
    """The expert's policy with these weights, and its width; ExpertError if they do not fit."""

    def refuse(what: str, fix: str = FIX):
        return ExpertError(what, where=f"{path}: {WEIGHTS}", fix=fix)

    if any(name.startswith(("lstm_actor", "lstm_critic")) for name in tensors):
        raise refuse("a recurrent policy: an expert here sees a stack of four frames")
    extra = [name for name in tensors if name.startswith("mlp_extractor.")]
    if "features_extractor.cnn.0.weight" not in tensors or extra:
        raise refuse(
            "not a CnnPolicy with the action head on the Nature CNN's features; it holds "
            + ", ".join(extra[:3] or sorted(tensors)[:3])
        )
    hidden = tensors.get("features_extractor.linear.0.bias")
    if hidden is None or hidden.ndim != 1 or "action_net.bias" not in tensors:
        raise refuse("the linear layer or the action head is missing")
    heads = tensors["action_net.bias"].numel()
    if heads != actions:
        raise refuse(
            f"this policy chooses among {heads} actions, {game!r} has {actions} in its minimal set",
            fix="give the game that the checkpoint was trained on; with full_action_space=True "
            "it cannot be used",
        )
    # The linear layer has the most units, so it tells the width dial most finely.
    width = hidden.numel() / 512
    policy = ExpertPolicy(width, actions)
    chosen = {}
    for name, wanted in policy.state_dict().items():
        source = name.replace("features.", "features_extractor.", 1)
        value = tensors.get(source)
        if value is None or value.shape != wanted.shape:
            shape = "missing" if value is None else f"of shape {tuple(value.shape)}"
            raise refuse(f"{source} is {shape}, wanted {tuple(wanted.shape)} (84x84, stack of 4)")
        if not value.is_floating_point() or not value.isfinite().all():
            raise refuse(f"{source} holds numbers that are not finite")
        chosen[name] = value.float()
    policy.load_state_dict(chosen)
    return policy.eval(), width
