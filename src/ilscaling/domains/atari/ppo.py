"""An Atari expert by PPO with its published Atari settings, fast on few cores.

Settings: those of RL Baselines3 Zoo for `atari` (8 lanes x 128 steps, 4 epochs, batch 256,
rate 2.5e-4 and clip range 0.1 both falling linearly to 0, value 0.5, entropy 0.01), on the games
of this study: sticky actions, no automatic FIRE. A lost life ends the return estimate but not the
game, and rewards are clipped to their sign, both in training only. Weights start, and losses are
weighted, as in Stable-Baselines3, to which a test compares its learning.
"""

import csv
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from ilscaling.domains.atari.actor_critic import ActorCritic
from ilscaling.domains.atari.game import spec
from ilscaling.domains.atari.lanes import AtariLanes
from ilscaling.domains.atari.policy import save
from ilscaling.domains.atari.section import PPO as PPOParams
from ilscaling.domains.atari.section import Emulator
from ilscaling.errors import ExpertError
from ilscaling.files import atomic, digest
from ilscaling.games.play import draw
from ilscaling.interrupts import interrupts
from ilscaling.policies.gradient import advantages, surrogate
from ilscaling.progress import tqdm

FORMAT = "ilscaling-ppo-1"
COLUMNS = ("steps", "games", "score_mean_100", "loss", "entropy", "steps_per_second")
NORM = 0.5  # largest of a gradient


