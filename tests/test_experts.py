"""Experts: training that resumes, files that are refused, checkpoints of others."""

import contextlib
import hashlib
import io
import json
import os
import pickle
import signal
import zipfile
from pathlib import Path
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
import torch
from safetensors import safe_open
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import DummyVecEnv

from ilscaling.cli import experts as cli
from ilscaling.domains.atari import ppo
from ilscaling.domains.atari.importing import import_sb3
from ilscaling.domains.atari.lanes import Group
from ilscaling.domains.atari.measure import measure
from ilscaling.domains.atari.policy import ExpertPolicy, load, save
from ilscaling.domains.atari.section import PPO as PPOParams
from ilscaling.domains.atari.section import Emulator
from ilscaling.errors import ExpertError
from ilscaling.files import read_json
from ilscaling.games import spec
from ilscaling.seeds import Purpose, seeds

FAST = Emulator(max_steps=40)
TINY = PPOParams(steps=256, width=0.05, lanes=2, horizon=32, epochs=1, batch=32)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def expert(tmp_path) -> Path:
    """An untrained expert of Breakout on disk."""
    torch.manual_seed(1)
    path = tmp_path / "breakout.safetensors"
    actions = spec("atari", "breakout").actions
    record = {"game": "breakout", "width": 0.1, "actions": list(actions), "steps": 0}
    save(path, ExpertPolicy(0.1, len(actions)), record)
    return path


# --- files ---------------------------------------------------------------------------------------


def test_an_expert_comes_back_as_it_was_saved(expert):
    policy, record = load(expert, "breakout")
    torch.manual_seed(1)
    same = ExpertPolicy(0.1, 4)
    screens = torch.randint(0, 256, (3, 4, 84, 84), dtype=torch.uint8)
    assert torch.equal(policy(screens), same(screens))
    assert record["steps"] == 0


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def not_safetensors(path: Path) -> None:
    content = b"these are no tensors at all"
    path.write_bytes(content)
    record = read_json(path.with_suffix(".json"))
    record["sha256"] = hashlib.sha256(content).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(record))


def another_width(path: Path) -> None:
    """A policy of 26 GB, says the record."""
    record = read_json(path.with_suffix(".json"))
    path.with_suffix(".json").write_text(json.dumps(record | {"width": 64.0}))


def not_a_number(path: Path) -> None:
    policy, record = load(path)
    policy.action_net.weight[0, 0] = torch.nan
    save(path, policy, {k: v for k, v in record.items() if k not in ("sha256", "format")})


def a_list(path: Path) -> None:
    path.with_suffix(".json").write_text("[" * 10**5)


def no_record(path: Path) -> None:
    path.with_suffix(".json").unlink()


def foreign_record(path: Path) -> None:
    path.with_suffix(".json").write_text("{}")


@pytest.mark.parametrize(
    ("harm", "game", "says"),
    [
        (lambda path: None, "pong", "plays 'breakout', not 'pong'"),
        (truncated, "breakout", "truncated"),
        (not_safetensors, "breakout", "not a safetensors file"),
        (no_record, "breakout", "missing"),
        (foreign_record, "breakout", "format is missing"),
        (another_width, "breakout", "weights do not fit"),
        (not_a_number, "breakout", "weights are not finite"),
        (a_list, "breakout", "not a JSON record"),
        (Path.unlink, "breakout", "missing"),
    ],
)
def test_a_bad_expert_file_is_refused(expert, harm, game, says):
    harm(expert)
    with pytest.raises(ExpertError, match=says) as refusal:
        load(expert, game)
    assert "breakout." in refusal.value.where
    assert refusal.value.fix


def test_measuring_adds_to_the_record_and_is_repeatable(expert):
    before = read_json(expert.with_suffix(".json"))
    first = measure(expert, FAST, episodes=3, lanes=2, seed=5)
    record = read_json(expert.with_suffix(".json"))
    assert record == {**before, "measured": first}
    assert first["seeds"] == [seeds(Purpose.EXPERT, number)[0] for number in (5, 7)]
    assert first["episodes"] == len(first["returns"]) == 3
    assert max(first["lengths"]) <= FAST.max_steps
    assert measure(expert, FAST, episodes=3, lanes=3, seed=5) == first
    load(expert, "breakout")  # the file itself is untouched


# --- PPO -----------------------------------------------------------------------------------------


