"""The measurement of one cell, as far as it has come, and its record on disk."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ilscaling.errors import DamagedFile, TrainingError
from ilscaling.files import digest, read_json, write_json
from ilscaling.games.play import Episodes
from ilscaling.games.score import summary
from ilscaling.learning.snapshot import remedy
from ilscaling.measuring import episode as episodes
from ilscaling.measuring import own_states
from ilscaling.measuring.loss import HeldOut
from ilscaling.store import Split
from ilscaling.store.ratio import Estimate

SPLITS = ("dev", "test")
# What a cell's record takes over from its snapshot's.
IDENTITY = (
    "game", "family", "size", "seed", "budget", "flops", "convention", "params",
    "updates", "samples", "batch", "rate", "ema", "epochs", "train_loss", "algorithm",
    "unique_samples", "env_steps", "expert_labels", "flops_learner", "flops_acting",
    "flops_discriminator",
)  # fmt: skip
# What else it takes over, where a policy has it: what the policy sees.
SHAPE = ("frames", "context", "depth", "inventory")


@dataclass
class CellMeasurement:
    """What is known of a cell between its snapshot and its record.

    The record is written whenever something new is known. One that is not yet complete (`status`
    'todo') holds every episode that was played, so that the next attempt goes on from there; what
    is written at the end does not depend on how many attempts there were.

    Attributes
    ----------
    path
        The record's file.
    weights
        The snapshot's file.
    identity
        What IDENTITY names.
    shape
        What SHAPE names.
    snapshot
        SHA-256 of the weights; None for a cell that failed in training.
    method
        Splits, settings and data of the measurement.
    status
        'todo', 'done' or 'failed'.
    reason
        Why it failed.
    held_out
        Split -> what was measured there.
    played
        Number of an episode -> that episode alone.
    replay
        The first episode's actions (see `replay`), for policies that keep one.
    scores
        The return of a cell that is done.
    """

    path: Path
    weights: Path
    identity: dict
    shape: dict
    snapshot: str | None
    method: dict
    status: str = "todo"
    reason: str = ""
    held_out: dict[str, HeldOut] = field(default_factory=dict)
    played: dict[int, Episodes] = field(default_factory=dict)
    replay: dict | None = None
    scores: dict = field(default_factory=dict)

    @classmethod
    def begin(cls, snapshot: Path, demos: Split, method: dict, out: Path) -> CellMeasurement:
        """The measurement of a snapshot, with what an earlier attempt has left.

        Parameters
        ----------
        snapshot
            Its record, or the weights beside it.
        demos
            A split of the demonstrations that it is measured on.
        method
            Splits, settings and data of the measurement, ready for JSON.
        out
            The record's file.

        Raises
        ------
        TrainingError
            For a snapshot's record that is missing or damaged, or that is of another game than
            `demos`.
        """
        made = _snapshot_record(snapshot.with_suffix(".json"), demos)
        cell = cls(
            path=out,
            weights=snapshot.with_suffix(".safetensors"),
            identity={name: made.get(name) for name in IDENTITY},
            shape={name: made[name] for name in SHAPE if name in made},
            snapshot=made.get("sha256"),
            method=method,
        )
        if made["status"] != "done":
            cell.status, cell.reason = "failed", made.get("reason") or ""
            return cell
        return cell.resumed()

    def resumed(self) -> CellMeasurement:
        """What `path` holds if it measures the same thing in the same way; else this, untouched."""
        fresh = self.record()
        try:
            earlier = read_json(self.path)
            digest(earlier)  # a ValueError for a number that is not finite, which we never write
            same = all(earlier[name] == fresh[name] for name in (*IDENTITY, "snapshot", "measured"))
            return self._read(earlier) if same else self
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return self

    def take_losses(self, earlier: dict) -> None:
        """Take over what another measurement of the same snapshot on the same data has read.

        Parameters
        ----------
        earlier
            Its record, done; one of another snapshot or other data gives nothing.
        """
        data = ("splits", "precision", "demonstrations")
        same = all(earlier["measured"].get(name) == self.method[name] for name in data)
        if self.status == "todo" and same and earlier["snapshot"] == self.snapshot:
            missing = self.unread_splits()
            self.held_out |= {split: _held_out(earlier, split) for split in missing}

    def _read(self, record: dict) -> CellMeasurement:
        """This cell with what its record says of the measurement."""
        cell = dataclasses.replace(
            self,
            status=record["status"],
            reason=record["reason"],
            held_out={s: _held_out(record, s) for s in SPLITS if f"{s}_steps" in record},
            played={int(n): episodes.from_json(e) for n, e in record.get("played", {}).items()},
            replay=record.get("replay"),
        )
        others = {*cell.record(), "played"}
        cell.scores = {name: value for name, value in record.items() if name not in others}
        measured = not cell.unread_splits() and "return_mean" in cell.scores
        if cell.status not in ("todo", "failed") and not (cell.status == "done" and measured):
            raise ValueError("no record of ours")
        return cell

    def record(self) -> dict:
        """What is written, ready for JSON."""
        record = {
            **self.identity,
            "status": self.status,
            "reason": self.reason,
            "snapshot": self.snapshot,
            "measured": self.method,
            **self.shape,
        }
        for split, measured in self.held_out.items():
            for name, estimate in measured.estimates.items():
                record |= {f"{split}_{name}": estimate.mean, f"{split}_{name}_se": estimate.se}
            record |= {f"{split}_steps": measured.steps, f"{split}_episodes": measured.episodes}
            record[f"{split}_losses"] = [list(part) for part in measured.losses]
        record |= self.scores
        if self.played and self.status == "todo":
            record["played"] = {str(n): episodes.to_json(e) for n, e in self.played.items()}
        if self.replay is not None:
            record["replay"] = self.replay
        return record

    def save(self) -> None:
        """Write the record, atomically."""
        write_json(self.path, self.record())

    def fail(self, reason: str) -> None:
        """Give the cell up, for a number that is not finite: nothing of it is a measurement."""
        self.status, self.reason = "failed", reason
        self.held_out, self.played, self.replay, self.scores = {}, {}, None, {}
        self.save()

    def unread_splits(self) -> list[str]:
        """Splits that are still to be measured."""
        return [split for split in SPLITS if split not in self.held_out]

    def unplayed(self, count: int) -> list[int]:
        """Numbers of the first `count` episodes that are still to be played."""
        return [number for number in range(count) if number not in self.played]

    def add_split(self, split: str, measured: HeldOut) -> None:
        """Add what was measured on a split; a loss that is not finite fails the cell."""
        if bad := measured.not_finite():
            self.fail(f"the {split} {bad[0]} is not finite")
            return
        self.held_out[split] = measured
        self.save()

    def add_episode(self, number: int, played: Episodes, count: int, replay: dict | None) -> None:
        """Add an episode; the last of all makes the return. One that is not finite fails the cell.

        Parameters
        ----------
        number
            Of the episode, from 0 on.
        played
            That episode alone.
        count
            How many are wanted.
        replay
            What is kept of it; None: nothing.
        """
        if self.status == "failed":
            return
        if not all(np.isfinite(v).all() for v in (played.returns, *played.extras.values())):
            self.fail(f"the return of episode {number} is not finite")
            return
        self.played[number] = played
        self.replay = replay or self.replay
        if not self.unplayed(count):
            together = Episodes.join([self.played[n] for n in range(count)])
            together, own = own_states.split(together)
            self.status, self.scores = "done", {**summary(together), **halves(together.returns)}
            if own is not None:
                self.scores |= {"own_loss": own.mean, "own_loss_se": own.se}
        self.save()


def halves(returns: np.ndarray) -> dict[str, float | None]:
    """Mean return over the first and over the second half of the episodes.

    What is selected by one half is judged by the other without the selection's bias.

    Parameters
    ----------
    returns
        (episodes,), in the order of their numbers; of an odd number the second half has one more.

    Returns
    -------
    dict
        `return_first` and `return_second`, None below two episodes.
    """
    middle = len(returns) // 2
    if middle == 0:
        return {"return_first": None, "return_second": None}
    return {
        "return_first": float(returns[:middle].mean()),
        "return_second": float(returns[middle:].mean()),
    }


def _held_out(record: dict, split: str) -> HeldOut:
    """What a cell's record says of a split."""
    names = [
        name.removeprefix(f"{split}_").removesuffix("_se")
        for name in record
        if name.startswith(f"{split}_") and name.endswith("_se")
    ]
    return HeldOut(
        record[f"{split}_steps"],
        record[f"{split}_episodes"],
        {n: Estimate(record[f"{split}_{n}"], record[f"{split}_{n}_se"]) for n in names},
        tuple((steps, loss) for steps, loss in record[f"{split}_losses"]),
    )


def _snapshot_record(path: Path, demos: Split) -> dict:
    """The record of a snapshot of the game of `demos`."""
    try:
        made = read_json(path)
    except DamagedFile as error:
        raise TrainingError(error.what, where=str(path), fix=remedy(path)) from None
    except OSError as error:
        raise TrainingError(
            f"cannot read the snapshot's record: {error.strerror}",
            where=str(path),
            fix=remedy(path),
        ) from None
    for name, here in (("game", demos.attrs["game"]), ("actions", list(demos.actions))):
        there = made.get(name)
        if there != here:
            raise TrainingError(
                f"the snapshot's {name} is {there!r}, the demonstrations' {here!r}",
                where=str(path),
                fix="give the demonstrations of the game that the policy was trained on",
            )
    for name in (*IDENTITY, "status"):
        value = made.get(name, math.nan)
        if isinstance(value, float) and not math.isfinite(value):
            raise TrainingError(
                f"the snapshot's record has no {name}", where=str(path), fix=remedy(path)
            )
    return made
