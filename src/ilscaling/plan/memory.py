"""Resident memory of each kind of job, in bytes: measured bases, and what grows with the study.

Bases are those of the default study by Snakemake's benchmark files (max_rss, Linux, no GPU) with
some room; docs/plans.md compares the two.
"""

import math
from functools import lru_cache

from ilscaling import games, policies
from ilscaling.grid import Cell
from ilscaling.params import Section

MB = 1e6
TORCH = 450 * MB  # PyTorch, compiled code, the library, an optimiser's workspace
LIBRARY = 200 * MB  # without PyTorch
EXPERT = 700 * MB  # PPO with its rollouts
RANDOM = 400 * MB
RECORDED_GAMES = 100 * MB  # a job whose games are recorded elsewhere, as by NLE
LANE = 5 * MB  # an emulator with what it shows
FLOAT = 4
READ_STEPS = 16_384  # what evaluation's loaders hold in each of two buffers


_SPECS: dict[tuple[str, str, str], games.GameSpec] = {}


def spec(name: str, game: Section) -> games.GameSpec:
    """Specification of a section's game, made once.

    It starts an emulator, and a workflow asks for every job.

    Parameters
    ----------
    name, game
        Name of the section, and its parameters.
    """
    key = (game.domain, games.name(name, game), game.emulator.model_dump_json())
    if key not in _SPECS:
        _SPECS[key] = games.of(name, game)
    return _SPECS[key]


def shape(name: str, game: Section) -> tuple:
    """What a family and its ledger need beside the size, hashable.

    Parameters
    ----------
    name, game
        Name of the section, and its parameters.

    Returns
    -------
    tuple
        (name, value) of each entry of a `policies.PolicyShape`.
    """
    made = spec(name, game)
    return tuple(policies.shape(game.train, len(made.actions), made.observation).items())


def step_bytes(name: str, game: Section) -> int:
    """Bytes of a step's observation, decompressed.

    Parameters
    ----------
    name, game
        Name of the section, and its parameters.
    """
    fields = spec(name, game).observation.values()
    return sum(math.prod(shape) * dtype.itemsize for shape, dtype in fields)


def activations(game: Section, cell: Cell) -> float:
    """Numbers that a forward pass keeps of a sample for the backward pass.

    Parameters
    ----------
    game
        The section.
    cell
        Tells family and size.
    """
    return _activations(cell.run.family, cell.run.size, shape(cell.run.game, game))


@lru_cache(maxsize=4096)
def _activations(family: str, size: int, shape: tuple) -> float:
    kept = 0.0
    for part in policies.architecture(family, size, **dict(shape)):
        if hasattr(part, "after"):
            kept += part.outputs * part.after
        else:  # a matrix that reads the width writes so many features, before and after its gate
            kept += 2 * part.matrices / size + part.products / 8
    return kept


def train(game: Section, cell: Cell) -> float:
    """Bytes of one run in training.

    Two buffers of decompressed steps, weights and what Adam and averaging keep of them, the
    activations of a batch.

    Parameters
    ----------
    game
        The section.
    cell
        The run's, with its parameters and batch.
    """
    step, settings = step_bytes(cell.run.game, game), game.train
    copies = 5 if settings.ema else 4
    seen = getattr(settings, "frames", 1)
    batch = cell.batch * (2 * FLOAT * activations(game, cell) + 2 * seen * step)
    return TORCH + 2 * settings.buffer_steps * step + copies * FLOAT * cell.params + batch


def evaluate(game: Section, cells: list[Cell]) -> float:
    """Bytes of one run's evaluation: all weights at once, two buffers of held-out steps, the games.

    Parameters
    ----------
    game
        The section.
    cells
        The run's.
    """
    largest, wanted = cells[-1], game.evaluation
    held_out = max(game.demonstrations.dev_steps, game.demonstrations.test_steps)
    steps = min(READ_STEPS, held_out)
    weights = FLOAT * largest.params * len(cells)
    lanes = min(wanted.lanes, wanted.episodes * len(cells)) * LANE
    return TORCH + 2 * steps * step_bytes(largest.run.game, game) + weights + lanes


def shard(game: Section, name: str) -> float:
    """Bytes of one process that writes a store: a shard of steps, and their compressed copy.

    Parameters
    ----------
    game, name
        The section, and its name.
    """
    return LIBRARY + 1.5 * game.demonstrations.shard_steps * step_bytes(name, game)
