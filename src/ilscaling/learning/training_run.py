"""What all training of one run has in common: its cells, and the ways to them."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import torch

from ilscaling import flops, policies, registry, schedules
from ilscaling.errors import TrainingError
from ilscaling.files import read_json, write_json
from ilscaling.grid import Cell, Spend, epochs
from ilscaling.learning import feed, loop, precision, ranks, snapshot
from ilscaling.learning.algorithm import Given, Learner
from ilscaling.learning.checkpoint import Checkpoint
from ilscaling.learning.record import CellRecord, run_record
from ilscaling.learning.segments import Segment, leave, trunk_segments
from ilscaling.learning.state import State
from ilscaling.params import Section, Training
from ilscaling.progress import tqdm
from ilscaling.store import Split


class TrainingRun:
    """What all training of one run has in common; made before any work.

    Parameters
    ----------
    split, settings, cells, out, section, device, threads, team, expert
        As of `run.run`.

    Raises
    ------
    TrainingError
        For cells that are not those of one run, are below one batch, or were planned for another
        policy, for demonstrations without what the family sees, and for a batch that the team
        cannot share.
    """

    def __init__(
        self,
        split: Split,
        settings: Training,
        cells: Sequence[Cell],
        out: Path,
        section: Section | None = None,
        device: str = "auto",
        threads: int | None = None,
        team: ranks.Ranks = ranks.ALONE,
        expert: Path | None = None,
    ):
        _refuse(cells)
        self.split, self.settings, self.cells, self.out = split, settings, list(cells), out
        self.section, self.team, self.device = section, team, precision.device(device)
        self.expert = expert
        self.run, convention = cells[0].run, cells[0].convention
        record = run_record(
            split, settings, self.run, convention=convention, device=self.device, section=section
        )
        self.record = replace(
            record,
            devices=team.count,
            repeatable=record.repeatable and (team.count == 1 or self.device == "cpu"),
            threads=precision.threads(settings.threads, threads, team.count),
        )
        self.ledger = flops.ledger(
            self.run.family, self.run.size, convention=convention, **record.shape
        )
        if self.ledger.training != cells[0].per_sample:
            raise TrainingError(
                f"the cells were planned at {cells[0].per_sample:,} FLOPs a sample, the policy of "
                f"these demonstrations takes {self.ledger.training:,}",
                where="cells",
                fix="plan them for the game that was recorded: 'ilscaling plan --cells'",
            )
        self.spend = Spend(self.ledger, record.batch, section)
        self.algorithm = registry.get("ALGORITHM", record.algorithm)
        team.refuse(*self.learner(out).items(record.batch))

    def learner(self, folder: Path) -> Learner:
        """What the algorithm gives the run, before its first update."""
        given = Given(
            split=self.split,
            train=self.settings,
            run=self.run,
            ledger=self.ledger,
            device=self.device,
            precision=self.record.precision,
            folder=folder,
            team=self.team,
            section=self.section,
            expert=self.expert,
        )
        return self.algorithm.make(given)

    def state(self, end: int | None) -> State:
        """The run before its first update."""
        family, size = self.run.family, self.run.size
        torch.set_num_threads(self.record.threads)
        precision.prepare(self.device, self.record.precision, self.record.repeatable)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.run.seed)
            policy = policies.build(family, size, **self.record.shape)
        if not registry.is_built_in("FAMILY", family):
            source = feed.make(self.split, self.settings, family, self.team)
            example = source.example(self.split, policy)
            flops.refuse_miscounted(self.ledger, policy, *example, shared=self.team.count > 1)
        layers = policies.architecture(family, size, **self.record.shape)
        return State(
            policy,
            self.settings,
            rate=self.record.rate,
            device=self.device,
            type=self.record.precision,
            tables=frozenset(part.name for part in layers if getattr(part, "tables", 0)),
            end=end,
            team=self.team,
        )

    def bar(self, end: int, begin: int = 0) -> tqdm:
        """A bar of the samples between two updates."""
        total = (end - begin) * self.record.batch
        quiet = not self.team.first
        return tqdm(total=total, desc=self.run.name, unit="sample", unit_scale=True, disable=quiet)

    def follow(self, segment: Segment, bar: tqdm) -> Iterator[tuple[State, Learner, str]]:
        """Train along a segment; yields as `loop.train` does, with state and learner."""
        # All has been written that may be read, and all is read before more is written.
        self.team.meet()
        state, learner = self.state(segment.end), self.learner(segment.files)
        start = segment.start()
        if start is not None:
            state.restore(start, learner, segment.files_of(start))
        checkpoint = Checkpoint(state, learner, segment, self.record, self.spend)
        self.team.meet()
        batch = self.record.batch
        bar.n = bar.initial = max(bar.n, (state.update - segment.begin) * batch)
        batches = learner.batches(
            self.split, batch=batch, seed=self.run.seed, start=state.update * batch
        )
        with closing(loop.train(state, learner, segment, checkpoint, batches, bar)) as stops:
            for failure in stops:
                yield state, learner, failure

    def way(self) -> list[CellRecord]:
        """Train every cell on one way, at a constant rate."""
        paths = snapshot.paths(self.out, self.cells)
        records = [snapshot.kept(path, self.record.digest) for path in paths]
        missing = [position for position, record in enumerate(records) if record is None]
        if not missing:
            return records
        due = [cell.updates for cell in self.cells]
        stops = due[: missing[-1] + 1]
        segment = Segment(self.out, self.record.digest, stops, before=due[missing[0]])
        with self.bar(stops[-1]) as bar:
            for position, (state, learner, failure) in enumerate(self.follow(segment, bar)):
                # A failure ends every cell that is not reached; what is complete stays.
                due_now = range(position, len(due)) if failure else [position]
                for later in (p for p in due_now if records[p] is None):
                    record = self.cell(self.cells[later], state, learner, failure)
                    weights = None if failure else state.snapshot()
                    records[later] = self.write(paths[later], weights, record)
        self._tidy(segment)
        return records

    def _tidy(self, segment: Segment) -> None:
        """Whatever was made behind the furthest state is where it belongs now."""
        if self.team.first:
            segment.behind.unlink(missing_ok=True)

    def branches(self, folder: Path) -> list[CellRecord]:
        """Train every cell's own part, and first what is missing of the trunk in `folder`."""
        paths = snapshot.paths(self.out, self.cells)
        records = [snapshot.kept(path, self.record.digest) for path in paths]
        wanted = [c.updates for c, r in zip(self.cells, records, strict=True) if r is None]
        failed = self.trunk(schedules.trunk(self.settings, wanted), folder)
        for position, cell in enumerate(self.cells):
            begin = schedules.shared(self.settings, cell.updates)
            segment = Segment(
                self.out,
                self.record.digest,
                [cell.updates],
                mark=f"-{cell.name}",
                begin=begin,
                end=cell.updates,
                origins=(leave(folder, begin),),
                origin_digest=self.record.trunk_digest,
            )
            if records[position] is None:
                weights, record = self._branch(segment, cell, failed)
                records[position] = self.write(paths[position], weights, record)
            # The rate has fallen: nothing goes on from here.
            segment.state.unlink(missing_ok=True)
            shutil.rmtree(segment.files, ignore_errors=True)
        return records

    def _branch(self, segment: Segment, cell: Cell, failed: dict | None) -> tuple:
        """Weights (None if it failed) and record of a cell."""
        if failed is not None and segment.begin >= failed["update"]:
            return None, self.failed(cell, failed)
        with self.bar(cell.updates, segment.begin) as bar:
            ((state, learner, failure),) = self.follow(segment, bar)
        return (None if failure else state.snapshot()), self.cell(cell, state, learner, failure)

    def trunk(self, stops: list[int], folder: Path) -> dict | None:
        """Train the trunk and leave its state at every stop.

        Parameters
        ----------
        stops
            Updates, rising.
        folder
            Of the trunk.

        Returns
        -------
        dict or None
            What is known of its failure; None: it has reached them all.
        """
        segments = trunk_segments(folder, self.record.trunk_digest, stops)
        if not segments:
            return None
        failed = self._failure(folder)
        if failed is not None:
            return failed
        with self.bar(segments[-1].stops[-1]) as bar:
            for segment in segments:
                followed = zip(self.follow(segment, bar), segment.stops, strict=False)
                for (state, learner, reason), stop in followed:
                    if reason:
                        failed = self._failed(state, learner, reason)
                        if self.team.first:
                            write_json(folder / "failed.json", failed)
                        return failed
                    state.save(leave(folder, stop), self.record.trunk_digest, learner)
                self._tidy(segment)
        return None

    def _failed(self, state: State, learner: Learner, reason: str) -> dict:
        return {"run": self.record.trunk_digest, "update": state.update, "reason": reason}

    def _failure(self, folder: Path) -> dict | None:
        try:
            failed = read_json(folder / "failed.json")
            return failed if failed["run"] == self.record.trunk_digest else None
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def write(self, path: Path, weights: dict | None, record: CellRecord) -> CellRecord:
        """Write a cell, once for all ranks.

        Parameters
        ----------
        path
            File of the weights.
        weights
            By name; None of a failed cell.
        record
            What the cell came to.

        Returns
        -------
        CellRecord
            As it is written.
        """
        return snapshot.write(path, weights, record) if self.team.first else record

    def cell(self, cell: Cell, state: State, learner: Learner, failure: str) -> CellRecord:
        """The record of a cell as the run stands now.

        Parameters
        ----------
        cell
            As it was planned.
        state, learner
            Of the run.
        failure
            Why training has ended; empty: the cell is done.

        Raises
        ------
        TrainingError
            If the algorithm has not spent the FLOPs that the plan counts.
        """
        promised = self.spend.beside(state.update)
        if promised.flops != learner.spent.flops:
            raise TrainingError(
                f"`spends` promises {promised.flops:,} FLOPs beside the policy's updates by update "
                f"{state.update}; the algorithm {self.record.algorithm} counts "
                f"{learner.spent.flops:,}",
                where="the entry ALGORITHM",
                fix="correct `spends`, or what `interact` adds to `spent`",
            )
        loss = None if failure else state.curve.recent(state.update)
        unique = learner.unique_samples(state.update * self.record.batch)
        return self._record(cell, state.update, learner.spent, unique, loss, failure)

    def failed(self, cell: Cell, failed: dict) -> CellRecord:
        """The record of a cell whose trunk has failed."""
        update = failed["update"]
        unique = self.learner(self.out).unique_samples(update * self.record.batch)
        return self._record(cell, update, self.spend.beside(update), unique, None, failed["reason"])

    def _record(self, cell, update, spent, unique, loss, failure) -> CellRecord:
        samples, entry = update * self.record.batch, self.spend.entry
        return CellRecord(
            run=self.record,
            budget=cell.budget,
            flops=self.spend.counted(update, spent),
            flops_learner=self.spend.learner(update),
            spent=spent,
            updates=update,
            samples=samples,
            unique_samples=unique,
            epochs=epochs(samples, max(1, entry.steps(self.split.steps, spent))),
            train_loss=loss,
            status="failed" if failure else "done",
            reason=failure,
        )


def _refuse(cells: Sequence[Cell]) -> None:
    """Raise TrainingError for cells that are not those of one run, or cannot be trained."""
    if not cells or len({cell.run for cell in cells}) > 1:
        raise TrainingError("the cells are not those of one run", where="cells")
    for cell in cells:
        if cell.updates < 1:
            raise TrainingError(
                f"a budget of {cell.budget:g} FLOPs is below one batch of {cell.batch} samples "
                f"({cell.per_sample * cell.batch:.3g} FLOPs)",
                where="budgets",
                fix="raise the budget, or lower train.batch; 'ilscaling plan --cells' shows "
                "every cell",
            )
