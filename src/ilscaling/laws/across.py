"""All games together: interquartile mean of expert-normalised return, by budget.

The statistics of Agarwal et al. (NeurIPS 2021, 'rliable'): scores of games x runs are pooled, the
lowest and the highest quarter trimmed; intervals by a bootstrap that resamples the runs within each
game. Rliable itself does not load beside pandas 3.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ilscaling.laws.draws import generator
from ilscaling.params import Laws
from ilscaling.tables import halves, positions

COLUMNS = {
    "budget": "float64",
    "games": "int64",
    "runs": "int64",
    "iqm": "float64",
    "low": "float64",
    "high": "float64",
    "level": "float64",
    "interval": "str",
    "scale": "str",
    "reason": "str",
}
STRATIFIED = "stratified bootstrap"


def across(table: pd.DataFrame, settings: Laws, *, games: Sequence[str]) -> pd.DataFrame:
    """All games together: the interquartile mean of their scores at each budget.

    A game's scores at a budget are the returns of the runs of its best size there, (R - random) /
    (expert - random), or R / expert where random play was not measured in every game (`scale`). The
    size is chosen on the first half of the episodes and judged on the second, where both are known.

    Parameters
    ----------
    table
        A results table.
    settings
        Of which `bootstrap`, `level` and `seed` count here.
    games
        Which games are meant. Those that have no expert's return are left out, as `reason` says.

    Returns
    -------
    DataFrame
        A row of COLUMNS for every budget that all games with an expert's return share, or one for
        each game's largest budget (empty `budget`) where they share none. There is no interval
        where a game has one run.
    """
    done = table[table["status"] == "done"] if "status" in table else table
    done = done[done["budget"].notna()]  # without budgets there is no best size of one
    levels = {game: _levels(done[done["game"] == game]) for game in games}
    known = [game for game in games if levels[game] is not None]
    without = [game for game in games if levels[game] is None]
    reason = f"no returns or no expert_return of {', '.join(without)}" if without else ""
    if not known:
        return _typed([{"games": 0, "runs": 0, "level": settings.level, "reason": reason}])
    # Positions among the budgets of all games together.
    done = done[done["game"].isin(known)]
    done = done.assign(position=positions(done["budget"]))
    budgets = done.groupby("position")["budget"].min()
    zero = all(np.isfinite(levels[game][1]) for game in known)
    scores: dict[str, dict[int, np.ndarray]] = {}
    for game in known:
        expert, random = levels[game]
        low = random if zero else 0.0
        best = _best(done[done["game"] == game])
        scores[game] = {at: (values - low) / (expert - low) for at, values in best.items()}
    shared = sorted(set.intersection(*(set(of) for of in scores.values())))
    pools = [(budgets[at], {game: of[at] for game, of in scores.items()}) for at in shared]
    if not pools:
        pools = [(np.nan, {game: of[max(of)] for game, of in scores.items()})]
        reason = "; ".join(filter(None, ["each game at its largest budget", reason]))
    scale = "(R - random) / (expert - random)" if zero else "R / expert"
    rows = []
    for budget, pool in pools:
        runs = list(pool.values())
        row = {"budget": budget, "games": len(runs), "runs": sum(map(len, runs)), "scale": scale}
        row |= {"level": settings.level, "reason": reason, "iqm": float(iqm(np.concatenate(runs)))}
        # A bootstrap within games would take the score of a game's only run as exact.
        single = [game for game, values in pool.items() if len(values) == 1]
        if single:
            whose = "a game" if len(single) == len(pool) else f"of {', '.join(single)}"
            why = f"one run {whose}: no interval"
            row["reason"] = "; ".join(filter(None, [reason, why]))
        elif settings.bootstrap:
            low, high = bootstrap(runs, settings, f"{budget:.6g}")
            row |= {"low": low, "high": high, "interval": STRATIFIED}
        rows.append(row)
    return _typed(rows)


def iqm(scores: np.ndarray) -> np.ndarray:
    """Interquartile mean: without the lowest and the highest quarter.

    Parameters
    ----------
    scores : array (..., n)

    Returns
    -------
    array (...)
    """
    from scipy.stats import trim_mean  # takes a second to import

    return trim_mean(scores, 0.25, axis=-1)


def bootstrap(pool: list[np.ndarray], settings: Laws, label: str) -> tuple[float, float]:
    """Interval of the interquartile mean; the runs of each game are resampled alone.

    Parameters
    ----------
    pool : list of array (runs,)
        Scores, an array a game.
    settings
        Of which `bootstrap`, the number of resamples, `level` and `seed` count here.
    label
        What the random numbers are for, such as the budget.

    Returns
    -------
    low, high : float
    """
    drawing = generator("across", label, settings.seed)
    drawn = np.concatenate(
        [drawing.choice(runs, size=(settings.bootstrap, len(runs))) for runs in pool], axis=1
    )
    low, high = np.quantile(iqm(drawn), [0.5 - settings.level / 2, 0.5 + settings.level / 2])
    return float(low), float(high)


def _levels(rows: pd.DataFrame) -> tuple[float, float] | None:
    """Return of the expert and of random play (NaN if unknown); None without an expert's."""
    expert, random = (
        pd.to_numeric(rows[name], errors="coerce").mean() if name in rows else np.nan
        for name in ("expert_return", "random_return")
    )
    some = "return_mean" in rows and rows["return_mean"].notna().any()
    above = random if np.isfinite(random) else 0.0
    return (float(expert), float(random)) if some and expert > above else None


def _best(rows: pd.DataFrame) -> dict[int, np.ndarray]:
    """Position of a budget -> returns of the runs of the size with the highest mean return."""
    chosen, judged = halves(rows) or (rows["return_mean"], rows["return_mean"])
    rows = rows.assign(chosen=chosen, judged=judged)[rows["return_mean"].notna()]
    returns = {}
    for position, at in rows.groupby("position", sort=True):
        best = at.groupby("params")["chosen"].mean().idxmax()
        returns[int(position)] = np.sort(at.loc[at["params"] == best, "judged"].to_numpy(float))
    return returns


def _typed(rows: list[dict]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.fillna({n: "" for n, kind in COLUMNS.items() if kind == "str"}).astype(COLUMNS)
