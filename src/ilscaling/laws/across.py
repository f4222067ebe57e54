"""All games together: interquartile mean of expert-normalised return, by budget.

The statistics of Agarwal et al. (NeurIPS 2021, 'rliable'): scores of games x runs are pooled, the
lowest and the highest quarter trimmed; intervals by a bootstrap that resamples the runs within each
game. Rliable itself does not load beside pandas 3.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from ilscaling.grid import budget_name
from ilscaling.laws.draws import generator
from ilscaling.params import Laws

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
    """A row of COLUMNS for every budget that all games with an expert's return share, or one for
    each game's largest budget (empty `budget`) where they share none.

    A game's scores at a budget are the returns of the runs of its best size there, (R - random) /
    (expert - random), or R / expert where random play was not measured in every game (`scale`).
    Games that have no expert's return are left out, as `reason` says.
    """
    done = table[table["status"] == "done"] if "status" in table else table
    levels = {game: _levels(done[done["game"] == game]) for game in games}
    known = [game for game in games if levels[game] is not None]
    without = [game for game in games if levels[game] is None]
    reason = f"no returns or no expert_return of {', '.join(without)}" if without else ""
    if not known:
        return _typed([{"games": 0, "runs": 0, "level": settings.level, "reason": reason}])
    zero = all(np.isfinite(levels[game][1]) for game in known)
    scores: dict[str, dict[float, np.ndarray]] = {}
    for game in known:
        expert, random = levels[game]
        low = random if zero else 0.0
        found = _best(done[done["game"] == game])
        scores[game] = {b: (values - low) / (expert - low) for b, values in found.items()}
    shared = set.intersection(*({budget_name(b) for b in of} for of in scores.values()))
    pools = [
        (b, [of[next(x for x in of if budget_name(x) == budget_name(b))] for of in scores.values()])
        for b in sorted(scores[known[0]])
        if budget_name(b) in shared
    ]
    if not pools:
        pools = [(np.nan, [of[max(of)] for of in scores.values()])]
        reason = "; ".join(filter(None, ["each game at its largest budget", reason]))
    scale = "(R - random) / (expert - random)" if zero else "R / expert"
    rows = []
    for budget, pool in pools:
        row = {"budget": budget, "games": len(pool), "runs": sum(map(len, pool)), "scale": scale}
        row |= {"level": settings.level, "reason": reason, "iqm": iqm(np.concatenate(pool))}
        if settings.bootstrap and max(map(len, pool)) > 1:
            low, high = bootstrap(pool, settings, budget_name(budget))
            row |= {"low": low, "high": high, "interval": STRATIFIED}
        elif max(map(len, pool)) == 1:
            row["reason"] = "; ".join(filter(None, [reason, "one run a game: no interval"]))
        rows.append(row)
    return _typed(rows)


def iqm(scores: np.ndarray) -> float:
    """Mean of the scores (n,) without the lowest and the highest quarter."""
    return float(stats.trim_mean(scores, 0.25))


def bootstrap(pool: list[np.ndarray], settings: Laws, label: str) -> tuple[float, float]:
    """Interval of the interquartile mean; the runs of each game (runs,) are resampled alone."""
    drawing = generator("across", label, settings.seed)
    drawn = np.concatenate(
        [drawing.choice(runs, size=(settings.bootstrap, len(runs))) for runs in pool], axis=1
    )
    found = stats.trim_mean(drawn, 0.25, axis=1)
    low, high = np.quantile(found, [0.5 - settings.level / 2, 0.5 + settings.level / 2])
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


def _best(rows: pd.DataFrame) -> dict[float, np.ndarray]:
    """Budget -> returns of the runs of the size with the highest mean return."""
    rows = rows[rows["return_mean"].notna()]
    found = {}
    for budget, at in rows.groupby("budget", sort=True):
        best = at.groupby("params")["return_mean"].mean().idxmax()
        found[float(budget)] = np.sort(at.loc[at["params"] == best, "return_mean"].to_numpy(float))
    return found


def _typed(rows: list[dict]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.fillna({n: "" for n, kind in COLUMNS.items() if kind == "str"}).astype(COLUMNS)