class Trainer:
    """Weights, optimiser and count of steps; on disk the same.

    Parameters
    ----------
    actions
        How many the game has.
    settings
        How it is trained.
    device, bfloat16
        Where the networks compute, and in which type.
    """

    def __init__(self, actions: int, settings: PPOParams, *, device: str, bfloat16: bool):
        self.settings, self.device, self.bfloat16 = settings, device, bfloat16
        self.steps = 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_numbers(settings.seed, 0)[0])
            self.network = ActorCritic(settings.width, actions).to(device)
        self.weights = list(self.network.parameters())
        self.adam = torch.optim.Adam(self.weights, eps=1e-5, fused=True)

    def autocast(self) -> torch.autocast:
        kind = torch.device(self.device).type
        return torch.autocast(kind, torch.bfloat16, enabled=self.bfloat16)

    def answer(self, screens: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What the networks say of stacks.

        Parameters
        ----------
        screens
            uint8 (n, 4, 84, 84).

        Returns
        -------
        tuple
            Probabilities float64 (n, actions), log-probabilities float32 (n, actions) and values
            float32 (n,).
        """
        with torch.inference_mode(), self.autocast():
            logits, value = self.network(torch.from_numpy(screens).to(self.device))
            logs = F.log_softmax(logits, 1)
            chances = logs.double().exp()
        return chances.cpu().numpy(), logs.cpu().numpy(), value.cpu().numpy()

    def rollout(self, lanes: AtariLanes, uniform: np.ndarray) -> dict[str, np.ndarray]:
        """Play on.

        Parameters
        ----------
        lanes
            Where; they go on from the last rollout.
        uniform
            Numbers in [0, 1) that choose the actions, (horizon, lanes).

        Returns
        -------
        dict
            Name -> (horizon x lanes, ...): screens, action, its log-probability `before`, advantage
            and target of the value.
        """
        horizon, count = uniform.shape
        played = {
            "screens": np.empty((horizon, count, *lanes.shape), np.uint8),
            "action": np.empty((horizon, count), np.int64),
            "before": np.empty((horizon, count), np.float32),
        }
        reward = np.empty((horizon, count))
        done = np.empty((horizon, count), bool)
        values = np.empty((horizon + 1, count))
        for at in range(horizon):
            for group in lanes.groups:  # while one is answered, the others' emulators run
                mine = group.lanes
                screens, *rest = group.latest()
                if at:
                    self._follow(group, rest, reward[at - 1, mine], done[at - 1, mine])
                chances, logs, values[at, mine] = self.answer(screens)
                action = draw(chances, uniform[at, mine])
                group.send(action)
                played["screens"][at, mine] = screens
                played["action"][at, mine] = action
                played["before"][at, mine] = np.take_along_axis(logs, action[:, None], 1)[:, 0]
        for group in lanes.groups:
            mine = group.lanes
            screens, *rest = group.latest()
            self._follow(group, rest, reward[-1, mine], done[-1, mine])
            values[-1, mine] = self.answer(screens)[2]
        advantage = advantages(
            reward,
            values,
            done,
            np.zeros_like(done),
            discount=self.settings.discount,
            trace=self.settings.gae,
        )
        played["advantage"] = advantage.astype(np.float32)
        played["target"] = (advantage + values[:-1]).astype(np.float32)
        self.steps += reward.size
        return {name: values.reshape(-1, *values.shape[2:]) for name, values in played.items()}

    def _follow(self, group, outcome, reward, done) -> None:
        """Write down what a step of a group led to, into views of its lanes."""
        points, over, cut = outcome
        reward[:], done[:] = np.sign(points), over
        if cut.any():  # its value stands for what the limit has cut off
            reward[cut] += self.settings.discount * self.answer(group.final(cut))[2]

    def update(self, played: dict[str, np.ndarray], random: np.random.Generator) -> tuple:
        """All passes over a rollout.

        Parameters
        ----------
        played
            What `rollout` gives.
        random
            Shuffles each pass.

        Returns
        -------
        tuple
            Mean loss and entropy, nats.
        """
        settings = self.settings
        left = max(0.0, 1 - self.steps / settings.steps)
        for group in self.adam.param_groups:
            group["lr"] = settings.rate * left
        size, seen = len(played["action"]), []
        for _ in range(settings.epochs):
            order = random.permutation(size)
            for begin in range(0, size, settings.batch):
                rows = order[begin : begin + settings.batch]
                batch = {
                    name: torch.from_numpy(values[rows]).to(self.device)
                    for name, values in played.items()
                }
                seen.append(self._descend(batch, settings.clip * left))
        return tuple(torch.stack(seen).mean(0).tolist())

    def _descend(self, batch: dict[str, torch.Tensor], clip: float) -> torch.Tensor:
        with self.autocast():
            logits, value = self.network(batch["screens"])
        loss, entropy = surrogate(
            logits, batch["action"], batch["before"], batch["advantage"], clip
        )
        loss = loss + self.settings.value * F.mse_loss(value, batch["target"])
        loss = loss - self.settings.entropy * entropy
        self.adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.weights, NORM, foreach=True)
        self.adam.step()
        return torch.stack([loss.detach(), entropy.detach()])

    def save(self, path: Path, what: dict) -> None:
        """Write weights, Adam's moments and the step count, atomically."""
        tensors = {
            f"policy/{name}": w.contiguous() for name, w in self.network.state_dict().items()
        }
        for index, state in self.adam.state_dict()["state"].items():
            for name, value in state.items():
                tensors[f"adam/{index}/{name}"] = value.contiguous()
        meta = {"format": FORMAT, "steps": str(self.steps), "settings": digest(what)}
        with atomic(path) as temporary:
            save_file(tensors, temporary, metadata=meta)

    def restore(self, path: Path, what: dict) -> None:
        """Go on from a checkpoint of the same settings."""
        fix = f"give another --work folder, or delete it: rm -r {path.parent}"
        try:
            with safe_open(path, "pt") as file:
                meta = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise ExpertError(f"not a checkpoint ({error})", where=str(path), fix=fix) from None
        if meta.get("format") != FORMAT:
            raise ExpertError("the checkpoint is another trainer's", where=str(path), fix=fix)
        if meta["settings"] != digest(what):
            raise ExpertError("the checkpoint belongs to other settings", where=str(path), fix=fix)
        self.network.load_state_dict(_under("policy/", tensors))
        state: dict[int, dict] = {}
        for name, value in _under("adam/", tensors).items():
            index, field = name.split("/")
            state.setdefault(int(index), {})[field] = value
        groups = self.adam.state_dict()["param_groups"]
        self.adam.load_state_dict({"state": state, "param_groups": groups})
        self.steps = int(meta["steps"])


def _under(prefix: str, tensors: dict) -> dict:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _numbers(seed: int, purpose: int, steps: int = 0, count: int = 1) -> list[int]:
    """Seeds in [0, 2**31), which is what an emulator takes, for any seed of the parameters."""
    drawn = np.random.default_rng([seed, purpose, steps]).integers(2**31, size=count)
    return drawn.tolist()


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
    note: Callable[[int, list[float]], None] | None = None,
) -> dict:
    """Train PPO and export its policy to `out`; goes on from a checkpoint in `work`.

    A resumed training continues with the same weights, moments and schedule, in new episodes: the
    emulators' state is not saved, so it does not end with the bytes of one that was not stopped.

    Parameters
    ----------
    game
        Name of a ROM that ale-py ships.
    options
        How the game is run: the section `emulator`.
    settings
        How the expert is trained: the section `expert.ppo`.
    out
        The expert's file; its record is the JSON beside it.
    work
        Folder of the checkpoint and the log.
    device
        Where the networks compute: 'cpu' or 'cuda'.
    bfloat16
        Whether they compute in bfloat16.
    threads
        CPU threads of PyTorch, and of the emulators.
    every
        Steps between checkpoints.
    note
        Gets the count of steps and the scores of all games so far, after each rollout.

    Returns
    -------
    dict
        The record.

    Raises
    ------
    ExpertError
        For a checkpoint that is damaged or of other settings.
    SystemExit
        With 128 + the signal's number after SIGTERM or SIGINT, at the end of the rollout; a
        checkpoint is written.
    """
    work = Path(work)
    work.mkdir(parents=True, exist_ok=True)
    what = {"game": game, "emulator": options.model_dump(), "ppo": settings.model_dump()}
    saved = work / "checkpoint.safetensors"
    torch.set_num_threads(threads)
    actions = spec(game).actions
    trainer = Trainer(len(actions), settings, device=device, bfloat16=bfloat16)
    if saved.exists():
        trainer.restore(saved, what)
    begun, started = trainer.steps, time.monotonic()
    first = _numbers(settings.seed, 1, begun, settings.lanes)
    random = np.random.default_rng([settings.seed, 2, begun])
    lanes = AtariLanes(game, options, first, threads=threads)
    bar = tqdm(
        total=settings.steps, initial=begun, unit="step", unit_scale=True, desc="PPO",
        mininterval=5, smoothing=0.05,
    )  # fmt: skip
    try:
        with bar, _Log(work / "log" / str(begun)) as log, interrupts() as received:
            last = begun
            while trainer.steps < settings.steps:
                uniform = random.random((settings.horizon, settings.lanes))
                played = trainer.rollout(lanes, uniform)
                loss, entropy = trainer.update(played, random)
                score = float(np.mean(lanes.returns[-100:])) if lanes.returns else float("nan")
                pace = (trainer.steps - begun) / (time.monotonic() - started)
                if note is not None:
                    note(trainer.steps, lanes.returns)
                log.add(trainer.steps, len(lanes.returns), score, loss, entropy, pace)
                bar.update(trainer.steps - bar.n)
                bar.set_postfix(score=f"{score:.1f}", games=len(lanes.returns), refresh=False)
                # The optimiser is between two updates, so weights and moments belong together.
                ended = trainer.steps >= settings.steps
                if ended or received or trainer.steps - last >= every:
                    trainer.save(saved, what)
                    last = trainer.steps
                if received and not ended:
                    raise SystemExit(128 + received[0])
    finally:
        lanes.close()
    record = {
        **what,
        "algorithm": "PPO",
        "width": settings.width,
        "actions": list(actions),
        "steps": trainer.steps,
        "training_score_mean_100": float(np.mean(lanes.returns[-100:])) if lanes.returns else None,
        "precision": "bfloat16" if bfloat16 else "float32",
        "device": device,
        "seconds_since_resumed": round(time.monotonic() - started),
        "versions": {name: version(name) for name in ("torch", "ale-py")},
    }
    save(out, trainer.network.policy(), record)
    return record


class _Log:
    """Every tenth rollout: a row in progress.csv, and TensorBoard's numbers of it."""

    def __init__(self, folder: Path):
        self.folder, self.rollouts = folder, 0

    def __enter__(self):
        from torch.utils.tensorboard import SummaryWriter

        self.folder.mkdir(parents=True, exist_ok=True)
        self.board = SummaryWriter(str(self.folder))
        self.file = open(self.folder / "progress.csv", "w", encoding="utf-8", newline="")
        self.rows = csv.writer(self.file)
        self.rows.writerow(COLUMNS)
        return self

    def add(self, *values) -> None:
        self.rollouts += 1
        if self.rollouts % 10 and self.rollouts != 1:
            return
        self.rows.writerow([f"{value:.6g}" if value % 1 else int(value) for value in values])
        self.file.flush()
        for name, value in zip(COLUMNS[1:], values[1:], strict=True):
            self.board.add_scalar(f"ppo/{name}", value, values[0])

    def __exit__(self, *_):
        self.file.close()
        self.board.close()
