"""The grid of a study: from its sections to runs, budgets and cells, from FLOPs to epochs.

A run is one pass of (section, family, size, seed) over the training data; a cell is a run at one
FLOP budget. Whatever is trained, measured, planned or fitted takes its cells from here. Importing
this module does not import torch.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ilscaling import flops, games, policies, registry, schedules
from ilscaling.errors import ParamsError, TrainingError
from ilscaling.params import COUNTS, Params, Section, Training


@dataclass(frozen=True, order=True)
class Run:
    """One training run.

    Parameters
    ----------
    game
        The section's name.
    family, size
        Policy family, and its dial.
    seed
        Of weights and sample order.
    """

    game: str
    family: str
    size: int
    seed: int

    @property
    def name(self) -> str:
        return f"{self.family}-{self.size}-s{self.seed}"


def budget_name(budget: float) -> str:
    """A budget in FLOPs as it stands in file names: '1e+12', '3.16e+11'."""
    return f"{budget:.6g}"


def epochs(samples: int, steps: int) -> float:
    """Samples over the steps of the training data.

    A cell that was trained has it over the steps that are stored. Before anything is recorded the
    plan has those that are asked for, which whole episodes exceed a little.

    Parameters
    ----------
    samples
        That a run trains on.
    steps
        That it has to learn from.
    """
    return samples / steps


@dataclass(frozen=True)
class Cell:
    """One cell of the grid as planned.

    Parameters
    ----------
    run
        The run that is measured at the budget.
    position
        The budget's place among those of its section, from 0 on: cells of one section and position
        belong together, whatever their float says.
    budget
        FLOPs by `convention`.
    convention
        How FLOPs are counted: see `flops.ledger`.
    params
        Trainable parameters of the policy.
    batch, rate
        Samples an update, and Adam's rate after the warm-up.
    per_sample
        FLOPs of a sample in training.
    updates, samples
        What fits into the budget: whole updates only.
    flops
        FLOPs that they spend, of the kinds that the budget counts (`grid.counts`).
    added
        FLOPs that the grid spends for this cell, beside the cells before it.
    own
        FLOPs of them on the cell's own branch, 0 where the rate stays.
    epochs
        See `epochs`, of the steps that are asked for.
    reason
        Empty for a declared cell, else why it is left out.
    algorithm
        What trains it.
    flops_learner
        FLOPs of the policy's updates.
    spent
        What the algorithm pays beside them: `algorithm.Spent`.
    """

    run: Run
    position: int
    budget: float
    convention: str
    params: int
    batch: int
    rate: float
    per_sample: int
    updates: int
    samples: int
    flops: float
    added: float
    own: float
    epochs: float
    reason: str = ""
    algorithm: str = "cloning"
    flops_learner: float = 0.0
    spent: Any = None

    @property
    def declared(self) -> bool:
        return not self.reason

    @property
    def name(self) -> str:
        """How files of the cell are called within its run's folder."""
        return budget_name(self.budget)


@dataclass(frozen=True)
class Limits:
    """What a cell must keep to; those beyond are left out.

    Parameters
    ----------
    steps
        Steps of the training data, of which epochs are counted.
    min_updates, max_epochs
        Least updates and most epochs of a cell.
    """

    steps: int
    min_updates: int = 1
    max_epochs: float = math.inf


def cells(params: Params) -> list[Cell]:
    """Every cell of every section, declared or left out, in the order of the results table.

    Raises
    ------
    ParamsError
        Where a budget or a size has no possible cell at all.
    """
    of_study = []
    for name, section in params.games.items():
        of_section = list(_of_section(name, section))
        _refuse_empty(name, section, of_section)
        of_study += of_section
    return of_study


def _of_section(name: str, section: Section) -> Iterator[Cell]:
    spec, grid = games.of(name, section), section.grid
    shape = policies.shape(section.train, len(spec.actions), spec.observation)
    limits = Limits(section.demonstrations.trained_steps, grid.min_updates, grid.max_epochs)
    for size in sorted(grid.sizes):
        for seed in sorted(grid.seeds):
            yield from of_run(
                Run(name, grid.family, size, seed),
                section.train,
                shape,
                grid.budgets,
                convention=grid.flops,
                limits=limits,
                section=section,
            )


def of_run(
    run: Run,
    train: Training,
    shape: policies.PolicyShape,
    budgets: Sequence[float],
    *,
    limits: Limits,
    convention: str = "exact",
    section: Section | None = None,
) -> list[Cell]:
    """The cells of a run, one a budget.

    Parameters
    ----------
    run
        Gives family and size.
    train
        Batch, rate and schedule.
    shape
        Of the run's policy.
    budgets
        FLOPs, rising.
    limits
        Which cells are left out.
    convention
        How FLOPs are counted: see `flops.ledger`.
    section
        What the algorithm's own FLOPs depend on; None: those of behaviour cloning, which has none.

    Raises
    ------
    TrainingError
        If the budgets do not rise.
    ParamsError
        For an unknown family or convention.
    """
    if not budgets or any(b <= a for a, b in itertools.pairwise(budgets)):
        raise TrainingError(f"budgets must rise, each once: {list(budgets)}", where="budgets")
    ledger = flops.ledger(run.family, run.size, convention=convention, **shape)
    spend = Spend(ledger, train.batch_of(run.size), section)
    made, reached = [], 0  # updates that the run has gone already
    for position, budget in enumerate(budgets):
        updates = spend.updates(budget)
        samples = updates * spend.batch
        seen = epochs(samples, spend.steps(limits.steps, updates))
        reason = ""
        if updates < 1:
            reason = "budget is below one batch"
        elif updates < limits.min_updates:
            reason = f"{updates} updates, fewer than min_updates ({limits.min_updates})"
        elif seen > limits.max_epochs:
            reason = f"{seen:.1f} epochs, more than max_epochs ({limits.max_epochs:g})"
        leaves = schedules.shared(train, updates)
        total = spend.flops(updates)
        made.append(
            Cell(
                run=run,
                position=position,
                budget=budget,
                convention=convention,
                params=ledger.params,
                batch=spend.batch,
                rate=train.rate(run.size),
                per_sample=ledger.training,
                updates=updates,
                samples=samples,
                flops=float(total),
                added=0.0 if reason else float(total - spend.flops(reached)),
                own=float(total - spend.flops(leaves)),
                epochs=seen,
                reason=reason,
                algorithm=spend.algorithm,
                flops_learner=float(spend.learner(updates)),
                spent=spend.beside(updates),
            )
        )
        reached = reached if reason else leaves
    return made


