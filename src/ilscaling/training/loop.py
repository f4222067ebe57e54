"""One run of behaviour cloning: the loop, its snapshots, and how it stops and goes on."""

import time
from pathlib import Path

import torch

from ilscaling import __version__, cells, flops, models
from ilscaling.errors import TrainingError
from ilscaling.files import digest, write_json
from ilscaling.interrupts import interrupts
from ilscaling.params import Train, TrainSequences
from ilscaling.progress import tqdm
from ilscaling.store import Split
from ilscaling.store.prefetch import Prefetched
from ilscaling.training import feed, precision, ranks, snapshot
from ilscaling.training.state import State, saved

# Settings that do not change the result, or do so through facts recorded for the run's size.
APART = {"checkpoint_seconds", "batch", "rate", "precision"}
# Facts of the hour: a run may go on with others, and then differs by rounding.
PASSING = {"threads", "devices"}
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
    convention: str = "exact",
    device: str = "auto",
    threads: int | None = None,
    team: ranks.Ranks = ranks.ALONE,
) -> list[dict]:
    """Train one policy on `split` and write its snapshot at every budget to `out`.

    budgets: training FLOPs by `convention`, rising; each is spent in whole batches. Stacks train
    by Adam (betas 0.9, 0.999), sequences by AdamW, at a constant rate after the warm-up; batch and
    rate follow the rules in `settings`; seed sets weights and sample order. Complete cells of the
    same run in `out` are kept. Training goes on from the saved state if no missing cell lies
    before it. threads: CPU threads where `settings` say 'auto', None: all cores; those of a `team`
    together. Of a team (see `ranks`) each member calls this and computes on its part of every
    batch; the first writes.

    Returns the records of all cells, in the order of `budgets`. A loss that is not finite ends
    the run: cells not yet reached get status 'failed'. On SIGTERM or SIGINT the state is saved
    and SystemExit raised with 128 + the signal's number. Raises TrainingError, before any work,
    for budgets that do not rise or are below one batch, a split without what the family sees or a
    team that a batch cannot be shared by;
    ParamsError for an unknown family or convention; StoreError where the data cannot be read or
    are fewer than the family needs.
    """
    out, device = Path(out), precision.device(device)
    source = feed.make(split, settings, family, team)
    facts = _facts(split, settings, family, size, seed, convention, device)
    facts |= {"devices": team.count}
    facts |= {"threads": precision.threads(settings.threads, threads, team.count)}
    ledger = flops.ledger(family, size, **snapshot.shape(facts), convention=convention)
    batch = facts["batch"]
    team.refuse(*source.items(batch))
    due = flops.schedule(budgets, ledger.training, batch)
    paths = [out / f"{cells.budget_name(budget)}.safetensors" for budget in budgets]
    if len(set(paths)) < len(paths):
        raise TrainingError(f"budgets differ by less than six digits: {budgets}", where="budgets")
    records = [snapshot.kept(path, facts["run"]) for path in paths]
    if None not in records:
        return records

    torch.set_num_threads(facts["threads"])
    torch.backends.cudnn.deterministic = True
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        policy = models.build(family, size, **snapshot.shape(facts))
    state = State(
        policy,
        source,
        settings,
        rate=facts["rate"],
        device=device,
        type=facts["precision"],
        tables=_tables(family, size, facts),
        team=team,
    )
    at = saved(out / "state.safetensors", facts["run"])
    if at is not None and at <= due[records.index(None)]:
        state.restore(out / "state.safetensors")
    team.meet()
    loader = source.batches(split, batch=batch, seed=seed, start=state.update * batch)
    bar = tqdm(
        total=due[-1] * batch,
        initial=state.update * batch,
        desc=cells.Run(facts["game"], family, size, seed).name,
        unit="sample",
        unit_scale=True,
        disable=not team.first,
    )
    trainer = _Trainer(state, out, facts, ledger.training)
    with loader, bar, interrupts() as trainer.received:
        for position, end in enumerate(due):
            if not trainer.advance(loader, bar, end):
                # What can still be said of the run, for every cell that it does not reach.
                trainer.write_curve()
                reason = f"the loss or a weight is not finite after update {state.update}"
                for later in range(position, len(due)):
                    failed = trainer.record(budgets[later], split.steps, reason)
                    records[later] = trainer.write(paths[later], None, failed)
                break
            trainer.save()
            if records[position] is None:
                done = trainer.record(budgets[position], split.steps)
                records[position] = trainer.write(paths[position], state.snapshot(), done)
    return records


