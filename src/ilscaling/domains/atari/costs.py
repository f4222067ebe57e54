"""What Atari games cost: episodes by random play, and an expert's training."""

from contextlib import suppress
from functools import cache
from pathlib import Path

import yaml

from ilscaling.domains.atari.section import Atari
from ilscaling.domains.costs import Steps
from ilscaling.errors import DamagedFile
from ilscaling.files import read_json
from ilscaling.plan import cost, memory
from ilscaling.plan.speed import REFERENCE, Speed

# A step's share of rollout and updates apart from FLOPs, in seconds: of Stable-Baselines3's PPO, of
# which ours takes four fifths (docs/algorithms.md).
PPO_STEP = 1.5e-3
NATURE_WIDTHS, NATURE_FEATURES = (32, 64, 64), 512
DENSE = 1.7e6  # parameters of the Nature CNN, nearly all in its dense layer


@cache
def random_play() -> dict:
    """The table of random play; its file says what is in it, and where it comes from."""
    return yaml.safe_load(Path(__file__).with_name("random_play.yaml").read_text(encoding="utf-8"))


def steps(game: str, section: Atari) -> Steps:
    """An episode of a player, made of random play's; a guess where that was not measured.

    Parameters
    ----------
    game
        Name of its ROM.
    section
        Of the study, whose emulator bounds an episode.

    Returns
    -------
    Steps
        Steps of an episode, and compressed bytes of a step.
    """
    table = random_play()
    episode, size = table["games"].get(game, table["unknown"])
    return Steps(
        min(cost.LONGER * episode, section.emulator.max_steps),
        table["fuller"] * size,
        _expert_steps(section),
    )


def _expert_steps(section: Atari) -> float | None:
    """Steps of an episode of the expert, from the record beside its file (`measure.measure`)."""
    if section.expert.file is None:
        return None
    with suppress(OSError, DamagedFile, LookupError, TypeError, ValueError):
        record = Path(section.expert.file).with_suffix(".json")
        steps = float(read_json(record)["measured"]["length_mean"])
        return min(steps, section.emulator.max_steps) if steps > 0 else None
    return None


def expert_cost(section: Atari, speed: Speed) -> cost.Cost:
    """Training an expert by PPO.

    Each step costs a forward pass to act, and in each epoch one forward and one backward (twice a
    forward) to learn.

    Parameters
    ----------
    section
        Of the study, with the expert's settings.
    speed
        Of the machine.
    """
    ppo, train = section.expert.ppo, speed.rate("cnn")
    passes = 1 + 3 * ppo.epochs
    host = PPO_STEP * speed.game(section.domain).record / REFERENCE.game(section.domain).record
    seconds = ppo.steps * (host + passes * nature_flops(ppo.width) * train.flop)
    size = 16 * DENSE * ppo.width  # weights, gradients and both moments, 4 bytes each
    return cost.Cost(cost.START_SECONDS + seconds, size, memory.EXPERT)


def nature_flops(width: float) -> float:
    """FLOPs of a forward pass of the Nature CNN (Mnih et al. 2015), one stack of four screens.

    Parameters
    ----------
    width
        Its channels and features as a multiple of the published ones.
    """
    one, two, three = (width * channels for channels in NATURE_WIDTHS)
    weights = (8 * 8 * 4 * one * 400, 16 * one * two * 81, 9 * two * three * 49,
               49 * three * width * NATURE_FEATURES)  # fmt: skip
    return 2.0 * sum(weights)
