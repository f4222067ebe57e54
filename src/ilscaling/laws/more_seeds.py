"""What more seeds would buy: the interval of the quoted exponent by seeds of every size.

A finished table tells how its runs deviate from a smooth surface of the loss over size and compute.
A study of the same sizes and budgets with another number of seeds is drawn so: each of its runs
deviates as one of the table's runs of its size does, times a random weight of its own (as resamples
do, see `draws`). The spread of the exponent over such studies says how wide its interval would be.
An interval's own residuals are those of a jackknife, which few runs make wider than the deviations;
by how much the simulated studies say.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from ilscaling.laws.draws import FEWEST, WEIGHTS, Draws, deviations, generator, surface
from ilscaling.laws.forms import POWER
from ilscaling.laws.frontier import points
from ilscaling.laws.game import Admitted, admit, middle
from ilscaling.laws.runs import MEASURED, Runs
from ilscaling.params import Laws

LAW = "N_opt"
SEEDS = (1, 2, 3, 5, 8)
STUDIES = 300
# Of which so many say how much wider than its runs' deviations an interval is.
FEW = 50
OTHERS = tuple(name for name in MEASURED if name != "L")
COLUMNS = {
    "game": "str",
    "seeds": "int64",
    "runs": "int64",
    "half": "float64",
    "level": "float64",
    "reason": "str",
}


def precision(
    table: pd.DataFrame, settings: Laws, *, seeds: tuple[int, ...] = SEEDS, studies: int = STUDIES
) -> pd.DataFrame:
    """Half-widths to expect of the interval of N_opt's exponent, by seeds.

    Parameters
    ----------
    table
        A results table of a finished study, ours or anyone's.
    settings
        How laws are fitted.
    seeds
        Seeds of every size.
    studies
        Simulated for each.

    Returns
    -------
    DataFrame
        Of COLUMNS, a row a game and number of seeds; `half` is NaN where nothing can be said, and
        `reason` says why.
    """
    rows = []
    for game in sorted(table["game"].unique()):
        admitted = admit(table[table["game"] == game], game, settings)
        runs = admitted.runs.where(np.isfinite(admitted.runs.L))
        reason = _cannot(runs)
        for count in seeds:
            row = {"game": game, "seeds": count, "level": settings.level, "reason": reason}
            row |= {"runs": count * len(np.unique(runs.N)), "half": np.nan}
            if not reason:
                design, losses = simulated(runs, count, studies, settings.seed)
                row |= _half(replace(admitted, runs=design), losses, settings)
            rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _cannot(runs: Runs) -> str:
    if not len(runs.L):
        return "no row enters the fit"
    if not runs.isoflop:
        return "sizes are not compared at equal budgets"
    several = len(np.unique(runs.run))
    return "" if several >= FEWEST else f"{several} runs do not tell how much runs deviate"


def simulated(runs: Runs, seeds: int, studies: int, seed: int) -> tuple[Runs, np.ndarray]:
    """Studies of the sizes and budgets of a table.

    Parameters
    ----------
    runs
        Rows of one game, all with a loss.
    seeds
        Runs of every size.
    studies
        How many.
    seed
        Of the random weights.

    Returns
    -------
    design : Runs
        With the losses of the smooth surface.
    losses : array (1 + studies, rows)
        The first are the surface's.
    """
    of = runs.N, runs.C, np.log(runs.L), runs.run
    fitted, away = surface(*of)[0], deviations(*of)
    size = np.unique(runs.N, return_inverse=True)[1]
    budgets = runs.position.max() + 1
    # Rows of each cell, in the order of their runs.
    cells, cell = np.unique(size * budgets + runs.position, return_inverse=True)
    rows = np.argsort(cell, kind="stable")
    first = np.searchsorted(cell[rows], np.arange(len(cells)))
    several = np.diff(first, append=len(rows))
    which, copy = (v.ravel() for v in np.indices((len(cells), seeds)))
    run = (cells[which] // budgets) * seeds + copy
    chance = generator(runs.game, "precision", seeds, seed)
    count = int(run.max()) + 1
    weight = chance.choice(WEIGHTS, size=(studies, count))[:, run]
    # The same run of the table at every budget that it has.
    source = chance.integers(2**31, size=(studies, count))[:, run] % several[which]
    deviating = weight * away[rows[first[which] + source]]
    order = rows[first[which]]
    columns = {name: v[order] for name, v in vars(runs).items() if _of_rows(v, name, runs)}
    # Only the dev loss is simulated: it chooses sizes and judges them.
    columns |= dict.fromkeys(OTHERS, np.full(len(order), np.nan))
    columns["dev"] = None if runs.dev is None else runs.dev.where(order)
    columns["test"] = None
    design = replace(runs, **columns | {"run": run, "L": np.exp(fitted[order])})
    return design, np.exp(np.vstack([fitted[order], fitted[order] + deviating]))


def _of_rows(values: object, name: str, runs: Runs) -> bool:
    return isinstance(values, np.ndarray) and name != "budgets" and len(values) == len(runs.L)


def _half(admitted: Admitted, losses: np.ndarray, settings: Laws) -> dict:
    design, left_out = admitted.runs, admitted.left_out
    dof = len(np.unique(design.run)) - 1
    nothing = np.full((1, len(design.L)), np.nan)
    measured = losses
    if design.dev is not None:  # what held-out episodes add does not shrink with seeds
        chance = generator(design.game, "precision episodes", settings.seed)
        measured = design.dev.anew(losses, chance)
        dof = min(dof, len(design.dev.steps) - 1)
    values = {**dict.fromkeys(OTHERS, nothing), "L": measured}
    drawn = Draws(values, np.ones((1, len(design.L))), dof, "")
    inside = ~np.isin(design.position, sorted(left_out.loss))
    part = design.where(inside), drawn.where(inside)
    lines = points(*part, settings, left_out, only=(POWER,))
    known = middle(admitted, drawn, lines, settings).exponents[LAW][1:]
    there = np.isfinite(known)
    if 2 * there.sum() < len(known) or there.sum() < 2:
        return {"reason": f"{len(known) - there.sum()} of {len(known)} studies have no exponent"}
    quantile = stdtrit(dof, 0.5 + settings.level / 2)
    return {"half": float(quantile * known[there].std(ddof=1) * _wider(design, losses))}


def _wider(design: Runs, losses: np.ndarray) -> float:
    """How many times the runs' deviations the residuals behind an interval are."""
    logs = np.log(losses[: 1 + FEW])
    away = [surface(design.N, design.C, y, design.run)[1] for y in logs[1:]]
    return float(np.sqrt(np.mean(np.square(away)) / np.mean(np.square(logs[1:] - logs[0]))))
