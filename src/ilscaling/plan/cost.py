"""What each job of a study costs: time, disk, memory."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ilscaling import flops, schedules
from ilscaling.domains.atari.section import Atari
from ilscaling.domains.gymnasium.section import Gymnasium
from ilscaling.domains.nethack.section import NetHack
from ilscaling.errors import WorkflowError
from ilscaling.games import played
from ilscaling.grid import Cell
from ilscaling.params import Section
from ilscaling.plan import memory
from ilscaling.plan.speed import REFERENCE, Speed, Train

START_SECONDS = 6.0  # importing torch, opening the data
DEV_BATCH = 256  # steps that the dev loss takes at once


@dataclass(frozen=True)
class Cost:
    """Seconds on one thread (beside a device, if the speed has one), bytes on disk, and bytes of
    memory at its largest."""

    seconds: float
    bytes: float
    memory: float = 0.0


@dataclass(frozen=True)
class Steps:
    """Steps of an episode of a policy that is neither good nor hopeless, and a step's compressed
    bytes."""

    episode: float
    bytes: float


# By game; of Atari games measured in uniformly random play (docs/plans.md). A player's episodes
# are longer and its screens fuller: in Breakout 2.5 and 1.3 times, of which the factors are made.
RANDOM_PLAY = {
    "bank_heist": (496, 54),
    "battle_zone": (989, 190),
    "boxing": (1_780, 210),
    "breakout": (196, 25),
    "double_dunk": (1_711, 149),
    "freeway": (2_048, 129),
    "montezuma_revenge": (603, 63),
    "name_this_game": (2_047, 141),
    "phoenix": (807, 68),
    "pitfall": (1_500, 39),
    "private_eye": (2_700, 129),
    "qbert": (343, 35),
    "space_invaders": (542, 79),
}
LONGER, FULLER = 2.5, 1.6
NETHACK = Steps(3_000, 28)
OTHER = Steps(200, 20)  # a game of an extension
UNKNOWN = (1_500, 150)


def steps_of(name: str, game: Section) -> Steps:
    """Of a game of the study, within the emulator's limit; a guess where none was measured."""
    if isinstance(game, NetHack):
        return Steps(min(NETHACK.episode, game.emulator.max_steps), NETHACK.bytes)
    if isinstance(game, Gymnasium):
        return Steps(min(OTHER.episode, game.emulator.max_steps), OTHER.bytes)
    episode, size = RANDOM_PLAY.get(played(name), UNKNOWN)
    return Steps(min(LONGER * episode, game.emulator.max_steps), FULLER * size)


# PPO of Stable-Baselines3: a step's share of rollout and updates apart from FLOPs, and passes
# forward that a step costs for acting once and for learning (forward and backward) in each epoch.
PPO_STEP = 1.5e-3
NATURE_WIDTHS, NATURE_FEATURES = (32, 64, 64), 512


def expert_cost(game: Section, speed: Speed = REFERENCE) -> Cost:
    """Training an expert by PPO; nothing where one is given, or the game has a bot."""
    if not isinstance(game, Atari) or game.expert.file is not None:
        return Cost(0.0, 0.0)
    ppo, train = game.expert.ppo, speed.rate("cnn")
    forward = nature_flops(ppo.width)
    passes = 1 + 3 * ppo.epochs
    host = PPO_STEP * speed.game("atari").record / REFERENCE.game("atari").record
    seconds = ppo.steps * (host + passes * forward * train.flop)
    size = 16 * 1.7e6 * ppo.width  # weights and moments of 1.7 million parameters, nearly all dense
    return Cost(START_SECONDS + seconds, size, memory.EXPERT)


def nature_flops(width: float) -> float:
    """FLOPs of a forward pass of the Nature CNN (Mnih et al. 2015) at a multiple of its width."""
    one, two, three = (width * channels for channels in NATURE_WIDTHS)
    weights = (8 * 8 * 4 * one * 400, 16 * one * two * 81, 9 * two * three * 49,
               49 * three * width * NATURE_FEATURES)  # fmt: skip
    return 2.0 * sum(weights)