def test_ppo_resumes_after_an_interruption_and_exports(tmp_path, monkeypatch):
    out, work = tmp_path / "expert.safetensors", tmp_path / "work"
    send = Group.send

    def asked_to_stop(group, action):
        signal.raise_signal(signal.SIGTERM)
        send(group, action)

    with monkeypatch.context() as patched:
        patched.setattr(Group, "send", asked_to_stop)
        with pytest.raises(SystemExit, match="143"):
            ppo.train("breakout", FAST, TINY, out, work)
    assert not out.exists()
    with safe_open(work / "checkpoint.safetensors", "pt") as file:
        assert file.metadata()["steps"] == "64"

    ppo.train("breakout", FAST, TINY, out, work, every=128)
    assert (work / "log" / "64" / "progress.csv").read_text().count("\n") == 2
    policy, record = load(out, "breakout")
    assert record["steps"] == TINY.steps
    with safe_open(work / "checkpoint.safetensors", "pt") as file:
        trained = file.get_tensor("policy/action_net.weight")
    assert torch.equal(policy.action_net.weight, trained)

    other = TINY.model_copy(update={"rate": 0.1})
    with pytest.raises(ExpertError, match="other settings"):
        ppo.train("breakout", FAST, other, out, work)


def test_any_seed_trains_and_groups_of_lanes_change_nothing(tmp_path):
    """Seeds of emulators have 31 bits; with more threads the lanes are two groups."""
    settings = TINY.model_copy(update={"seed": 2**31 - 1, "lanes": 8})
    for threads in (1, 2):
        work = tmp_path / str(threads)
        record = ppo.train(
            "breakout", FAST, settings, work / "e.safetensors", work, threads=threads
        )
        assert record["steps"] == 256
    one, two = (load(tmp_path / name / "e.safetensors")[0].state_dict() for name in "12")
    for name, weight in one.items():
        assert torch.allclose(weight, two[name], atol=1e-4), name


def test_an_update_is_that_of_stable_baselines():
    """From the same weights and rollout, advantages included, to the same weights."""
    settings = PPOParams(steps=100, lanes=2, horizon=16, epochs=3, batch=32, clip=0.1)
    theirs = PPO(
        "CnnPolicy", DummyVecEnv([Screens] * 2), learning_rate=2.5e-4, clip_range=0.1, n_steps=16,
        batch_size=32, n_epochs=3, vf_coef=settings.value, ent_coef=settings.entropy, device="cpu",
    )  # fmt: skip
    ours = ppo.Trainer(4, settings, device="cpu", bfloat16=False)
    names = {
        name: name.replace("features.", "features_extractor.", 1)
        for name in ours.network.state_dict()
    }
    weights = {name: w.clone() for name, w in theirs.policy.state_dict().items()}
    ours.network.load_state_dict({name: weights[other] for name, other in names.items()})

    random = np.random.default_rng(0)
    screens = random.integers(0, 256, (17, 2, 4, 84, 84), dtype=np.uint8)
    action = random.integers(0, 4, (16, 2))
    points = random.integers(-2, 3, (16, 2)).astype(np.float32)
    done = random.random((16, 2)) < 0.2
    buffer, begins = theirs.rollout_buffer, np.ones(2, bool)
    for at in range(16):
        seen, taken = torch.from_numpy(screens[at]), torch.from_numpy(action[at])
        with torch.no_grad():
            value, log, _ = theirs.policy.evaluate_actions(seen, taken)
        buffer.add(screens[at], action[at][:, None], np.sign(points[at]), begins, value, log)
        begins = done[at]
    with torch.no_grad():
        last = theirs.policy.predict_values(torch.from_numpy(screens[16]))
    buffer.compute_returns_and_advantage(last, begins)
    theirs.set_logger(Logger(None, []))
    theirs.train()

    class Played:
        """Lanes that play what is given."""

        lanes, at = slice(0, 2), 0

        def latest(self):
            before = max(0, self.at - 1)
            return screens[self.at], points[before], done[before], np.zeros(2, bool)

        def send(self, _):
            self.at += 1

    lanes = SimpleNamespace(groups=[Played()], shape=(4, 84, 84))
    # Numbers in [0, 1) that choose these actions of policies near uniform.
    played = ours.rollout(lanes, (action + 0.5) / 4)
    assert np.array_equal(played["action"], action.reshape(-1))
    ours.settings = settings.model_copy(update={"steps": 10**9})  # so that nothing falls
    ours.update(played, np.random.default_rng(0))
    for name, other in names.items():
        trained, start = theirs.policy.state_dict()[other], weights[other]
        moved = ours.network.state_dict()[name]
        assert torch.allclose(moved, trained, atol=2e-5), name
        assert not torch.allclose(trained, start, atol=4e-5), name