def _facts(
    split: Split,
    settings: Train | TrainSequences,
    family: str,
    size: int,
    seed: int,
    convention: str,
    device: str,
) -> dict:
    """What all cells of a run have in common. Two runs of one `run` digest are the same run,
    whatever their budgets."""
    shape = snapshot.facts(split, settings)
    facts = {
        "game": split.attrs["game"],
        "family": family,
        "size": size,
        "seed": seed,
        "params": flops.ledger(family, size, **snapshot.shape(shape)).params,
        "batch": settings.batch_of(size),
        "rate": settings.rate(size),
        "ema": settings.ema,
        "convention": convention,
        "precision": precision.resolve(settings.precision, device, family, size),
        "device": device,
        **shape,
        "versions": {"ilscaling": __version__, "torch": torch.__version__},
    }
    whole = {
        **{name: value for name, value in facts.items() if name not in PASSING},
        "settings": settings.model_dump(exclude=APART),
        "demonstrations": digest(split.attrs),
        "split": split.name,
    }
    return {**facts, "run": digest(whole)}


def _tables(family: str, size: int, facts: dict) -> frozenset[str]:
    """Names of the weights that are looked up row by row."""
    parts = models.architecture(family, size, **snapshot.shape(facts))
    return frozenset(part.name for part in parts if getattr(part, "tables", 0))


class _Trainer:
    """Moves a state forward and keeps it on disk."""

    def __init__(self, state: State, out: Path, facts: dict, per_sample: int):
        self.state, self.out, self.facts, self.per_sample = state, out, facts, per_sample
        self.batch, self.team = facts["batch"], state.team
        self.saved_at = time.monotonic()
        self.received: list[int] = []

    def advance(self, loader: Prefetched, bar: tqdm, end: int) -> bool:
        """Train up to update `end`; False as soon as losses or weights are seen not finite."""
        state = self.state
        while state.update < end:
            began = time.perf_counter()
            batch = next(loader)
            state.step({name: _onto(state.device, a) for name, a in batch.items()})
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

    def write(self, path: Path, weights: dict | None, record: dict) -> dict:
        """Write a cell, once; returns its record."""
        return snapshot.write(path, weights, record) if self.team.first else record

    def record(self, budget: float, steps: int, failure: str = "") -> dict:
        """The cell of a budget as the run stands now; `steps`: size of the training data."""
        samples = self.state.update * self.batch
        return {
            **self.facts,
            "budget": budget,
            "flops": samples * self.per_sample,
            "updates": self.state.update,
            "samples": samples,
            "epochs": samples / steps,
            "train_loss": None if failure else self.state.curve.recent(self.state.update),
            "status": "failed" if failure else "done",
            "reason": failure,
        }

    def save(self) -> None:
        """Write curve, times and state; one that is not finite is not worth resuming."""
        self.saved_at = time.monotonic()
        if not self.state.finite():
            return
        self.write_curve()
        self.write_times()
        self.state.save(self.out / "state.safetensors", self.facts["run"])

    def write_times(self) -> None:
        samples, seconds = self.state.update * self.batch, self.state.seconds
        times = {
            "seconds": round(seconds, 1),
            "samples": samples,
            "samples_per_second": round(samples / seconds, 1) if seconds else None,
            "processor": precision.processor(self.state.device),
            **{key: self.facts[key] for key in ("device", "devices", "threads", "precision")},
        }
        if self.team.first:
            write_json(self.out / "timing.json", times)

    def write_curve(self) -> None:
        if self.team.first:
            self.state.curve.write(
                self.out / "curve.csv",
                batch=self.batch,
                per_sample=self.per_sample,
                rate=self.state.rate,
            )


def _onto(device: str, array) -> torch.Tensor:
    tensor = torch.from_numpy(array)
    if device == "cpu":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)
