"""PPO from the game's rewards (Schulman et al. 2017), on any family that sees stacks.

The policy plays a rollout; then updates descend the clipped loss on batches of it, and another is
played. Values come from a second network of the policy's own architecture, whose first output
is the value: so every family has one, its FLOPs are those of the policy, and they are counted
as those of another network (`flops_discriminator`). It learns by Adam at the policy's rate, without
its schedule.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from ilscaling.errors import ParamsError
from ilscaling.learning.algorithm import Algorithm, Given, Learner, Spent
from ilscaling.params import Count, Model, Positive, Section

Share = Annotated[float, Field(ge=0, le=1)]
# What tells streams of random numbers of a run apart.
VALUE, EPISODE, ORDER = 2, 3, 4


class Settings(Model):
    """Play from rewards."""

    lanes: Count = Field(8, description="games side by side")
    horizon: Count = Field(128, description="steps a lane between two sets of updates")
    epochs: Count = Field(4, description="passes over what was played")
    clip: Positive = Field(0.1, description="how far a ratio of probabilities may move from 1")
    discount: Annotated[float, Field(gt=0, lt=1)] = Field(0.99, description="discount a step")
    gae: Share = Field(0.95, description="lambda of the advantage")
    entropy: Annotated[float, Field(ge=0)] = Field(0.01, description="weight of the entropy bonus")
    gradient: Positive = Field(0.5, description="largest norm of a gradient")
    sign: bool = Field(False, description="learn from the sign of a reward, as on Atari")

    @property
    def played(self) -> int:
        """Steps of a rollout."""
        return self.lanes * self.horizon

    def updates(self, batch: int) -> int:
        """Updates on a rollout: whole batches of its passes, laid one after the other."""
        return self.epochs * self.played // batch

    def rollouts(self, updates: int, batch: int) -> int:
        """Rollouts that are played before the last of so many updates."""
        return -(-updates // self.updates(batch))


def options(section: Section) -> Settings:
    """The settings of the section's algorithm."""
    return getattr(section, section.algorithm)


def refuse(batch: int, section: Section) -> None:
    """Raise ParamsError for what cannot be trained so.

    Refused are families with a memory, and batches larger than all passes over a rollout.

    Parameters
    ----------
    batch
        Samples of an update.
    section
        Of the study, with family and settings.
    """
    from ilscaling import policies

    family, own = section.grid.family, options(section)
    if policies.get(family).order is not None:
        raise ParamsError(
            f"the algorithm {section.algorithm!r} trains policies of stacks; {family!r} remembers "
            "what it has seen",
            where="params: grid.family",
            fix="choose a family of stacks, such as 'cnn' or one of yours, or another algorithm",
        )
    if own.updates(batch) < 1:
        raise ParamsError(
            f"a batch of {batch} is more than {own.epochs} passes over {own.played} steps",
            where=f"params: {section.algorithm}",
            fix=f"raise {section.algorithm}.horizon or lanes, or lower train.batch",
        )


