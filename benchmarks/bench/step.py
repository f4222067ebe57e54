"""The training step: fed by the reader, against plain PyTorch, and as a share of the peak."""

from collections.abc import Callable, Iterator
from pathlib import Path

import plain
import torch
from demonstrations import Study
from measure import Line, line, rounds, settled

from ilscaling import flops, grid, policies
from ilscaling.learning import feed, loop, precision
from ilscaling.learning.algorithm import Given
from ilscaling.learning.cloning import Cloning
from ilscaling.learning.ranks import ALONE
from ilscaling.learning.state import State

# A round is a buffer. Breakout's is smaller than the study's, so that a round takes seconds; its
# blocks are shorter then, and reading a sample costs more.
BUFFER = {"breakout": 2_048, "nethack": 16_384}
# Sizes beyond the default study's, where arithmetic decides.
LARGE = {"breakout": [64, 96], "nethack": [128]}


class Run:
    """A run in memory: its state, and batches of its data."""

    def __init__(self, study: Study, game: str, size: int, device: str = "cpu"):
        section, split = study.params.games[game], study.split(game)
        self.settings = section.train.model_copy(update={"buffer_steps": BUFFER[game]})
        self.family, self.size = section.grid.family, size
        self.shape = policies.shape(self.settings, len(split.actions))
        self.batch, self.device = self.settings.batch_of(size), device
        type = precision.resolve("auto", device, self.family, size)
        precision.prepare(device, type, policies.get(self.family).repeatable)
        torch.manual_seed(0)
        run = grid.Run(game, self.family, size, 0)
        ledger = flops.ledger(self.family, size, **self.shape)
        self.learner = Cloning(
            Given(split, self.settings, run, ledger, device, type, Path(), ALONE)
        )
        parts = policies.architecture(self.family, size, **self.shape)
        self.state = State(
            policies.build(self.family, size, **self.shape),
            self.settings,
            rate=1e-4,
            device=device,
            type=type,
            tables=frozenset(part.name for part in parts if getattr(part, "tables", 0)),
        )
        self.batches = self.learner.batches(split, batch=self.batch, seed=0, start=0)

    def next(self) -> feed.Batch:
        """The next batch."""
        return feed.tensors(next(self.batches), self.device)

    @property
    def many(self) -> int:
        """Steps that take up a buffer."""
        return self.settings.buffer_steps // self.batch

    def fed(self) -> None:
        """So many steps on what the reader gives."""
        for _ in range(self.many):
            loop.step(self.state, self.learner, self.next())
        self.ended()
        settled(self.batches)

    def ended(self) -> None:
        """Wait for the device."""
        if self.device != "cpu":
            torch.cuda.synchronize()

    def still(self, batch: feed.Batch) -> Callable[[], None]:
        """So many steps on one batch that stays in memory."""

        def steps() -> None:
            for _ in range(self.many):
                loop.step(self.state, self.learner, batch)
            self.ended()

        return steps


def resident(study: Study, game: str, size: int) -> Callable[[], None]:
    """One step on a batch that stays in memory."""
    run = Run(study, game, size)
    batch = run.next()
    run.batches.close()
    return lambda: loop.step(run.state, run.learner, batch)


def lines(study: Study, budget: float = 2.0, device: str = "cpu") -> Iterator[Line]:
    """Every size of the default study, and larger ones against plain PyTorch."""
    reached = peak(device)
    for game in ("breakout", "nethack"):
        sizes = study.params.games[game].grid.sizes
        for size in (*sizes, *LARGE[game]):
            run, note = Run(study, game, size, device), study.notes[game]
            batch, many = run.next(), run.many
            other = plain.stepper(run, batch)

            def simple(other=other, many=many, run=run) -> None:
                for _ in range(many):
                    other()
                run.ended()

            still, what = run.still(batch), f"{game} {size} ({run.state.type})"
            if size in sizes:
                fed, alone = rounds(run.fed, still, least=9, budget=budget).T
                yield line(
                    "step", f"{what}: samples/s fed by the reader", alone / fed,
                    "one batch that stays in memory", goal=">= 0.9", note=note,
                )  # fmt: skip
            run.batches.close()
            alone, slow, matrix = rounds(still, simple, reached, least=3, budget=budget).T
            yield line(
                "step", f"{what}: samples/s", slow / alone,
                "plain PyTorch: float32, contiguous, nothing fused",
                goal=">= 3" if size not in sizes else ">= 1",
                note=f"{run.batch * many / float(sorted(alone)[len(alone) // 2]):,.0f} samples/s",
            )  # fmt: skip
            ledger = flops.ledger(run.family, size, **run.shape, convention="exact")
            share = ledger.training * run.batch * many / alone / (reached.flops / matrix)
            yield line("step", f"{what}: FLOP/s", share, "bfloat16 matrix peak, measured")


SIDE = 1_024


def peak(device: str = "cpu") -> Callable[[], object]:
    """A product of two square matrices of SIDE in bfloat16."""
    side = SIDE if device == "cpu" else 8 * SIDE
    a, b = (torch.randn(side, side, dtype=torch.bfloat16, device=device) for _ in range(2))

    def product() -> None:
        torch.mm(a, b)
        if device != "cpu":
            torch.cuda.synchronize()

    product.flops = 2 * side**3
    return product
