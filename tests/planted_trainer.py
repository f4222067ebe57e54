"""Stands in for `learning.run` in a copy of the project (where that becomes `learning.real`): its
policies ignore the screen and have, on dev and test split, exactly the loss of a planted law.

A policy whose output is a bias alone plays action k with a fixed probability; the rarer k is in the
data, the worse it predicts, without bound. So any loss above ln(actions) can be had.
"""

import math

import torch
from scipy.optimize import brentq

from ilscaling import grid, policies
from ilscaling.learning import precision, record, snapshot
from ilscaling.learning.algorithm import Spent
from ilscaling.learning.curve import COLUMNS
from ilscaling.store import open_split

# ln L = ln L0 - G ln(C / C0) + CURVATURE (ln N / N0 - A ln C / C0)^2, with C the declared budget.
A, G, CURVATURE = 0.45, 0.12, 0.05
C0, N0, L0 = 1e10, 4000.0, 2.4


def loss(params: float, budget: float) -> float:
    away = math.log(params / N0) - A * math.log(budget / C0)
    return L0 * (budget / C0) ** -G * math.exp(CURVATURE * away**2)


def bias_for(wanted: float, dev, test) -> torch.Tensor:
    """Logits (actions,) of which the mean cross-entropy is `wanted` on the dev and on the test
    split; dev, test: how often they have each action."""
    dev, test = torch.from_numpy(dev / dev.sum()), torch.from_numpy(test / test.sum())
    # Both losses are log-sum-exp minus the shares' product with the logits: the same along every
    # direction that the difference of the shares does not see.
    rare, difference = torch.zeros_like(dev), dev - test
    rare[int(dev.argmin())] = 1
    if difference.any():
        rare -= difference * (rare @ difference) / (difference @ difference)

    def excess(t: float) -> float:
        return float(torch.logsumexp(t * rare, 0) - t * (rare @ dev)) - wanted

    return (brentq(excess, 0, 1000) * rare).float()


run_trunk = None  # at a constant rate there is none


def run(split, settings, cells, out, *, section=None, device="auto", **machine):
    of, convention = cells[0].run, cells[0].convention
    known = record.run_record(
        split, settings, of, convention=convention, device=precision.device(device)
    )
    counts = [open_split(split.path, name).action_counts() for name in ("dev", "test")]
    policy = policies.build(of.family, of.size, **known.shape)
    for weight in policy.parameters():
        torch.nn.init.zeros_(weight)
    records = []
    for cell, path in zip(cells, snapshot.paths(out, cells), strict=True):
        policy.linear.bias.data.copy_(bias_for(loss(cell.params, cell.budget), *counts))
        made = record.CellRecord(
            run=known,
            budget=cell.budget,
            flops=cell.samples * cell.per_sample,
            flops_learner=cell.samples * cell.per_sample,
            spent=Spent(),
            updates=cell.updates,
            samples=cell.samples,
            unique_samples=cell.samples,
            epochs=grid.epochs(cell.samples, split.steps),
            train_loss=loss(cell.params, cell.budget),
        )
        records.append(snapshot.write(path, policy.state_dict(), made))
    rows = [(r.updates, r.samples, r.flops, r.train_loss, known.rate) for r in records]
    lines = [",".join(COLUMNS), *(",".join(map(str, row)) for row in rows)]
    (out / "curve.csv").write_text("\n".join(lines) + "\n")
    return records
