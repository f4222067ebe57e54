"""One run of behaviour cloning: the loop, its snapshots, and how it stops and goes on."""

import time
from collections.abc import Iterator
from pathlib import Path

import torch

from ilscaling import cells, flops, policies, registry, schedules
from ilscaling.files import write_json
from ilscaling.interrupts import interrupts
from ilscaling.learning import branches, feed, identity, precision, ranks, snapshot
from ilscaling.learning.state import State
from ilscaling.params import Train, TrainSequences
from ilscaling.progress import tqdm
from ilscaling.store import Split
from ilscaling.store.prefetch import Prefetched

CHECK = 50  # updates between two looks at the loss: a look waits for the device


def run(
    split: Split,
    settings: Train | TrainSequences,
    *,
    family: str,
    size: int,
    seed: int,
    budgets: list[float],
    out: str | Path,
    trunk: str | Path | None = None,
    convention: str = "exact",
    device: str = "auto",
    threads: int | None = None,
    team: ranks.Ranks = ranks.ALONE,
) -> list[dict]:
    """Train one policy on `split` and write its snapshot at every budget to `out`.

    budgets: training FLOPs by `convention`, rising; each is spent in whole batches. Stacks train
    by Adam (betas 0.9, 0.999), sequences by AdamW; batch and rate follow the rules in `settings`,
    the rate also its schedule; seed sets weights and sample order. Complete cells of the same run
    in `out` are kept. At a constant rate training goes on from the saved state if no missing cell
    lies before it; a falling one has a branch a budget (see `branches`), from the states in
    `trunk` (`out`/trunk by default), of which those that are missing are made. threads: CPU threads
    where `settings` say 'auto', None: all cores; those of a `team` together. Of a team (see
    `ranks`) each member calls this and computes on its part of every batch; the first writes.

    Returns the records of all cells, in the order of `budgets`. A loss that is not finite ends
    the run: cells not yet reached get status 'failed'. On SIGTERM or SIGINT the state is saved
    and SystemExit raised with 128 + the signal's number. Raises TrainingError, before any work,
    for budgets that do not rise or are below one batch, or a split without what the family sees;
    ParamsError for an unknown family or convention; StoreError where the data cannot be read or
    are fewer than the family needs.
    """
    out = Path(out)
    task = _Task(split, settings, family, size, seed, convention, device, threads, team)
    due = flops.schedule(budgets, task.per_sample, task.facts["batch"])
    if settings.schedule != "constant":
        return branches.cells(task, budgets, due, out, Path(trunk or out / "trunk"))
    paths = snapshot.paths(out, budgets)
    records = [snapshot.kept(path, task.run) for path in paths]
    if None not in records:
        return records
    course = branches.Course(out, task.run, due, before=due[records.index(None)])
    with task.bar(due[-1]) as bar:
        for position, (trainer, failure) in enumerate(task.follow(course, bar)):
            if failure:
                # What can still be said of the run, for every cell that it does not reach.
                for later in range(position, len(due)):
                    failed = trainer.record(budgets[later], failure)
                    records[later] = task.write(paths[later], None, failed)
            elif records[position] is None:
                done = trainer.record(budgets[position])
                records[position] = task.write(paths[position], trainer.state.snapshot(), done)
    return records


def run_trunk(
    split: Split,
    settings: Train | TrainSequences,
    *,
    family: str,
    size: int,
    seed: int,
    budgets: list[float],
    out: str | Path,
    convention: str = "exact",
    device: str = "auto",
    threads: int | None = None,
    team: ranks.Ranks = ranks.ALONE,
) -> dict[str, int]:
    """Train what the cells of a run share and leave its state in `out` wherever one branches off.

    Arguments, stopping and errors as of `run`. Returns the states that there are: file -> update;
    a loss that is not finite ends the trunk before the others.
    """
    task = _Task(split, settings, family, size, seed, convention, device, threads, team)
    due = flops.schedule(budgets, task.per_sample, task.facts["batch"])
    stops, out = schedules.trunk(settings, due), Path(out)
    branches.trunk(task, stops, out)
    team.meet()
    files = {branches.leave(out, stop): stop for stop in stops}
    return {file.name: stop for file, stop in files.items() if file.is_file()}


