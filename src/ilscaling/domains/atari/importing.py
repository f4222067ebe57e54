"""An existing Stable-Baselines3 checkpoint as an expert, without trusting its pickles.

Such a .zip holds `policy.pth` (tensors, in PyTorch's format) and `data` (JSON with pickled Python
objects inside). Of `data` the plain JSON alone is read, and `policy.pth` by PyTorch's weights-only
unpickler, which refuses whatever is not a tensor.

The policy must be the stock one for images: `CnnPolicy` of PPO or A2C over a stack of four 84x84
grey frames. Stable-Baselines3 divides frames by 255 before the network, as `ExpertPolicy` does,
unless `normalize_images` is False.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import torch

from ilscaling import games
from ilscaling.domains.atari.policy import ExpertPolicy, save
from ilscaling.errors import DamagedFile, ExpertError
from ilscaling.files import sha256

WEIGHTS, DATA, STAMP = "policy.pth", "data", "_stable_baselines3_version"
# Bytes. The Nature CNN has 7 MB; `data` holds the last screens of the environments; a pickle that
# lists a policy's tensors 3 kB.
LARGEST, LARGEST_DATA, LARGEST_PICKLE = 2**30, 2**27, 2**20
UNSAFE = "not a plain file of tensors, or one that would run code: refused"
FIX = (
    "give the .zip that model.save() of Stable-Baselines3 wrote for PPO('CnnPolicy', ...) on "
    "84x84 grey frames in a stack of 4"
)


def import_sb3(zip_path: str | Path, out: str | Path, game: str) -> dict:
    """Write the policy of a Stable-Baselines3 .zip as an expert of Atari `game`.

    Parameters
    ----------
    zip_path
        What `model.save()` wrote.
    out
        The expert's file (safetensors); its JSON record is written beside it.
    game
        What it plays: name of a ROM that ale-py ships.

    Returns
    -------
    dict
        The record.

    Raises
    ------
    GameError
        For an unknown game.
    ExpertError
        For a file that is no such policy, before anything is written.
    """
    zip_path = Path(zip_path)
    actions = games.spec("atari", game).actions
    tensors, made_by, scale = read_zip(zip_path)
    policy, width = fit(tensors, len(actions), game, zip_path)
    with torch.no_grad():
        policy.features.cnn[0].weight.mul_(scale)
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


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """A file of an archive, of at most `most` bytes expanded."""
    if (claimed := archive.getinfo(name).file_size) > most:
        raise DamagedFile(f"{name} is larger than {most:,} bytes ({claimed:,})")
    with archive.open(name) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise DamagedFile(f"{name} is larger than {most:,} bytes")
    return content


@contextmanager
def _reading(what: str, where: str) -> Iterator[None]:
    """The one door of foreign bytes: whatever their parsers raise becomes an ExpertError.

    zipfile alone raises BadZipFile, RuntimeError (encrypted), NotImplementedError (compression),
    zlib.error, EOFError; PyTorch whatever a pickle leads to.
    """
    try:
        yield
    except ExpertError:
        raise
    except DamagedFile as error:
        raise ExpertError(error.what, where=where, fix=FIX) from None
    except OSError as error:
        text = f"cannot read it: {error.strerror or error}"
        raise ExpertError(text, where=where, fix=FIX) from None
    except Exception as error:
        # PyTorch's own text advises to load the file unsafely: it is not passed on.
        shown = "" if what == UNSAFE else f" ({type(error).__name__}: {str(error)[:200]})"
        raise ExpertError(f"{what}{shown}", where=where, fix=FIX) from None


def read_zip(path: Path) -> tuple[dict[str, torch.Tensor], str | None, float]:
    """What a Stable-Baselines3 .zip says of its policy.

    Parameters
    ----------
    path
        The .zip.

    Returns
    -------
    tuple
        Tensors of `policy.pth` by name, the version of Stable-Baselines3 that wrote them, and what
        the first layer's weights are to be multiplied by (see `_scale`).

    Raises
    ------
    ExpertError
        For anything but such a file, before more memory is taken than a policy has.
    """
    with _reading("not a whole .zip file", str(path)):
        if path.exists() and not path.is_file():
            raise DamagedFile("not a file")
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if WEIGHTS not in names:
                raise DamagedFile(f"no {WEIGHTS} in the archive")
            content = _member(archive, WEIGHTS, LARGEST)
            stamp = _member(archive, STAMP, 1000) if STAMP in names else b""
            data = _member(archive, DATA, LARGEST_DATA) if DATA in names else b"{}"
    with _reading("not the JSON of Stable-Baselines3", f"{path}: {DATA}"):
        scale = _scale(json.loads(data))
    where = f"{path}: {WEIGHTS}"
    with _reading(UNSAFE, where):
        _refuse_bomb(content)
        tensors = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    if not isinstance(tensors, dict) or not all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in tensors.items()
    ):
        raise ExpertError("not a mapping from names to tensors", where=where, fix=FIX)
    for name, value in tensors.items():
        plain = value.layout == torch.strided and value.device.type == "cpu"
        # A tensor may repeat one number, and then is larger than all that the file holds.
        if not plain or value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise ExpertError(f"{name} is not a plain tensor", where=where, fix=FIX)
    return tensors, stamp[:32].decode("ascii", "replace").strip() or None, scale


def _refuse_bomb(content: bytes) -> None:
    """Raise DamagedFile for a `policy.pth` that expands: PyTorch writes an uncompressed archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = archive.infolist()
        if sum(part.file_size for part in parts) > len(content):
            raise DamagedFile(f"{WEIGHTS} expands: PyTorch stores tensors as they are")
        if any(p.filename.endswith(".pkl") and p.file_size > LARGEST_PICKLE for p in parts):
            raise DamagedFile(f"{WEIGHTS} holds more than tensors")


def _scale(data: dict) -> float:
    """What the first layer's weights are multiplied by, so that screens over 255 give the same.

    With `normalize_images=False` the policy took observations as they came: screens of 0 to 255,
    or such that a wrapper had divided already. `data` says which in plain JSON, in `policy_kwargs`
    and `observation_space`; what is pickled beside it is not opened.
    """
    if not isinstance(data, dict):
        raise DamagedFile("it is no object")
    chosen, space = data.get("policy_kwargs") or {}, data.get("observation_space") or {}
    extractor = str(chosen.get("features_extractor_class", "NatureCNN"))
    if "NatureCNN" not in extractor:
        raise DamagedFile(f"a policy with features of its own: {extractor[:80]}")
    if str(chosen.get("normalize_images", True)) == "True":
        return 1.0
    highest = {"255": 255.0, "255.0": 255.0, "1": 1.0, "1.0": 1.0}.get(str(space.get("high_repr")))
    if highest is None and str(space.get("dtype")) == "uint8":
        highest = 255.0
    if highest is None:
        raise DamagedFile(
            "normalize_images is False, and observation_space does not say whether the policy saw "
            "screens of 0 to 255 or of 0 to 1"
        )
    return highest


def fit(
    tensors: dict[str, torch.Tensor], actions: int, game: str, path: Path
) -> tuple[ExpertPolicy, float]:
    """The expert's policy with these weights.

    Parameters
    ----------
    tensors
        By Stable-Baselines3's names.
    actions
        How many the game has.
    game, path
        For the error: what is played, and the .zip.

    Returns
    -------
    tuple
        The policy, in evaluation mode, and its width.

    Raises
    ------
    ExpertError
        If they do not fit.
    """

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
