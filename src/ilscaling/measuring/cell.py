"""The cells of one run: every snapshot measured, one JSON record each."""

import math
from pathlib import Path

import torch
from torch import nn

from ilscaling import games
from ilscaling.domains.atari.section import Emulator
from ilscaling.domains.nethack.section import NetHackEmulator
from ilscaling.errors import TrainingError
from ilscaling.files import digest, read_json, write_json
from ilscaling.games.play import Episodes
from ilscaling.games.score import summary
from ilscaling.learning.snapshot import load_policy
from ilscaling.measuring import played
from ilscaling.measuring.loss import dev_loss
from ilscaling.measuring.replay import Replays
from ilscaling.measuring.returns import play
from ilscaling.params import Evaluation
from ilscaling.progress import tqdm
from ilscaling.store import Split, open_split

# What a cell's record takes over from its snapshot's.
IDENTITY = (
    "game", "family", "size", "seed", "budget", "flops", "convention", "params",
    "updates", "samples", "batch", "rate", "ema", "epochs", "train_loss", "algorithm",
    "unique_samples", "env_steps", "expert_labels", "flops_acting", "flops_discriminator",
)  # fmt: skip
# What else it takes over, where a policy has it.
SHAPE = ("frames", "context", "depth", "inventory")


def evaluate_run(
    snapshots: list[str | Path],
    demos: str | Path,
    settings: Evaluation,
    emulator: Emulator | NetHackEmulator,
    out: str | Path,
    *,
    split: str = "dev",
    precision: str = "float32",
    device: str = "cpu",
    threads: int = 1,
) -> list[dict]:
    """Measure every snapshot of a run and write `out/<budget>.json` for each, atomically.

    snapshots: the JSON records (or the safetensors beside them) of cells of one run. A record
    holds the snapshot's identity, the dev loss (see `dev_loss`) and the return (see `summary`); of
    sequence policies also the first episode as a `replay` (see there). A snapshot that failed, or
    whose loss is not finite, gets a record that says so instead. What was measured on the same
    snapshot, data and settings is not measured again: a record is written when its loss is known,
    with status 'todo', and again whenever an episode has ended. So the next attempt after a kill
    measures the losses and plays the episodes that are missing.

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
    cells = [_Cell(Path(snapshot), held_out, how, out) for snapshot in snapshots]
    for cell in cells:
        if cell.record["status"] == "failed":
            cell.add()
    todo = [cell for cell in cells if cell.record["status"] == "todo"]
    for cell in todo:
        cell.load(device)
    _losses(todo, held_out, precision, device)
    todo = [cell for cell in todo if cell.record["status"] == "todo"]
    if todo:
        _returns(todo, held_out, settings, emulator, threads)
    return [cell.record for cell in cells]


class _Cell:
    """A cell between its snapshot and its record in `out`."""

    def __init__(self, snapshot: Path, held_out: Split, how: dict, out: Path):
        self.weights = snapshot.with_suffix(".safetensors")
        record = _start(snapshot, held_out, how)
        self.target = out / f"{snapshot.stem}.json"
        self.record = _kept(self.target, record)
        self.policy: nn.Module | None = None
        entries = self.record.get("played", {})
        self.played = {int(number): played.episode(entry) for number, entry in entries.items()}

    def load(self, device: str) -> None:
        policy, made = load_policy(self.weights)
        self.policy = policy.to(device)
        shape = made.run.shape
        self.record |= {name: shape[name] for name in SHAPE if name in shape}

    def add(self, **found) -> None:
        """Add to the record and write it."""
        self.record.update(found)
        write_json(self.target, self.record)

    def add_episode(self, number: int, episode: Episodes, replay: dict | None, of: int) -> None:
        """Add an episode; the last `of` all makes the cell's return."""
        self.played[number] = episode
        shown = {} if replay is None else {"replay": replay}
        if len(self.played) < of:
            entries = {str(n): played.entry(e) for n, e in self.played.items()}
            self.add(played=entries, **shown)
            return
        # As if nothing had been kept on the way, to the order of the entries.
        self.record.pop("played", None)
        shown = {"replay": self.record.pop("replay")} if "replay" in self.record else shown
        found = summary(Episodes.join([self.played[n] for n in sorted(self.played)]))
        self.add(status="done", **found, **shown)


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
    }


def _kept(target: Path, record: dict) -> dict:
    """What the record at `target` holds if it measures the same thing in the same way."""
    try:
        old = read_json(target)
    except (OSError, ValueError):
        return record
    same = all(old.get(name) == record[name] for name in (*IDENTITY, "snapshot", "measured"))
    return old if same and record["status"] == "todo" else record


def _losses(todo: list[_Cell], held_out: Split, precision: str, device: str) -> None:
    """Add the dev loss to each record without one; one that is not finite fails its cell."""
    missing = [cell for cell in todo if "dev_loss" not in cell.record]
    total = len(missing) * held_out.steps
    with tqdm(total=total, unit="step", unit_scale=True, desc="dev loss") as bar:
        for cell in missing:
            found = dev_loss(
                cell.policy,
                held_out,
                frames=cell.record.get("frames"),
                inventory=cell.record.get("inventory", False),
                precision=precision,
                device=device,
                progress=bar.update,
            )
            if math.isfinite(found["dev_loss"]):
                cell.add(**found)
            else:
                cell.add(status="failed", reason="the dev loss is not finite")


def _returns(
    todo: list[_Cell],
    held_out: Split,
    settings: Evaluation,
    emulator: Emulator | NetHackEmulator,
    threads: int,
) -> None:
    """Add the return to each record."""
    # The policy with the lowest loss first: it plays the longest games, and whatever comes last
    # leaves lanes idle.
    todo = sorted(todo, key=lambda cell: cell.record["dev_loss"])
    attrs, first = held_out.attrs, todo[0].record
    each = settings.episodes
    wanted = [
        k * each + n for k, cell in enumerate(todo) for n in range(each) if n not in cell.played
    ]
    sequences = "frames" not in first
    shown = {place for place, number in enumerate(wanted) if sequences and number % each == 0}
    replays = Replays(list(shown))
    lanes = min(settings.lanes, len(wanted))
    game = games.make(attrs["domain"], attrs["game"], lanes, emulator, threads=threads)
    try:
        total = len(todo) * each
        name = f"playing {attrs['game']}"
        with tqdm(total=total, initial=total - len(wanted), unit="episode", desc=name) as bar:
            for place, episode in play(
                [cell.policy for cell in todo],
                game,
                frames=first.get("frames"),
                inventory=first.get("inventory", False),
                episodes=each,
                seed=settings.seed,
                temperature=settings.temperature,
                wanted=wanted,
                on_step=replays.on_step if sequences else None,
            ):
                policy, number = divmod(wanted[place], each)
                replay = replays.record(place, episode, 0) if place in shown else None
                todo[policy].add_episode(number, episode, replay, each)
                bar.update(1)
    finally:
        game.close()