class PPO(Learner):
    """Rollouts of the policy, and updates on them; `folder` gets a row of each in rollouts.csv."""

    COLUMNS = ("update", "env_steps", "episodes", "return", "length", "entropy", "explained")

    def __init__(self, given: Given):
        super().__init__(given)
        self.options: Settings = given.options
        self.batch = given.train.batch_of(given.run.size)
        refuse(self.batch, given.section)
        self.clip = self.options.gradient
        self.lanes = self.critic = None
        self.lanes_state, self.samples = {}, {}  # arrays by name
        self.rows: list[list[float]] = []

    def items(self, batch):
        return 1, "player: games go on from rollout to rollout on one device"

    # What a run is made of.

    def network(self, purpose: int):
        """Another network of the policy's architecture, with its optimiser."""
        from ilscaling.learning.critics import Critic

        return Critic(self.given, purpose)

    def start(self) -> None:
        """Make what learning needs beside the policy."""
        if self.critic is None:
            self.critic = self.network(VALUE)

    def _play_on(self):
        from ilscaling import games
        from ilscaling.learning.rollouts import Lanes
        from ilscaling.seeds import EPISODES, Purpose, seeds

        section, seed = self.given.section, self.given.run.seed
        game = games.make(
            section.domain,
            games.name(self.given.run.game, section),
            self.options.lanes,
            section.emulator,
        )
        first = int(np.random.default_rng([seed, EPISODE]).integers(EPISODES))

        def seed_of(number: int) -> int:
            return seeds(Purpose.LEARNING, (first + number) % EPISODES, count=1)[0]

        self.lanes = Lanes(game, self.given.train.frames, seed_of)
        if self.lanes_state:
            self.lanes.restore(self.lanes_state)
        else:
            self.lanes.begin()

    # What the loop calls.

    def interact(self, policy, update):
        from ilscaling.learning.critics import answers
        from ilscaling.policies.acting import sampling

        number, rest = divmod(update, self.options.updates(self.batch))
        if rest:
            return
        self.start()
        if self.lanes is None:
            self._play_on()
        rollout = self.lanes.play(
            self.options.horizon, lambda stacks: sampling(answers(self.given, policy, stacks), 1.0)
        )
        steps = self.options.played
        self.spent += Spent(env_steps=steps, flops_acting=steps * self.given.ledger.forward)
        self._learn_from(rollout, self.rewards(rollout, number), update)

    def rewards(self, rollout, number: int) -> np.ndarray:
        """What a rollout is learned from.

        Parameters
        ----------
        rollout
            As `rollouts.Lanes.play` gives it.
        number
            Of the rollout, from 0 on.

        Returns
        -------
        np.ndarray
            (steps, lanes).
        """
        return np.sign(rollout.reward) if self.options.sign else rollout.reward

    def measures(self) -> list[float]:
        """What a subclass says of a rollout in its own columns."""
        return []

    def _learn_from(self, rollout, rewards: np.ndarray, update: int) -> None:
        from ilscaling.policies.gradient import advantages

        values = self.critic.answers(rollout.stacks)[..., 0]
        self.spent += Spent(flops_discriminator=values.size * self.given.ledger.forward)
        advantage = advantages(
            rewards,
            values,
            rollout.done,
            rollout.truncated,
            discount=self.options.discount,
            trace=self.options.gae,
        )
        target = advantage + values[:-1]
        said = rollout.probabilities
        logs = np.log(np.maximum(said, np.finfo(float).tiny))
        before = np.take_along_axis(logs, rollout.action[..., None], 2)[..., 0]
        flat = {
            "stacks": rollout.stacks[:-1],
            "action": rollout.action,
            "before": before.astype(np.float32),
            "advantage": advantage.astype(np.float32),
            "target": target.astype(np.float32),
        }
        self.samples = {name: v.reshape(-1, *v.shape[2:]) for name, v in flat.items()}
        spread = target.var()
        nothing = float("nan")
        self.rows.append(
            [
                update,
                self.spent.env_steps,
                len(rollout.returns),
                float(np.mean(rollout.returns)) if rollout.returns else nothing,
                float(np.mean(rollout.lengths)) if rollout.lengths else nothing,
                float(-(said * logs).sum(2).mean()),
                float(1 - (target - values[:-1]).var() / spread) if spread else nothing,
                *self.measures(),
            ]
        )

    def batches(self, split, *, batch, seed, start):
        return _Batches(self, start // batch)

    def drawn(self, update: int) -> dict[str, np.ndarray]:
        """The batch of an update.

        Parameters
        ----------
        update
            The first is 0.

        Returns
        -------
        dict
            Name -> (batch, ...): stacks, action, its log-probability `before`, advantage and target
            of the value.
        """
        number, place = divmod(update, self.options.updates(self.batch))
        size = self.options.played
        first = place * self.batch
        epochs = range(first // size, (first + self.batch - 1) // size + 1)
        orders = [
            np.random.default_rng([self.given.run.seed, ORDER, number, epoch]).permutation(size)
            for epoch in epochs
        ]
        begin = first - epochs[0] * size
        rows = np.concatenate(orders)[begin : begin + self.batch]
        return {name: values[rows] for name, values in self.samples.items()}

    def loss(self, policy, batch):
        from torch.nn import functional as F

        from ilscaling.policies.gradient import surrogate

        value = self.critic(batch["stacks"])[:, 0]
        self.critic.descend(F.mse_loss(value, batch["target"]) / 2, self.clip)
        self.spent += Spent(flops_discriminator=self.batch * self.given.ledger.training)
        loss, entropy = surrogate(
            policy(batch["stacks"]),
            batch["action"],
            batch["before"],
            batch["advantage"],
            self.options.clip,
        )
        return loss - self.options.entropy * entropy

    def unique_samples(self, samples):
        whole, rest = divmod(samples // self.batch, self.options.updates(self.batch))
        size = self.options.played
        most = min(size, self.options.updates(self.batch) * self.batch)
        return whole * most + min(size, rest * self.batch)

    def finish(self) -> None:
        """Close what is open."""
        if self.lanes is not None:
            self.lanes_state = self.lanes.save()
            self.lanes.close()
            self.lanes = None

    # What is saved.

    def networks(self) -> dict:
        """By name, those that learn beside the policy."""
        return {"value": self.critic}

    def save(self):
        import torch

        arrays = {f"samples/{name}": values for name, values in self.samples.items()}
        state = self.lanes.save() if self.lanes else self.lanes_state
        arrays |= {f"lanes/{name}": values for name, values in state.items()}
        arrays["rows"] = np.array(self.rows, float).reshape(-1, len(self.COLUMNS))
        tensors = {name: torch.from_numpy(v) for name, v in arrays.items()}
        for name, network in self.networks().items():
            tensors |= {f"{name}/{key}": tensor for key, tensor in network.save().items()}
        self._write_rows()
        return tensors, {}

    def restore(self, tensors, values, files: Path):
        self.start()
        for name, network in self.networks().items():
            network.restore(_under(f"{name}/", tensors))
        arrays = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
        self.samples, self.lanes_state = _under("samples/", arrays), _under("lanes/", arrays)
        self.rows = arrays["rows"].tolist()

    def _write_rows(self) -> None:
        from ilscaling.files import atomic

        folder = self.given.folder
        folder.mkdir(parents=True, exist_ok=True)
        with (
            atomic(folder / "rollouts.csv") as temporary,
            open(temporary, "w", encoding="utf-8") as file,
        ):
            print(*self.COLUMNS, sep=",", file=file)
            for row in self.rows:
                print(*(f"{value:.7g}" for value in row), sep=",", file=file)


def _under(prefix: str, values: dict) -> dict:
    return {k.removeprefix(prefix): v for k, v in values.items() if k.startswith(prefix)}


class _Batches:
    """Of the rollout that was played last; the game ends with them."""

    def __init__(self, learner: PPO, update: int):
        self.learner, self.update = learner, update

    def __next__(self):
        self.update += 1
        return self.learner.drawn(self.update - 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.learner.finish()


def spends(updates, batch, ledger, section):
    """What a run of PPO pays for beside the updates of its policy.

    Steps are acted once; a second network values all of them and the states after them, and learns
    as the policy does.

    Parameters
    ----------
    updates
        Updates of the policy.
    batch
        Samples of one.
    ledger
        FLOPs a sample, of policy and value alike.
    section
        Of the study, with the algorithm's settings.

    Raises
    ------
    ParamsError
        As of `refuse`.
    """
    refuse(batch, section)
    own = options(section)
    rollouts = own.rollouts(updates, batch)
    steps = rollouts * own.played
    return Spent(
        env_steps=steps,
        flops_acting=steps * ledger.forward,
        flops_discriminator=(steps + rollouts * own.lanes) * ledger.forward
        + updates * batch * ledger.training,
    )


ALGORITHM = Algorithm(
    "ppo",
    PPO,
    Settings,
    plays=True,
    spends=spends,
    steps=lambda stored, spent: spent.env_steps,
)
