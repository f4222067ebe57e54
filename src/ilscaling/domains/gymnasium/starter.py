"""A first study of a Gymnasium environment: an overlay, and an extension of three files."""

import math
import re

import gymnasium
from gymnasium import spaces

from ilscaling.domains.domain import Starter
from ilscaling.domains.ladder import ladder
from ilscaling.errors import GameError

BATCH = 32
# The smallest budget trains a network of FEW units for so many updates, the largest at scale 1 one
# of MANY units; the largest network is what the largest budget trains as long. Below such a
# smallest budget the smallest network is the best, which says nothing; a study spans SPAN times it.
FEW, MANY, UPDATES, SPAN = 16, 128, 200, 30

GAME = '''"""{env} of Gymnasium as a game of a study."""

import gymnasium

from ilscaling.domains.gymnasium.entries import Game


def make(**options):
    """The environment; `emulator.options` of the parameters are its arguments."""
    return gymnasium.make("{env}", **options)


GAME = Game(name="{name}", make=make)
'''
EXPERT = '''"""The expert of {env}: a small network that PPO of Stable-Baselines3 trains.

    python extensions/{name}/expert.py        trains it: about {minutes} minutes on an idle core
"""

import sys
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save

from ilscaling.domains.expert import Act, Expert

FILE = "experts/{name}.safetensors"
STEPS = {steps}


def player(file: Path | None) -> Act:
    """The trained network as the playing loop asks it: weights of the actions."""
    layers = load_file(file or FILE)

    def act(observations: np.ndarray, fresh: np.ndarray) -> np.ndarray:
        x = observations.reshape(len(observations), -1).astype(np.float64)
        for place in ("0", "2"):
            x = np.tanh(x @ layers[f"w{{place}}"].T + layers[f"b{{place}}"])
        logits = x @ layers["w"].T + layers["b"]
        return np.exp(logits - logits.max(1, keepdims=True))

    return act


def train() -> None:
    """Train the network and write its weights."""
    import gymnasium
    import torch
    from stable_baselines3 import PPO

    torch.set_num_threads(1)  # several wait for each other on a busy machine
    env = gymnasium.wrappers.FlattenObservation(gymnasium.make("{env}"))
    model = PPO("MlpPolicy", env, n_steps=512, seed=0, device="cpu")
    began = time.monotonic()

    def say(running: dict, _: dict) -> bool:
        """A line each twentieth, from PPO's own variables; False would end the training."""
        done = running["self"].num_timesteps
        if done % (STEPS // 20) == 0:
            returns = [episode["r"] for episode in running["self"].ep_info_buffer]
            mean = f"mean return {{np.mean(returns):.1f}}" if returns else "no episode yet"
            left = (STEPS - done) * (time.monotonic() - began) / done / 60
            print(f"{{done:,}} of {{STEPS:,}} steps, {{mean}}, {{left:.1f}} min left", flush=True)
        return True

    model.learn(STEPS, callback=say)
    weights = {{n: v.detach().numpy() for n, v in model.policy.state_dict().items()}}
    body, head = "mlp_extractor.policy_net", "action_net"
    layers = {{f"w{{n}}": weights[f"{{body}}.{{n}}.weight"] for n in ("0", "2")}}
    layers |= {{f"b{{n}}": weights[f"{{body}}.{{n}}.bias"] for n in ("0", "2")}}
    layers |= {{"w": weights[f"{{head}}.weight"], "b": weights[f"{{head}}.bias"]}}
    Path(FILE).parent.mkdir(exist_ok=True)
    Path(FILE).write_bytes(
        save({{n: np.ascontiguousarray(v, np.float32) for n, v in layers.items()}})
    )
    print(FILE)


EXPERT = Expert(name="{name}_ppo", player=player)

if __name__ == "__main__":
    sys.exit(train())
'''
FAMILY = '''"""A policy family: two hidden layers of `size` units over the flattened observation."""

import math

from ilscaling.policies.family import Family
from ilscaling.policies.layers import Layer


def layers(size: int, *, frames: int, observation: tuple[int, ...], actions: int):
    """The layers for the FLOP ledger; the first needs no gradient of its inputs: two passes."""
    return (
        Layer("hidden1", frames * math.prod(observation), size, passes=2),
        Layer("hidden2", size, size),
        Layer("logits", size, actions),
    )


def build(size: int, **shape):
    """(batch, frames, *observation) -> logits (batch, actions)."""
    from torch import nn  # only here: plans and keys need no torch

    class Policy(nn.Sequential):
        def forward(self, observations):
            return super().forward(observations.flatten(1).float())

    hidden1, hidden2, logits = (
        nn.Linear(layer.inputs, layer.outputs) for layer in layers(size, **shape)
    )
    return Policy(hidden1, nn.ReLU(), hidden2, nn.ReLU(), logits)


FAMILY = Family(name="{name}_mlp", layers=layers, build=build)
'''


