"""An Atari expert by PPO (Stable-Baselines3) with its published Atari settings.

Settings: those of RL Baselines3 Zoo for `atari` (8 lanes x 128 steps, 4 epochs, batch 256,
rate 2.5e-4 and clip range 0.1 both falling linearly to 0, value 0.5, entropy 0.01), on the games
of this study: sticky actions, no automatic FIRE. A lost life ends the return estimate but not the
game, and rewards are clipped to their sign, both in training only.
"""

import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from gymnasium import spaces
from safetensors import safe_open
from safetensors.torch import save_file
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecEnv

from ilscaling.domains.atari.game import SCREEN, emulator, spec
from ilscaling.domains.atari.policy import STACK, ExpertPolicy, NatureFeatures, save
from ilscaling.domains.atari.section import PPO as PPOParams
from ilscaling.domains.atari.section import Emulator
from ilscaling.errors import ExpertError
from ilscaling.files import atomic, digest
from ilscaling.interrupts import interrupts
from ilscaling.progress import tqdm


class AtariLanes(VecEnv):
    """ALE's vectorised environment as Stable-Baselines3's: stack of 4, clipped rewards, a lost
    life reported as done. Keeps the whole games' unclipped scores in `returns`."""

    def __init__(self, game: str, lanes: int, options: Emulator, *, seed: int, threads: int):
        self._env = emulator(
            game, lanes, options, threads=threads, stack_num=STACK, life_loss_info=True
        )
        self._seed = seed
        self._score = np.zeros(lanes)
        self._lives = np.zeros(lanes, np.int64)
        self.returns: list[float] = []
        super().__init__(
            lanes,
            spaces.Box(0, 255, (STACK, *SCREEN), np.uint8),
            spaces.Discrete(len(spec(game).actions)),
        )

    def reset(self) -> np.ndarray:
        obs, info = self._env.reset(seed=self._seed)
        self._score[:] = 0
        self._lives = info["lives"].copy()
        return obs.copy()

    def step_async(self, actions: np.ndarray) -> None:
        self._env.send(np.asarray(actions, np.int64))

    def step_wait(self):
        obs, reward, terminated, truncated, info = self._env.recv()
        done = terminated | truncated
        self._score += reward
        # Lives come back only with a new game; a lost life goes on with the same one.
        over = done & (info["lives"] >= self._lives)
        for lane in np.flatnonzero(over):
            self.returns.append(float(self._score[lane]))
            self._score[lane] = 0
        self._lives = info["lives"].copy()
        infos = [{} for _ in range(self.num_envs)]
        for lane in np.flatnonzero(done):
            infos[lane] = {
                "terminal_observation": info["final_obs"][lane],
                "TimeLimit.truncated": bool(truncated[lane] and not terminated[lane]),
            }
        return obs.copy(), np.sign(reward).astype(np.float32), done.copy(), infos

    def close(self) -> None:
        self._env.close()

    # Stable-Baselines3 asks these of every VecEnv; nothing here has per-lane Python objects.
    def get_attr(self, attr_name, indices=None):
        return [getattr(self, attr_name, None)] * self.num_envs

    def set_attr(self, attr_name, value, indices=None):
        raise NotImplementedError

    def env_method(self, method_name, *args, indices=None, **kwargs):
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class, indices=None):
        return [False] * self.num_envs


class Features(BaseFeaturesExtractor):
    """`NatureFeatures` for Stable-Baselines3, in bfloat16 where that is asked for."""

    def __init__(self, observation_space, width: float, bfloat16: bool):
        nature = NatureFeatures(width)
        super().__init__(observation_space, nature.features_dim)
        self.nature = nature
        self.bfloat16 = bfloat16

    def forward(self, screens: torch.Tensor) -> torch.Tensor:
        with torch.autocast(screens.device.type, torch.bfloat16, enabled=self.bfloat16):
            return self.nature(screens)


class Watch(BaseCallback):
    """Progress bar with an ETA, mean score of the last 100 games, checkpoints."""

    def __init__(self, lanes: AtariLanes, total: int, directory: Path, settings: dict, every: int):
        super().__init__()
        self.lanes, self.total, self.directory = lanes, total, directory
        self.settings, self.every = settings, every
        self.bar = None
        self.saved = 0
        self.received: list[int] = []

    def _on_training_start(self) -> None:
        self.saved = self.num_timesteps
        self.bar = tqdm(
            total=self.total, initial=self.num_timesteps, unit="step", unit_scale=True,
            desc="PPO", mininterval=5, smoothing=0.05,
        )  # fmt: skip

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        self.bar.update(self.num_timesteps - self.bar.n)
        if self.lanes.returns:
            recent = self.lanes.returns[-100:]
            self.bar.set_postfix(score=f"{np.mean(recent):.1f}", games=len(self.lanes.returns))
            self.logger.record("game/score_mean_100", float(np.mean(recent)))
        # Here the optimiser is between two updates, so weights and moments belong together.
        if self.num_timesteps - self.saved >= self.every or self.received:
            checkpoint(self.directory / "checkpoint.safetensors", self.model, self.settings)
            self.saved = self.num_timesteps
        if self.received:
            raise SystemExit(128 + self.received[0])

    def _on_training_end(self) -> None:
        self.bar.close()


