"""The cells of one run: every snapshot measured, one JSON record each."""

import math
from pathlib import Path

import torch
from torch import nn

from ilscaling import games
from ilscaling.cells import budget_name
from ilscaling.errors import TrainingError
from ilscaling.evaluation.loss import dev_loss
from ilscaling.evaluation.returns import play
from ilscaling.files import digest, read_json, write_json
from ilscaling.games.score import summary
from ilscaling.params import Emulator, Evaluation
from ilscaling.progress import tqdm
from ilscaling.store import Split, open_split
from ilscaling.training import load_policy

# What a cell's record takes over from its snapshot's.
IDENTITY = (
    "game", "family", "size", "seed", "budget", "flops", "convention", "params",
    "updates", "samples", "batch", "rate", "ema", "epochs", "train_loss",
)  # fmt: skip


def evaluate_run(
    snapshots: list[str | Path],
    demos: str | Path,
    settings: Evaluation,
    emulator: Emulator,
    out: str | Path,
    *,
    split: str = "dev",
    precision: str = "float32",
    device: str = "cpu",
    threads: int = 1,
) -> list[dict]:
    """Measure every snapshot of a run and write `out/<budget>.json` for each, atomically.

    snapshots: the JSON records (or the safetensors beside them) of cells of one game. A record
    holds the snapshot's identity, the dev loss (see `dev_loss`) and the return (see `summary`).
    A snapshot that failed, or whose loss is not finite, gets a record that says so instead. A
    cell that was measured on the same snapshot, data and settings is not measured again.

    Returns the records in the order of `snapshots`. Raises TrainingError for snapshots that
    cannot be read or belong to another game than `demos`, StoreError for bad data.
    """
    torch.set_num_threads(threads)
    held_out = open_split(demos, split)
    out = Path(out)
    how = {
        "split": split,
        "precision": precision,
        "settings": settings.model_dump(exclude={"random_episodes", "lanes"}),
        "emulator": emulator.model_dump(),
        "demonstrations": digest(held_out.attrs),
    }
    records = [_start(Path(snapshot), held_out, how) for snapshot in snapshots]
    targets = [out / f"{budget_name(record['budget'])}.json" for record in records]
    records = [_kept(target, record) for target, record in zip(targets, records, strict=True)]
    todo = [index for index, record in enumerate(records) if record["status"] == "todo"]
    policies = {}
    for index in todo:
        policies[index], made = load_policy(Path(snapshots[index]).with_suffix(".safetensors"))
        policies[index].to(device)
        records[index]["frames"] = made["frames"]
    _losses(policies, records, held_out, precision, device)
    _returns(policies, records, held_out, settings, emulator, threads)
    for target, record in zip(targets, records, strict=True):
        if record.pop("fresh", False):
            write_json(target, record)
    return records


def _start(snapshot: Path, held_out: Split, how: dict) -> dict:
    """The record of a cell before it is measured: status 'todo', or 'failed' as trained."""
    path = snapshot.with_suffix(".json")
    try:
        made = read_json(path)
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"cannot read the snapshot's record: {error}",
            where=str(path),
            fix="train the run again: finished budgets are kept",
        ) from None
    for name, here in (("game", held_out.attrs["game"]), ("actions", list(held_out.actions))):
        there = made.get(name)
        if there != here:
            raise TrainingError(
                f"the snapshot's {name} is {there!r}, the demonstrations' {here!r}",
                where=str(path),
                fix="give the demonstrations of the game that the policy was trained on",
            )
    failed = made["status"] != "done"
    return {
        **{name: made.get(name) for name in IDENTITY},
        "status": "failed" if failed else "todo",
        "reason": made.get("reason") or "" if failed else "",
        "snapshot": made.get("sha256"),
        "measured": how,
        "fresh": True,
    }


def _kept(target: Path, record: dict) -> dict:
    """The finished record at `target` if it measures the same thing in the same way."""
    try:
        old = read_json(target)
    except (OSError, ValueError):
        return record
    same = all(old.get(name) == record[name] for name in (*IDENTITY, "snapshot", "measured"))
    return old if same and record["status"] == "todo" else record


def _losses(
    policies: dict[int, nn.Module],
    records: list[dict],
    held_out: Split,
    precision: str,
    device: str,
) -> None:
    """Add the dev loss to each record; one that is not finite fails its cell."""
    total = len(policies) * held_out.steps
    with tqdm(total=total, unit="step", unit_scale=True, desc="dev loss") as bar:
        for index, policy in policies.items():
            record = records[index]
            found = dev_loss(
                policy,
                held_out,
                frames=record["frames"],
                precision=precision,
                device=device,
                progress=bar.update,
            )
            if math.isfinite(found["dev_loss"]):
                record.update(found)
            else:
                record.update(status="failed", reason="the dev loss is not finite")


def _returns(
    policies: dict[int, nn.Module],
    records: list[dict],
    held_out: Split,
    settings: Evaluation,
    emulator: Emulator,
    threads: int,
) -> None:
    """Add the return to each record that has a loss."""
    # The policy with the lowest loss first: it plays the longest games, and whatever comes last
    # leaves lanes idle.
    order = sorted(
        (index for index in policies if records[index]["status"] == "todo"),
        key=lambda index: records[index]["dev_loss"],
    )
    if not order:
        return
    attrs = held_out.attrs
    total = len(order) * settings.episodes
    lanes = min(settings.lanes, total)
    game = games.make(attrs["domain"], attrs["game"], lanes, emulator, threads=threads)
    try:
        with tqdm(total=total, unit="episode", desc=f"playing {attrs['game']}") as bar:
            played = play(
                [policies[index] for index in order],
                game,
                frames=records[order[0]]["frames"],
                episodes=settings.episodes,
                seed=settings.seed,
                temperature=settings.temperature,
                progress=bar.update,
            )
    finally:
        game.close()
    for index, episodes in zip(order, played, strict=True):
        records[index].update(status="done", **summary(episodes))