# --- checkpoints of Stable-Baselines3 ------------------------------------------------------------


class Screens(gymnasium.Env):
    """Nothing but the spaces of an Atari game under Stable-Baselines3's wrappers."""

    def __init__(self, actions: int = 4, stack: int = 4):
        self.observation_space = gymnasium.spaces.Box(0, 255, (stack, 84, 84), np.uint8)
        self.action_space = gymnasium.spaces.Discrete(actions)


def saved(path: Path, algorithm=PPO, policy="CnnPolicy", *, actions=4, stack=4, **settings) -> Path:
    """A freshly created model of Stable-Baselines3, saved by itself."""
    model = algorithm(policy, Screens(actions, stack), seed=3, device="cpu", **settings)
    model.save(path)
    return path


def test_an_imported_policy_computes_what_stable_baselines_computes(tmp_path):
    path = saved(tmp_path / "ppo.zip")
    record = import_sb3(path, tmp_path / "breakout.safetensors", "breakout")
    assert record["width"] == 1.0
    policy, _ = load(tmp_path / "breakout.safetensors", "breakout")
    screens = np.random.default_rng(0).integers(0, 256, (5, 4, 84, 84), np.uint8)
    model = PPO.load(path, device="cpu")
    with torch.no_grad():
        wanted = model.policy.get_distribution(torch.from_numpy(screens)).distribution.logits
        # A distribution keeps its logits normalised.
        ours = policy(torch.from_numpy(screens)).log_softmax(1)
    assert wanted.std() > 0
    torch.testing.assert_close(ours, wanted, rtol=0, atol=1e-6)


def test_an_imported_expert_can_be_read_by_whom_the_umask_lets(tmp_path):
    """safetensors makes files for their owner alone: a colleague could not use one."""
    out = tmp_path / "breakout.safetensors"
    before = os.umask(0o027)
    try:
        cli.import_expert("breakout", saved(tmp_path / "ppo.zip"), out)
    finally:
        os.umask(before)
    assert out.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("highest", [255, 1])
def test_a_policy_that_did_not_divide_its_screens_is_imported_as_it_was(tmp_path, highest):
    """`normalize_images=False`: on screens as they are, or that a wrapper divided already."""
    path = tmp_path / "ppo.zip"
    model = PPO(
        "CnnPolicy", Screens(), seed=3, device="cpu", policy_kwargs={"normalize_images": False}
    )
    if highest == 1:
        model.observation_space = gymnasium.spaces.Box(0, 1, (4, 84, 84), np.float32)
        model.policy.observation_space = model.observation_space
    model.save(path)
    import_sb3(path, tmp_path / "breakout.safetensors", "breakout")
    policy, _ = load(tmp_path / "breakout.safetensors", "breakout")
    screens = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (5, 4, 84, 84), np.uint8))
    with torch.no_grad():
        given = screens.float() * (highest / 255)
        wanted = model.policy.get_distribution(given).distribution.logits
        ours = policy(screens).log_softmax(1)
    torch.testing.assert_close(ours, wanted, rtol=1e-4, atol=1e-5)


class Payload:
    """Unpickled, it would create a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def repacked(path: Path, content: bytes | None) -> Path:
    """The .zip with `policy.pth` replaced, or left out for None."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts.pop("policy.pth")
    if content is not None:
        parts["policy.pth"] = content
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return path


def torch_bytes(value) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def not_a_zip(path: Path) -> Path:
    path.write_bytes(b"PK but not really")
    return path


def cut(path: Path) -> Path:
    saved(path)
    path.write_bytes(path.read_bytes()[:50_000])
    return path


def not_finite(path: Path) -> Path:
    model = PPO("CnnPolicy", Screens(), device="cpu")
    model.policy.action_net.weight.data[0, 0] = torch.nan
    model.save(path)
    return path


def with_parts(path: Path, **parts: bytes) -> Path:
    """The .zip with files replaced."""
    with zipfile.ZipFile(path) as archive:
        whole = {name: archive.read(name) for name in archive.namelist()} | parts
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in whole.items():
            archive.writestr(name, part)
    return path


def with_data(path: Path, **values) -> Path:
    """A saved model whose plain JSON says something else."""
    with zipfile.ZipFile(saved(path)) as archive:
        data = json.loads(archive.read("data"))
    return with_parts(path, data=json.dumps(data | values).encode())


