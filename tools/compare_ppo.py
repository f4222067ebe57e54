"""Our trainer of Atari experts beside Stable-Baselines3's PPO: learning curves and speed, in turns.

    python tools/compare_ppo.py --steps 1000000 --seeds 0 1 2 --out comparison.csv

Both have the settings of `expert.ppo`, the same emulators and bfloat16 where the CPU has it. A row
holds the mean score of the last 100 games and the CPU seconds of this process so far.
"""

import argparse
import csv
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecEnv

from ilscaling.domains.atari import ppo
from ilscaling.domains.atari.game import spec
from ilscaling.domains.atari.lanes import AtariLanes
from ilscaling.domains.atari.policy import NatureFeatures
from ilscaling.domains.atari.section import PPO as Settings
from ilscaling.domains.atari.section import Emulator
from ilscaling.learning import precision


class Environments(VecEnv):
    """Our lanes as Stable-Baselines3 takes them."""

    def __init__(self, game: str, seeds: list[int]):
        self.lanes = AtariLanes(game, Emulator(), seeds, threads=1)
        (self.group,) = self.lanes.groups
        box = spaces.Box(0, 255, self.lanes.shape, np.uint8)
        super().__init__(len(seeds), box, spaces.Discrete(len(spec(game).actions)))

    def reset(self):
        return self.group.latest()[0].copy()

    def step_async(self, actions):
        self.group.send(np.asarray(actions, np.int64))

    def step_wait(self):
        screens, points, done, cut = self.group.latest()
        infos = [{} for _ in range(self.num_envs)]
        for lane in np.flatnonzero(cut):
            last = self.group.final(np.arange(self.num_envs) == lane)[0]
            infos[lane] = {"terminal_observation": last, "TimeLimit.truncated": True}
        return screens.copy(), np.sign(points).astype(np.float32), done.copy(), infos

    def close(self):
        self.lanes.close()

    def get_attr(self, attr_name, indices=None):
        return [getattr(self, attr_name, None)] * self.num_envs

    def set_attr(self, attr_name, value, indices=None):
        raise NotImplementedError

    def env_method(self, method_name, *args, indices=None, **kwargs):
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class, indices=None):
        return [False] * self.num_envs


class Features(BaseFeaturesExtractor):
    def __init__(self, space, width: float, bfloat16: bool):
        nature = NatureFeatures(width)
        super().__init__(space, nature.features_dim)
        self.nature, self.bfloat16 = nature, bfloat16

    def forward(self, screens):
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            return self.nature(screens)


class Watch(BaseCallback):
    def __init__(self, lanes: AtariLanes, note):
        super().__init__()
        self.lanes, self.note = lanes, note

    def _on_step(self):
        return True

    def _on_rollout_end(self):
        self.note(self.num_timesteps, self.lanes.returns)


def theirs(game: str, settings: Settings, bfloat16: bool, note) -> None:
    seeds = np.random.default_rng(settings.seed).integers(2**31, size=settings.lanes).tolist()
    environments = Environments(game, seeds)
    torch.manual_seed(settings.seed)
    model = PPO(
        "CnnPolicy", environments, device="cpu",
        learning_rate=lambda left: settings.rate * left,
        clip_range=lambda left: settings.clip * left,
        n_steps=settings.horizon, batch_size=settings.batch, n_epochs=settings.epochs,
        gamma=settings.discount, gae_lambda=settings.gae,
        vf_coef=settings.value, ent_coef=settings.entropy,
        policy_kwargs={
            "features_extractor_class": Features,
            "features_extractor_kwargs": {"width": settings.width, "bfloat16": bfloat16},
            "net_arch": [], "normalize_images": False,
        },
    )  # fmt: skip
    model.learn(settings.steps, callback=Watch(environments.lanes, note))
    environments.close()


def ours(game: str, settings: Settings, bfloat16: bool, note) -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        ppo.train(
            game, Emulator(), settings, work / "expert.safetensors", work,
            bfloat16=bfloat16, note=note,
        )  # fmt: skip


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--game", default="breakout")
    ask.add_argument("--steps", type=int, default=1_000_000)
    ask.add_argument("--width", type=float, default=0.5)
    ask.add_argument("--seeds", type=int, nargs="+", default=[0])
    ask.add_argument("--out", type=Path, required=True)
    asked = ask.parse_args()
    torch.set_num_threads(1)
    with open(asked.out, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["trainer", "seed", "steps", "games", "score_mean_100", "cpu_seconds"])
        for seed in asked.seeds:
            for name, train in (("ours", ours), ("stable-baselines3", theirs)):
                begun = time.process_time()

                def note(steps, returns, name=name, seed=seed, begun=begun):
                    score = np.mean(returns[-100:]) if returns else float("nan")
                    spent = time.process_time() - begun
                    rows.writerow([name, seed, steps, len(returns), f"{score:.3f}", f"{spent:.2f}"])
                    file.flush()

                settings = Settings(steps=asked.steps, width=asked.width, seed=seed)
                train(asked.game, settings, precision.fast("cpu"), note)


if __name__ == "__main__":
    main()