def record_cost(game: Section, name: str, speed: Speed = REFERENCE) -> Cost:
    """One recording job; nothing where recordings of others are taken."""
    if isinstance(game, NetHack) and game.expert.recordings is not None:
        return Cost(0.0, 0.0)
    play, per = speed.game(game.domain), steps_of(name, game)
    steps = recorded_steps(game) / game.demonstrations.jobs
    seconds = steps * (play.record + play.restart / per.episode)
    return Cost(START_SECONDS + seconds, steps * per.bytes, memory.record(game, name))


def shard_cost(game: Section, name: str, speed: Speed = REFERENCE) -> Cost:
    """Making a store of what was recorded; memory: of one process."""
    steps, play = recorded_steps(game), speed.game(game.domain)
    size = steps * steps_of(name, game).bytes
    return Cost(START_SECONDS + steps * play.shard, size, memory.shard(game, name))


def recorded_steps(game: Section) -> int:
    wanted = game.demonstrations
    return wanted.train_steps + wanted.dev_steps + wanted.test_steps


def train_cost(
    game: Section, cells_of_run: Sequence[Cell], speed: Speed = REFERENCE, part: str = "run"
) -> Cost:
    """One run, all of it or its 'trunk' or 'branches' alone; disk: weights a cell, the resumable
    state and that of every branch."""
    last, ends = cells_of_run[-1], [cell.updates for cell in cells_of_run]
    own = sum(schedules.own(game.train, end) for end in ends)
    updates = {"run": sum(schedules.added(game.train, ends)), "branches": own}
    updates["trunk"] = updates["run"] - own
    samples = updates[part] * last.batch
    rate = _rate(game, speed)
    seconds = START_SECONDS + rate.seconds(samples, exact_flops(game, last), last.batch)
    weights = 0 if part == "trunk" else len(ends)
    states = 0 if part == "branches" else 1
    if states and schedules.of(game.train).branches:
        states += len(schedules.trunk(game.train, ends))
    size = 4.0 * last.params * (weights + 4 * states)
    return Cost(seconds, size, memory.train(game, last))


def evaluate_cost(game: Section, cells_of_run: list[Cell], speed: Speed = REFERENCE) -> Cost:
    """Dev loss, test loss and return of one run's cells."""
    last, wanted, play = cells_of_run[-1], game.evaluation, speed.game(game.domain)
    rate, per = _rate(game, speed), steps_of(last.run.game, game)
    # A forward pass is a third of the FLOPs, and half of the rest.
    half = Train(rate.sample / 2, rate.flop / 3, rate.update / 2, rate.reading)
    steps = game.demonstrations.dev_steps + game.demonstrations.test_steps
    loss = half.seconds(steps, exact_flops(game, last), DEV_BATCH)
    returns = wanted.episodes * (per.episode * play.play + play.restart)
    seconds = START_SECONDS + len(cells_of_run) * (loss + returns)
    return Cost(seconds, 4_000.0 * len(cells_of_run), memory.evaluate(game, cells_of_run))


def random_cost(game: Section, name: str, speed: Speed = REFERENCE) -> Cost:
    """Measuring random play, whose episodes are short."""
    play, steps = speed.game(game.domain), steps_of(name, game).episode / LONGER
    seconds = game.evaluation.random_episodes * (steps * play.record + play.restart)
    return Cost(START_SECONDS + seconds, 4_000.0, memory.RANDOM)


def _rate(game: Section, speed: Speed) -> Train:
    return speed.rate(game.grid.family)


def exact_flops(game: Section, cell: Cell) -> int:
    """Training FLOPs a sample as PyTorch executes them, whatever the budgets' convention."""
    if game.grid.flops == "exact":
        return int(cell.per_sample)
    return _exact(game.grid.family, cell.run.size, memory.shape(cell.run.game, game))


@lru_cache(maxsize=4096)
def _exact(family: str, size: int, shape: tuple) -> int:
    return flops.ledger(family, size, **dict(shape)).training


def refuse_without_space(folder: str | Path, wanted: float) -> None:
    """Raise WorkflowError unless `folder`'s disk has `wanted` bytes and a tenth more free."""
    free = shutil.disk_usage(folder).free
    if free < 1.1 * wanted:
        raise WorkflowError(
            f"the study needs about {wanted / 1e9:.1f} GB on disk, {free / 1e9:.1f} GB are free",
            where=str(Path(folder).resolve()),
            fix="free some space, or record less: demonstrations.train_steps",
        )