def encrypted(path: Path) -> Path:
    """The bit that says so is set in both headers of the first file."""
    content = bytearray(saved(path).read_bytes())
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := content.find(mark, at + 1)) >= 0:
            content[at + flags] |= 1
    path.write_bytes(content)
    return path


def unknown_compression(path: Path) -> Path:
    content = bytearray(saved(path).read_bytes())
    for mark, method in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = -1
        while (at := content.find(mark, at + 1)) >= 0:
            content[at + method] = 99
    path.write_bytes(content)
    return path


def expanding(path: Path) -> Path:
    """policy.pth as an archive whose entries are compressed: 100 MB in 100 kB."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"")
        archive.writestr("archive/data/0", bytes(10**8))
    return repacked(saved(path), inner.getvalue())


def larger(path: Path) -> Path:
    """The version's stamp claims, and has, more than any version."""
    return with_parts(saved(path), _stable_baselines3_version=bytes(10**7))


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


FOREIGN = {
    "another game": (lambda p: saved(p, actions=6), "6 actions, 'breakout' has 4"),
    "MlpPolicy": (lambda p: saved(p, policy="MlpPolicy"), "not a CnnPolicy"),
    "DQN": (lambda p: saved(p, DQN, buffer_size=10), "not a CnnPolicy"),
    "hidden layers": (lambda p: saved(p, policy_kwargs={"net_arch": [8]}), "mlp_extractor"),
    "one frame": (lambda p: saved(p, A2C, stack=1), "cnn.0.weight is of shape"),
    "recurrent": (
        lambda p: repacked(saved(p), torch_bytes({"lstm_actor.bias_hh_l0": torch.zeros(4)})),
        "recurrent",
    ),
    "not finite": (not_finite, "not finite"),
    "not tensors": (lambda p: repacked(saved(p), torch_bytes([1, 2])), "not a mapping"),
    "no weights": (lambda p: repacked(saved(p), None), "no policy.pth"),
    "not a zip": (not_a_zip, "not a whole .zip"),
    "truncated": (cut, "not a whole .zip"),
    "encrypted": (encrypted, "not a whole .zip"),
    "unknown compression": (unknown_compression, "not a whole .zip"),
    "sparse": (lambda p: repacked(saved(p), torch_bytes({"x": torch.eye(3).to_sparse()})), "plain"),
    "one number, repeated": (
        lambda p: repacked(saved(p), torch_bytes({"x": torch.zeros(1).expand(2**40)})),
        "not a plain tensor",
    ),
    "inner archive that expands": (expanding, "expands|plain file of tensors"),
    "larger than a policy": (larger, "larger than"),
    "other features": (
        lambda p: with_data(p, policy_kwargs={"features_extractor_class": "<class 'my.Net'>"}),
        "features of its own",
    ),
    "not normalised, of unknown range": (
        lambda p: with_data(p, policy_kwargs={"normalize_images": False}, observation_space={}),
        "normalize_images",
    ),
    "data is no JSON": (lambda p: with_parts(saved(p), data=b"{" * 10**5), "not the JSON"),
    "a pipe": (pipe, "not a file"),
    "missing": (lambda p: p, "No such file"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_checkpoint_that_is_no_expert_is_refused(tmp_path, kind):
    make, says = FOREIGN[kind]
    out = tmp_path / "out" / "breakout.safetensors"
    with pytest.raises(ExpertError, match=says):
        import_sb3(make(tmp_path / "model.zip"), out, "breakout")
    assert not out.parent.exists()


def bare_pickle(value) -> bytes:
    return pickle.dumps(value, protocol=2)


@pytest.mark.parametrize("wrap", [bare_pickle, torch_bytes])
def test_a_pickle_that_would_run_code_is_refused_not_run(tmp_path, wrap):
    trap = tmp_path / "executed"
    path = repacked(saved(tmp_path / "model.zip"), wrap({"x": Payload(trap)}))
    with pytest.raises(ExpertError, match="would run code"):
        import_sb3(path, tmp_path / "breakout.safetensors", "breakout")
    assert not trap.exists()
    # The trap is real: PyTorch's unsafe way springs it.
    with zipfile.ZipFile(path) as archive, contextlib.suppress(RuntimeError):
        torch.load(io.BytesIO(archive.read("policy.pth")), weights_only=False)
    assert trap.exists()