def checkpoint(path: Path, model: PPO, settings: dict) -> None:
    """Write weights, Adam's moments and the step count, atomically."""
    # Stable-Baselines3 lists the shared features three times; the first name is enough.
    tensors = {
        f"policy/{name}": value.contiguous()
        for name, value in model.policy.state_dict().items()
        if not name.startswith(("pi_", "vf_"))
    }
    for index, state in model.policy.optimizer.state_dict()["state"].items():
        for name, value in state.items():
            tensors[f"adam/{index}/{name}"] = torch.as_tensor(value).contiguous()
    meta = {"steps": str(model.num_timesteps), "settings": digest(settings)}
    with atomic(path) as temporary:
        save_file(tensors, temporary, metadata=meta)


def restore(path: Path, model: PPO, settings: dict) -> int:
    """Load a checkpoint of the same settings into `model`; returns its step count."""
    with safe_open(path, "pt") as file:
        meta = file.metadata()
        if meta["settings"] != digest(settings):
            raise ExpertError(
                "the checkpoint belongs to other settings",
                where=str(path),
                fix=f"give another --work folder, or delete it: rm -r {path.parent}",
            )
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    weights = {k.removeprefix("policy/"): v for k, v in tensors.items() if k.startswith("policy/")}
    model.policy.load_state_dict(weights, strict=False)
    state: dict[int, dict] = {}
    for name, value in tensors.items():
        if name.startswith("adam/"):
            _, index, field = name.split("/")
            state.setdefault(int(index), {})[field] = value
    adam = model.policy.optimizer.state_dict()
    model.policy.optimizer.load_state_dict({"state": state, "param_groups": adam["param_groups"]})
    model.num_timesteps = int(meta["steps"])
    return model.num_timesteps


def train(
    game: str,
    options: Emulator,
    settings: PPOParams,
    out: str | Path,
    work: str | Path,
    *,
    device: str = "cpu",
    bfloat16: bool = False,
    threads: int = 1,
    every: int = 100_000,
) -> dict:
    """Train PPO and export its policy to `out`; goes on from a checkpoint in `work`.

    Returns the record that stands in the JSON beside `out`. `every`: steps between checkpoints.
    On SIGTERM or SIGINT one is written at the end of the rollout, and SystemExit raised with 128 +
    the signal's number.
    A resumed training continues with the same weights, moments and schedule, in new episodes.
    """
    work = Path(work)
    work.mkdir(parents=True, exist_ok=True)
    what = {"game": game, "emulator": options.model_dump(), "ppo": settings.model_dump()}
    saved = work / "checkpoint.safetensors"
    done_before = 0
    if saved.exists():
        with safe_open(saved, "pt") as file:
            done_before = int(file.metadata()["steps"])
    torch.set_num_threads(threads)
    lanes = AtariLanes(
        game, settings.lanes, options, seed=settings.seed * 1_000_003 + done_before, threads=threads
    )
    model = PPO(
        "CnnPolicy",
        lanes,
        learning_rate=lambda left: settings.rate * left,
        clip_range=lambda left: settings.clip * left,
        n_steps=settings.horizon,
        batch_size=settings.batch,
        n_epochs=settings.epochs,
        gamma=settings.discount,
        gae_lambda=settings.gae,
        vf_coef=settings.value,
        ent_coef=settings.entropy,
        seed=None,  # the lanes seed themselves; SB3 would call VecEnv.seed
        device=device,
        policy_kwargs={
            "features_extractor_class": Features,
            "features_extractor_kwargs": {"width": settings.width, "bfloat16": bfloat16},
            "net_arch": [],  # the heads sit on the features, as with the stock Nature CNN
            "normalize_images": False,
        },
    )
    torch.manual_seed(settings.seed * 1_000_003 + done_before)
    if saved.exists():
        restore(saved, model, what)
    model.set_logger(configure(str(work / "log" / str(done_before)), ["csv", "tensorboard"]))
    started = time.time()
    watch = Watch(lanes, settings.steps, work, what, every)
    if settings.steps > model.num_timesteps:
        with interrupts() as watch.received:
            model.learn(
                settings.steps - model.num_timesteps,
                callback=watch,
                reset_num_timesteps=False,
                log_interval=10,
            )
        checkpoint(saved, model, what)
    record = {
        **what,
        "algorithm": "PPO",
        "width": settings.width,
        "actions": list(spec(game).actions),
        "steps": model.num_timesteps,
        "training_score_mean_100": float(np.mean(lanes.returns[-100:])) if lanes.returns else None,
        "precision": "bfloat16" if bfloat16 else "float32",
        "device": device,
        "seconds_since_resumed": round(time.time() - started),
        "versions": {
            name: version(name) for name in ("stable-baselines3", "torch", "ale-py", "gymnasium")
        },
    }
    save(out, extract(model, settings.width), record)
    lanes.close()
    return record


def extract(model: PPO, width: float) -> ExpertPolicy:
    """The policy alone: features and action head of a trained model, on CPU."""
    policy = ExpertPolicy(width, model.action_space.n)
    state = model.policy.state_dict()
    tensors = {
        name: state[name.replace("features.", "features_extractor.nature.", 1)]
        for name in policy.state_dict()
    }
    policy.load_state_dict(tensors)
    return policy
