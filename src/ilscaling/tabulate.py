"""The results table: one row for every cell of the grid, done, failed or left out."""

import numpy as np

from ilscaling import registry
from ilscaling.errors import TrainingError
from ilscaling.games.play import AFTER
from ilscaling.grid import Cell, epochs
from ilscaling.store.ratio import Estimate

# The splits that policies are measured on.
HELD_OUT = ("dev", "test")
# Columns that a cell's evaluation fills, by the name in its record. Left-out cells carry what was
# planned; failed ones what was spent until they failed.
MEASURED = {
    **{name: name for name in (
        "flops", "samples", "updates", "epochs", "unique_samples",
        "env_steps", "expert_labels", "flops_learner", "flops_acting", "flops_discriminator",
        "dev_loss", "dev_loss_se", "test_loss", "test_loss_se",
        "return_mean", "return_se", "return_median", "return_first", "return_second",
        "dev_expected_loss", "dev_expected_loss_se", "dev_kl", "dev_kl_se",
        "test_expected_loss", "test_expected_loss_se", "test_kl", "test_kl_se",
        "own_loss", "own_loss_se", "depth_mean", "length_mean", "episodes", "status", "reason",
    )},
    "top1": "dev_top1",
}  # fmt: skip


def entropy(counts: np.ndarray) -> float:
    """Entropy of how often each action is played.

    It is the dev loss of a policy that knows these frequencies and does not look at the screen.

    Parameters
    ----------
    counts
        How often each action is played, (actions,).

    Returns
    -------
    float
        Nats.
    """
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def levels(
    splits: dict[str, dict],
    action_counts: np.ndarray,
    random: dict,
    *,
    domain: str = "",
    floors: dict[str, Estimate | None] | None = None,
    returns_after: dict[int, float] | None = None,
) -> dict:
    """What a game's rows are judged by: expert, random play, blind prediction of actions.

    Parameters
    ----------
    splits
        The store's summary of each split.
    action_counts
        How often each action was taken in the training split, int64 (actions,).
    random
        The measurement of uniformly random play, of which `return_mean` is taken.
    domain
        The game's, for its column.
    floors
        Dev and test split -> entropy of the expert in nats (`store.floor.expert_entropy`).
    returns_after
        Steps -> the expert's mean return up to there (`store.horizon.returns_after`).

    Returns
    -------
    dict
        Columns of the table; `expert_return` is the mean over the episodes of all splits.
    """
    episodes = sum(split["episodes"] for split in splits.values())
    return {
        "domain": domain,
        "train_steps": splits["train"]["steps"],
        "demonstrations": splits["train"]["episodes"],
        "expert_return": sum(s["return_mean"] * s["episodes"] for s in splits.values()) / episodes,
        "random_return": random["return_mean"],
        "action_entropy": entropy(action_counts),
        **_floors(floors or {}),
        "expert_returns_after": after(returns_after or {}),
    }


def after(returns: dict[int, float]) -> str:
    """Returns after so many steps as a table holds them: '250:1.5 500:3'.

    Parameters
    ----------
    returns
        Steps from an episode's start -> mean return up to there.
    """
    return " ".join(f"{steps}:{value:.10g}" for steps, value in sorted(returns.items()))


def _returns_after(record: dict) -> str:
    """Those of a cell's record (see `games.play.ended`)."""
    return after(
        {
            int(name.removeprefix(AFTER).removesuffix("_mean")): value
            for name, value in record.items()
            if name.startswith(AFTER) and name.endswith("_mean")
        }
    )


def _floors(floors: dict[str, Estimate | None]) -> dict:
    """The columns of the expert's entropy on dev and test split."""
    columns = {}
    for split, prefix in (("dev", ""), ("test", "test_")):
        floor = floors.get(split) or Estimate(None, None)
        columns[f"{prefix}expert_entropy"] = floor.mean
        columns[f"{prefix}expert_entropy_se"] = floor.se
    return columns


def row(cell: Cell, record: dict | None, key: str, judged_by: dict) -> dict:
    """A row of `tables.COLUMNS`.

    Parameters
    ----------
    cell
        The planned cell.
    record
        Its evaluation; None for a cell that is left out of the grid.
    key
        Of the evaluation.
    judged_by
        What `levels` gives.

    Raises
    ------
    TrainingError
        For a cell that should have been measured and was not.
    """
    if record is None and cell.declared:
        raise TrainingError(
            f"no measurement of {cell.run.game} {cell.run.name} at {cell.budget:g} FLOPs",
            fix="snakemake --cores all evaluations",
        )
    planned = {
        "game": cell.run.game,
        "algorithm": cell.algorithm,
        "family": cell.run.family,
        "size": cell.run.size,
        "seed": cell.run.seed,
        "budget": cell.budget,
        "params": cell.params,
        "batch": cell.batch,
        "rate": cell.rate,
        **judged_by,
    }
    if record is None:
        stored = judged_by["train_steps"]
        steps = registry.get("ALGORITHM", cell.algorithm).steps(stored, cell.spent)
        left_out = {
            "flops": cell.flops,
            "added": 0.0,
            "samples": cell.samples,
            "updates": cell.updates,
            # A budget below its first rollout buys no step to learn from.
            "epochs": epochs(cell.samples, steps) if steps else 0.0,
            "status": "left out",
            "reason": cell.reason,
        }
        return {**planned, **left_out, "key": ""}
    # A run that failed may have ended before it reached the cell.
    added = max(0.0, record["flops"] - (cell.flops - cell.added))
    measured = {column: record.get(name) for column, name in MEASURED.items()}
    measured["returns_after"] = _returns_after(record)
    for split in HELD_OUT:
        parts = record.get(f"{split}_losses") or ()
        measured[f"{split}_losses"] = " ".join(f"{steps}:{loss:.6g}" for steps, loss in parts)
    return {**planned, **measured, "added": added, "key": key}
