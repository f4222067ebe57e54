"""A round of DAgger: the student plays, the expert says what it would do, a store holds both."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from ilscaling import games, registry, store
from ilscaling.errors import StoreError
from ilscaling.games import play
from ilscaling.learning.algorithm import Given
from ilscaling.learning.players import player
from ilscaling.seeds import EPISODES, Purpose, seeds
from ilscaling.store.split import EXPERT_PROBS, TAKEN

# What tells streams of random numbers of a run and round apart.
LABELS, NUMBERS = 0, 1


def path(folder: Path, number: int) -> Path:
    """The store of a round.

    Parameters
    ----------
    folder
        Of the run's rounds.
    number
        From 1 on.
    """
    return folder / f"round-{number:04}.zarr"


@dataclass(frozen=True)
class Round:
    """How a round is played.

    Parameters
    ----------
    number
        From 1 on.
    steps, lanes
        Steps of all lanes together, a multiple of the lanes.
    share
        Chance of a step to be played by the expert.
    temperature
        Of the student's actions.
    """

    number: int
    steps: int
    lanes: int
    share: float
    temperature: float


class _Mixture:
    """Plays the expert's action at a share of the steps, and keeps what the expert said."""

    def __init__(self, expert: play.Act, student: play.Act, share: float):
        self.expert, self.student, self.share = expert, student, share
        self.taken = getattr(student, "taken", lambda action: None)
        self.said = np.empty(0)

    def __call__(self, observation, episode, fresh):
        self.said = self.expert(observation, episode, fresh)
        own = self.student(observation, episode, fresh)
        return self.share * self.said + (1 - self.share) * own


def make(given: Given, policy: nn.Module, wanted: Round) -> None:
    """Play a round and write its store into the run's folder, unless it is there.

    All lanes play from the start of an episode, and another when it ends, until the round has its
    steps; what is being played then is cut. `action` is what the expert would do, drawn from its
    probabilities as the demonstrations are; `taken` what was done.

    Parameters
    ----------
    given
        The run.
    policy
        The student.
    wanted
        The round.
    """
    out, who = path(given.folder, wanted.number), _digest(policy, wanted)
    try:
        if store.open_split(out, "train").attrs["student"] == who:
            return
    except (StoreError, KeyError):
        pass
    for left in given.folder.glob(".*.tmp"):  # by an attempt that was killed
        shutil.rmtree(left, ignore_errors=True)
    section, name = given.section, given.run.game
    domain = registry.get("DOMAIN", section.domain)
    expert = domain.asked(name, section, given.expert)
    game = games.make(section.domain, domain.game(name, section), wanted.lanes, section.emulator)
    try:
        episodes = _play(given, game, expert, policy, wanted)
        attributes = {**game.spec.attributes(section.emulator), "versions": {}, "student": who}
    finally:
        game.close()
    attributes["round"] = wanted.number
    _write(out, given, episodes, attributes)


def _digest(policy: nn.Module, wanted: Round) -> str:
    """Of the student and of how it plays."""
    digest = hashlib.sha256(repr(wanted).encode())
    for weight in policy.parameters():
        digest.update(weight.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _play(given: Given, game, expert: play.Act, policy: nn.Module, wanted: Round) -> list[dict]:
    """Episodes in the order in which they began: seed, truncated, and arrays by step."""
    mark = [given.run.seed, wanted.number]
    numbers = np.random.default_rng([*mark, NUMBERS])
    first = int(numbers.integers(EPISODES - wanted.steps))
    labels = np.random.default_rng([*mark, LABELS])
    student = player(
        [policy],
        game,
        frames=getattr(given.train, "frames", None),
        inventory=getattr(given.train, "inventory", False),
        owner=np.zeros(wanted.steps + 1, np.int64),
        temperature=wanted.temperature,
    )
    act = _Mixture(expert, student, wanted.share)
    fields, episodes = given.split.observation, {}
    left = wanted.steps // wanted.lanes
    for moment in play.moments(game, act, seeds=seeds(Purpose.LEARNING, first, count=wanted.steps)):
        label = play.draw(act.said, labels.random(game.lanes))
        said = act.said.astype(np.float16)
        left -= 1
        for lane, number in enumerate(moment.episode.tolist()):
            mine = episodes.setdefault(
                number,
                {"seed": int(moment.seed[lane]), "truncated": True, "steps": []},
            )
            step = {field: moment.observation[field][lane].copy() for field in fields}
            step |= {"action": label[lane], TAKEN: moment.action[lane], EXPERT_PROBS: said[lane]}
            mine["steps"].append(step | {"reward": moment.reward[lane]})
            if moment.done[lane]:
                mine["truncated"] = bool(moment.truncated[lane])
        if not left:
            break
    return [episodes[number] for number in sorted(episodes)]


def _write(out: Path, given: Given, episodes: list[dict], attributes: dict) -> None:
    split = given.split
    known = split.fields
    own = ("action", "reward", *([EXPERT_PROBS] if split.says_distribution else []))
    fields = {name: known[name] for name in (*split.observation, *own)}
    fields[TAKEN] = known["action"]
    arrays = [
        {
            name: np.array([step[name] for step in episode["steps"]], dtype)
            for name, (_, dtype) in fields.items()
        }
        for episode in episodes
    ]
    table = {
        "seed": np.array([episode["seed"] for episode in episodes]),
        "steps": np.array([len(episode["steps"]) for episode in episodes]),
        "return": np.array([mine["reward"].sum(dtype=np.float64) for mine in arrays]),
        "truncated": np.array([episode["truncated"] for episode in episodes]),
    }

    def source(row: int, start: int, stop: int) -> dict[str, np.ndarray]:
        return {name: values[start:stop] for name, values in arrays[row].items()}

    sizes = {name: split.attrs[name] for name in ("chunk_steps", "shard_steps")}
    with store.create(out, fields, attributes, **sizes) as writer:
        writer.fill({"train": np.arange(len(episodes))}, table, source)