class _Task:
    """What all training of one run has in common; made before any work."""

    def __init__(self, split, settings, family, size, seed, convention, device, threads, team):
        self.split, self.settings, self.team = split, settings, team
        self.device = precision.device(device)
        self.source = feed.make(split, settings, family, team)
        self.facts = identity.facts(split, settings, family, size, seed, convention, self.device)
        self.run = self.facts["run"]
        self.facts |= {
            "devices": team.count,
            "threads": precision.threads(settings.threads, threads, team.count),
        }
        team.refuse(*self.source.items(self.facts["batch"]))
        self.trunk = identity.of(self.facts, split, settings, schedules.OF_BRANCHES)
        shape = snapshot.shape(self.facts)
        self.ledger = flops.ledger(family, size, **shape, convention=convention)
        self.per_sample = self.ledger.training

    def state(self, end: int | None) -> State:
        """The run before its first update."""
        facts = self.facts
        family, size, shape = facts["family"], facts["size"], snapshot.shape(facts)
        torch.set_num_threads(facts["threads"])
        torch.backends.cudnn.deterministic = True
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(facts["seed"])
            policy = policies.build(family, size, **shape)
        if not registry.is_built_in("FAMILY", family):
            flops.refuse_miscounted(self.ledger, policy, *self.source.example(self.split, policy))
        return State(
            policy,
            self.source,
            self.settings,
            rate=facts["rate"],
            device=self.device,
            type=facts["precision"],
            tables=identity.tables(family, size, facts),
            end=end,
            team=self.team,
        )

    def bar(self, end: int, begin: int = 0) -> tqdm:
        """A bar of the samples between two updates."""
        batch, names = self.facts["batch"], ("game", "family", "size", "seed")
        name = cells.Run(*(self.facts[name] for name in names)).name
        total = (end - begin) * batch
        quiet = not self.team.first
        return tqdm(total=total, desc=name, unit="sample", unit_scale=True, disable=quiet)

    def follow(self, course: branches.Course, bar: tqdm) -> Iterator[tuple["_Trainer", str]]:
        """Train along a course. Yields at each stop, where its state is saved, the trainer and an
        empty text; once losses or weights are not finite, why, and then no more."""
        self.source.carried = {}
        # All has been written that may be read, and all is read before more is written.
        self.team.meet()
        state, start = self.state(course.end), course.start()
        if start is not None:
            state.restore(start)
        self.team.meet()
        batch, seed = self.facts["batch"], self.facts["seed"]
        bar.n = bar.initial = max(bar.n, (state.update - course.begin) * batch)
        trainer = _Trainer(state, course, self)
        loader = self.source.batches(self.split, batch=batch, seed=seed, start=state.update * batch)
        with loader, interrupts() as trainer.received:
            for stop in course.stops:
                if not trainer.advance(loader, bar, stop):
                    trainer.write_curve()
                    yield trainer, f"the loss or a weight is not finite after update {state.update}"
                    return
                trainer.save()
                yield trainer, ""

    def write(self, path: Path, weights: dict | None, record: dict) -> dict:
        """Write a cell, once for all ranks; returns its record."""
        return snapshot.write(path, weights, record) if self.team.first else record

    def record(self, budget: float, update: int, loss: float | None, failure: str = "") -> dict:
        """The record of the cell of a budget, trained up to an update."""
        samples = update * self.facts["batch"]
        return {
            **self.facts,
            "budget": budget,
            "flops": samples * self.per_sample,
            "updates": update,
            "samples": samples,
            "epochs": samples / self.split.steps,
            "train_loss": loss,
            "status": "failed" if failure else "done",
            "reason": failure,
        }


class _Trainer:
    """Moves a state forward and keeps it on disk."""

    def __init__(self, state: State, course: branches.Course, task: _Task):
        self.state, self.course, self.task = state, course, task
        self.facts, self.batch, self.team = task.facts, task.facts["batch"], task.team
        self.saved_at = time.monotonic()
        self.received: list[int] = []

    def advance(self, loader: Prefetched, bar: tqdm, end: int) -> bool:
        """Train up to update `end`; False as soon as losses or weights are seen not finite."""
        state = self.state
        while state.update < end:
            began = time.perf_counter()
            batch = next(loader)
            state.step(feed.tensors(batch, state.device))
            bar.update(self.batch)
            if state.update % CHECK == 0 or state.update == end:
                # Where we look depends on the update alone, so that a failed run, too, ends
                # the same way each time.
                if not state.finite():
                    return False
                loss = f"{state.curve.recent(state.update):.3f}"
                bar.set_postfix(loss=loss, refresh=False)
            state.seconds += time.perf_counter() - began
            late = time.monotonic() - self.saved_at > state.settings.checkpoint_seconds
            late, signal = self.team.largest(late, *self.received[:1] or [0])
            if late or signal:
                self.save()
            if signal:
                raise SystemExit(128 + signal)
        return True

    def record(self, budget: float, failure: str = "") -> dict:
        """The cell of a budget as the run stands now."""
        update = self.state.update
        loss = None if failure else self.state.curve.recent(update)
        return self.task.record(budget, update, loss, failure)

    def save(self) -> None:
        """Write curve, times and state; one that is not finite is not worth resuming."""
        self.saved_at = time.monotonic()
        if not self.state.finite():
            return
        self.write_curve()
        samples, seconds = self.state.update * self.batch, self.state.seconds
        times = {
            "seconds": round(seconds, 1),
            "samples": samples,
            "samples_per_second": round(samples / seconds, 1) if seconds else None,
            "processor": precision.processor(self.state.device),
            **{key: self.facts[key] for key in ("device", "devices", "threads", "precision")},
        }
        if self.team.first:
            write_json(self.course.file("timing", ".json"), times)
        self.state.save(self.course.state, self.course.run)

    def write_curve(self) -> None:
        if self.team.first:
            self.state.curve.write(
                self.course.file("curve", ".csv"),
                batch=self.batch,
                per_sample=self.task.per_sample,
                rate=self.state.rate,
            )