def _flops(units: int, inputs: int, answers: int) -> float:
    """Training FLOPs a sample of FAMILY, whose first layer needs no gradient of its inputs."""
    return 2.0 * units * (2 * inputs + 3 * units + 3 * answers)


def _units(flops: float, inputs: int, answers: int) -> float:
    """The size that has so many training FLOPs a sample."""
    other = (2 * inputs + 3 * answers) / 6
    return max(16.0, (other**2 + flops / 6) ** 0.5 - other)  # solves _flops = flops


def starter(game: str) -> Starter:
    """A study of `gymnasium.make(game)`; raises GameError for one that no policy here can play."""
    try:
        env = gymnasium.make(game)
    except Exception as error:
        raise GameError(
            f"Gymnasium cannot make {game!r}: {error}",
            where="ilscaling new gymnasium",
            fix="python -c 'import gymnasium; gymnasium.pprint_registry()'",
        ) from None
    seen, does, limit = env.observation_space, env.action_space, env.spec.max_episode_steps or 1000
    env.close()
    if not isinstance(does, spaces.Discrete) or does.start != 0 or not 2 <= does.n <= 256:
        raise GameError(
            f"the actions of {game} are {does}",
            where="ilscaling new gymnasium",
            fix="a game with 2 to 256 discrete actions, such as CartPole-v1",
        )
    if not isinstance(seen, spaces.Box) or not 1 <= len(seen.shape) <= 3:
        raise GameError(
            f"what {game} shows is {seen}",
            where="ilscaling new gymnasium",
            fix="a game that shows an array of one to three axes, such as CartPole-v1",
        )
    inputs, answers = math.prod(seen.shape), int(does.n)
    name = re.sub(r"[^a-z0-9]+", "_", re.sub(r"-v\d+$", "", game.split("/")[-1]).lower()).strip("_")
    name = name if name[:1].isalpha() else f"game_{name}"
    words = {"name": name, "env": game, "steps": 100_000, "minutes": 2}

    def section(scale: float, expert: float) -> dict:
        share = scale**0.5
        shortest = UPDATES * BATCH
        least, most = (shortest * _flops(units, inputs, answers) for units in (FEW, MANY))
        budgets = ladder(least, max(scale * most, SPAN * least), step=4, fewest=6, most=7)
        largest = _units(budgets[-1] / shortest, inputs, answers)
        sizes = ladder(2, largest, step=2, fewest=6, most=10)
        return {
            "domain": "gymnasium",
            "game": name,
            "emulator": {"max_steps": limit},
            "expert": {"name": f"{name}_ppo", "file": f"experts/{name}.safetensors", "noise": 0.05},
            "demonstrations": {
                "train_steps": max(20_000, int(200_000 * share)),
                "dev_steps": max(5_000, int(10_000 * share)),
                "test_steps": max(5_000, int(10_000 * share)),
                "jobs": 2,
                "lanes": 16,
            },
            "grid": {
                "family": f"{name}_mlp",
                "sizes": sorted({round(size) for size in sizes}),
                "budgets": [float(f"{budget:.2g}") for budget in budgets],
                "min_updates": 30,
                "max_epochs": 4.0,
            },
            "train": {
                "frames": 1,
                "batch": {"value": BATCH},
                "rate": {"value": 0.003},
                "warmup_steps": 20,
                "precision": "float32",
            },
            "evaluation": {"episodes": 20, "lanes": 20, "random_episodes": 50},
        }

    return Starter(
        section,
        name=name,
        files={
            f"extensions/{name}/{file}.py": text.format(**words)
            for file, text in (("game", GAME), ("expert", EXPERT), ("mlp", FAMILY))
        },
        first=f"python extensions/{name}/expert.py",
        notes=(
            "The expert is a file of its own, which is trained first:",
            f"    python extensions/{name}/expert.py",
        ),
    )