@dataclass(frozen=True)
class Spend:
    """What a run spends up to an update.

    Parameters
    ----------
    ledger
        FLOPs a sample.
    batch
        Samples an update.
    section
        See `of_run`.
    """

    ledger: flops.Ledger
    batch: int
    section: Section | None = None

    @property
    def algorithm(self) -> str:
        return "cloning" if self.section is None else self.section.algorithm

    @property
    def entry(self):
        """The entry ALGORITHM."""
        return registry.get("ALGORITHM", self.algorithm)

    @property
    def counts(self) -> tuple[str, ...]:
        """Which FLOPs a budget sums."""
        return COUNTS if self.section is None else tuple(self.section.grid.counts)

    def beside(self, updates: int):
        """What the algorithm spends beside the updates of the policy: `algorithm.Spent`."""
        return self.entry.spends(updates, self.batch, self.ledger, self.section)

    def learner(self, updates: int) -> int:
        """FLOPs of the policy's updates alone."""
        return updates * self.entry.update(self.batch, self.ledger, self.section)

    def counted(self, updates: int, spent) -> int:
        """FLOPs that a budget counts, of so many updates and what was spent beside them."""
        of = {
            "learner": self.learner(updates),
            "acting": spent.flops_acting,
            "discriminator": spent.flops_discriminator,
        }
        return sum(of[name] for name in self.counts)

    def flops(self, updates: int) -> int:
        """FLOPs that a budget counts."""
        return self.counted(updates, self.beside(updates))

    def steps(self, stored: int, updates: int) -> int:
        """Steps to learn from by an update, of so many that are stored."""
        return max(1, self.entry.steps(stored, self.beside(updates)))

    def updates(self, budget: float) -> int:
        """The most updates whose FLOPs are within the budget."""
        low, high = 0, int(budget // self.learner(1))
        if self.flops(high) <= budget:
            return high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.flops(middle) <= budget else (low, middle)
        return low


def _refuse_empty(name: str, section: Section, planned: list[Cell]) -> None:
    for what, value_of in (
        ("budget", lambda cell: cell.budget),
        ("size", lambda cell: cell.run.size),
    ):
        groups: dict[float, list[Cell]] = {}
        for cell in planned:
            groups.setdefault(value_of(cell), []).append(cell)
        for value, group in sorted(groups.items()):
            if not any(cell.declared for cell in group):
                reasons = "; ".join(
                    f"size {c.run.size} at {c.budget:g}: {c.reason}" for c in group[:3]
                )
                raise ParamsError(
                    f"{name}: no cell is possible at {what} {value:g} ({reasons})",
                    where=f"params: games.{name}.grid.{what}s",
                    fix="change sizes, budgets, train.batch, min_updates, max_epochs or "
                    "demonstrations.train_steps (or unique_steps); 'ilscaling plan --cells' shows "
                    "every cell",
                )


def buildable(name: str, section: Section, at_most: float) -> list[tuple[int, int]]:
    """Sizes of a section's family and their parameters, up to a number of them.

    Parameters
    ----------
    name
        The section's name.
    section
        Its parameters, which tell game and family.
    at_most
        Trainable parameters.

    Returns
    -------
    list of tuple
        (size, trainable parameters), rising from the smallest size on; the last is the first with
        more than `at_most`.
    """
    spec = games.of(name, section)
    shape = policies.shape(section.train, len(spec.actions), spec.observation)
    sizes: list[tuple[int, int]] = []
    for size in itertools.count(policies.smallest(section.grid.family)):
        ledger = flops.ledger(section.grid.family, size, convention=section.grid.flops, **shape)
        sizes.append((size, ledger.params))
        if ledger.params > at_most:
            return sizes


def by_run(planned: Sequence[Cell]) -> dict[Run, list[Cell]]:
    """Declared cells of each run, budgets rising.

    Parameters
    ----------
    planned
        Cells as `cells` gives them, declared or left out.
    """
    runs: dict[Run, list[Cell]] = {}
    for cell in planned:
        if cell.declared:
            runs.setdefault(cell.run, []).append(cell)
    return runs


def table(planned: Sequence[Cell]) -> list[dict]:
    """The plan as rows for printing or CSV.

    Parameters
    ----------
    planned
        Cells as `cells` gives them.

    Returns
    -------
    list of dict
        One a cell: what `Cell` says of it, under short names; `left_out`: why, or empty.
    """
    return [
        {
            "game": c.run.game,
            "family": c.run.family,
            "size": c.run.size,
            "seed": c.run.seed,
            "budget": c.budget,
            "params": c.params,
            "batch": c.batch,
            "rate": c.rate,
            "updates": c.updates,
            "samples": c.samples,
            "epochs": round(c.epochs, 3),
            "flops": c.flops,
            "added": c.added,
            "left_out": c.reason,
        }
        for c in planned
    ]
