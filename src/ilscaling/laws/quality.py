"""Quality control: what in the rows of a game makes its numbers worth less, by name."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from ilscaling.laws.draws import FEWEST, deviations
from ilscaling.laws.runs import Runs

# Neighbouring sizes closer than this factor are one size measured twice.
NEAR = 1.05
# A profile whose losses differ by less than so many standard deviations of a cell shows no optimum.
FLAT = 3.0
# An optimum this far from the middle of its parabola's sizes, as a share of their range in ln N (at
# an end: .5), rests on one side of it.
OFF = 0.3
# A run that deviates by more than so many robust standard deviations of runs, of at least so many.
OUTLYING, RUNS = 5.0, 6
# A run whose last loss is at least so much of the training actions' entropy learned nothing else.
UNLEARNED = 0.97
# An episode that holds so much of a split's loss, and has so many times the others' mean.
HEAVY, TIMES = 0.25, 2.0
# A normal distribution's standard deviation over its median absolute deviation.
NORMAL = 1.4826
# Names that a flag lists.
LISTED = 4


# Laws whose quoted records carry what is found: those of the loss. Test losses choose no size.
CHECKED, JUDGED = ("L_min", "N_opt", "D_opt"), ("L_min",)


class Check(NamedTuple):
    """Something to know of the rows.

    Attributes
    ----------
    text
        'code: sentence', which names the rows.
    laws
        Those that rest on these rows.
    """

    text: str
    laws: tuple[str, ...] = CHECKED


def checks(runs: Runs, optima: pd.DataFrame) -> list[Check]:
    """What to know of the rows that the laws of the loss rest on.

    Parameters
    ----------
    runs
        Rows of one game.
    optima
        The game's measured optima (optima.COLUMNS).

    Returns
    -------
    list of Check
        one_data: a single amount of samples; near_sizes:
        sizes that are as good as one; flat, off_centre: budgets whose profile shows no optimum, or
        has it beside the middle; outlying: runs that deviate as a whole; unlearned: runs that
        learned nothing; heavy_episode: a held-out episode that is much of the loss.
    """
    there = np.isfinite(runs.L)
    if not there.any():
        return []
    some = runs.where(there)
    of_rows = [
        *_one_data(some),
        *_near_sizes(some),
        *_profiles(some, optima),
        *_outlying(some),
        *_unlearned(some),
    ]
    return [*map(Check, of_rows), *_heavy_episodes(some)]


def _one_data(runs: Runs) -> list[str]:
    if len(runs.D) < 3 or np.ptp(np.log(runs.D)) > 0.01:
        return []
    return [
        f"one_data: every row saw {runs.D[0]:.4g} samples, which tells nothing of data: no law of"
        " D, and no optimum between size and data"
    ]


def _heavy_episodes(runs: Runs) -> list[Check]:
    """A flag a split in which one episode of several decides the loss."""
    flags = []
    for split, held_out, laws in (("dev", runs.dev, CHECKED), ("test", runs.test, JUDGED)):
        if held_out is None or len(held_out.steps) < 3:
            continue
        steps, losses = held_out.steps, np.nanmedian(held_out.losses, axis=0)
        total = steps @ losses
        worst = int(np.argmax(steps * losses))
        others = (total - steps[worst] * losses[worst]) / (steps.sum() - steps[worst])
        share = steps[worst] * losses[worst] / total
        if share > HEAVY and losses[worst] > TIMES * others:
            text = (
                f"heavy_episode: one of {len(steps)} {split} episodes, {steps[worst]:,.0f} of"
                f" {steps.sum():,.0f} steps, is {share:.0%} of the loss ({losses[worst]:.2g} nats"
                f" where the others have {others:.2g}): laws are much of this one; record more"
            )
            flags.append(Check(text, laws))
    return flags


def _near_sizes(runs: Runs) -> list[str]:
    N = np.unique(runs.N)
    close = np.flatnonzero(np.diff(np.log(N)) < np.log(NEAR))
    pairs = [f"{N[i]:,.0f} and {N[i + 1]:,.0f}" for i in close]
    if not pairs:
        return []
    return [
        f"near_sizes: {_listed(pairs)} parameters differ by under {100 * (NEAR - 1):.0f} %: one"
        " size to a profile, of which the luckier run is taken"
    ]


def _profiles(runs: Runs, optima: pd.DataFrame) -> list[str]:
    """Flags of flat profiles, and of those with the optimum off the middle."""
    flags = []
    own = of_a_cell(runs)
    flat = []
    for position in np.unique(runs.position) if runs.isoflop and own > 0 else ():
        here = runs.position == position
        cells = pd.Series(np.log(runs.L[here])).groupby(runs.N[here]).agg(["mean", "size"])
        noise = own / np.sqrt(cells["size"].mean())
        if len(cells) >= 3 and np.ptp(cells["mean"]) < FLAT * noise:
            flat.append(f"{runs.budgets[position]:.4g}")
    if flat:
        flags.append(
            f"flat: at {_listed(flat)} FLOPs losses differ by less than {FLAT:g} times a cell's own"
            " scatter: no optimum to see"
        )
    vertices = optima[(optima["method"] == "vertex") & optima["used"]]
    if len(vertices):
        low, high, at = (np.log(vertices[name]) for name in ("N_low", "N_high", "N_opt"))
        away = (at - (low + high) / 2).abs() / (high - low)
        names = [f"{budget:.4g}" for budget in vertices.loc[away > OFF, "budget"]]
        if names:
            flags.append(
                f"off_centre: at {_listed(names)} FLOPs the optimum has its cells on one side;"
                " sizes beyond it would say where it is"
            )
    return flags


def of_a_cell(runs: Runs) -> float:
    """How much the loss of a single row scatters.

    Parameters
    ----------
    runs
        Rows of one game, all with a loss.

    Returns
    -------
    float
        Robust standard deviation of ln L about the row's run, of what deviates from the smooth
        surface; 0 where nothing tells.
    """
    if len(np.unique(runs.run)) < FEWEST or len(runs.L) < 10:
        return 0.0
    away = pd.Series(deviations(runs.N, runs.C, np.log(runs.L), runs.run))
    return float(NORMAL * (away - away.groupby(runs.run).transform("mean")).abs().median())


def _outlying(runs: Runs) -> list[str]:
    """Flags of runs whose losses lie off the smooth surface as a whole."""
    if runs.count < RUNS or len(runs.L) < 10:
        return []
    away = pd.Series(deviations(runs.N, runs.C, np.log(runs.L), runs.run))
    mean = away.groupby(runs.run).mean()
    spread = NORMAL * (mean - mean.median()).abs().median()
    if not spread > 1e-6:
        return []
    score = (mean - mean.median()) / spread
    names = []
    for run in score.abs().sort_values(ascending=False).index:
        if abs(score[run]) <= OUTLYING:
            break
        first = np.flatnonzero(runs.run == run)[0]
        names.append(
            f"{runs.N[first]:,.0f} parameters (loss {runs.L[first]:.4g} at {runs.C[first]:.4g}"
            f" FLOPs) by {100 * np.expm1(mean[run]):+.1f} %, {abs(score[run]):.1f} times the runs'"
            " scatter"
        )
    return [f"outlying: the run of {_listed(names)}"] if names else []


def _unlearned(runs: Runs) -> list[str]:
    """A flag of the runs that know no more than the frequencies of the actions at their end."""
    last = pd.Series(runs.C).groupby(runs.run).idxmax().to_numpy()
    # Frequencies differ from split to split: the entropy is that of the training actions.
    share = np.fmax(runs.L, runs.L_test)[last] / runs.entropy[last]
    names = [
        f"{runs.N[row]:,.0f} parameters (loss {runs.L[row]:.4g} at {runs.C[row]:.4g} FLOPs)"
        for row in last[share > UNLEARNED]
    ]
    if not names:
        return []
    return [
        f"unlearned: {len(names)} of {len(last)} runs end where the actions' frequencies alone"
        f" are: {_listed(names)}; they count in the mean of their size"
    ]


def _listed(names: list[str]) -> str:
    more = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {more} more" if more > 0 else "")
